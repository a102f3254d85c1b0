"""Tests of flows and their results as Kestra's JSON, and what these look like."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from app.api.documents import Document, ErrorDocument
from app.api.problems import described
from app.api.times import instant
from app.db.suite_runs import SuiteRun
from app.flows.dump import dump
from app.flows.problems import Problem
from app.flows.unit_test_documents import ParsedSuite
from app.sync.testing.suite_files import SuiteFile

TestState = Literal["SUCCESS", "FAILED", "ERROR", "SKIPPED"]


class SuiteDocument(Document):
    """A file of tests."""

    id: str
    namespace: str
    flow_id: str
    description: str | None = None
    source: str
    test_cases: list[dict[str, Any]]
    disabled: bool
    deleted: bool
    path: str
    commit: str = Field(description="The commit that is active in the namespace.")
    problems: list[ErrorDocument]


class SuitePage(Document):
    """One page of tests."""

    results: list[SuiteDocument]
    total: int


class SuiteRunDocument(Document):
    """What became of a file of tests."""

    id: str
    test_suite_id: str
    namespace: str
    flow_id: str
    state: TestState
    start_date: datetime
    end_date: datetime
    commit: str
    results: list[dict[str, Any]]


class SuiteRunPage(Document):
    """One page of results."""

    results: list[SuiteRunDocument]
    total: int


class SuiteRunsDocument(Document):
    """Several results."""

    results: list[SuiteRunDocument]


class SuiteVerdictDocument(Document):
    """What a document of tests was found to be."""

    flow: str | None = None
    namespace: str | None = None
    index: int
    constraints: str | None = Field(None, description="What is wrong, in one text; absent if valid")
    outdated: bool
    warnings: list[str]
    problems: list[ErrorDocument]


def suite_document(file: SuiteFile) -> dict[str, Any]:
    """Return a file of tests; of one that cannot be read, what is wrong with it."""
    parsed = file.parsed
    body: dict[str, Any] = {"flowId": "", "testCases": []}
    if parsed.suite is not None:
        body = dump(parsed.suite)
    return {
        **body,
        "id": file.id,
        "namespace": file.namespace,
        "source": parsed.source,
        "disabled": bool(parsed.suite and parsed.suite.disabled),
        "deleted": False,
        "path": file.path,
        "commit": file.commit,
        "problems": [described(each) for each in parsed.problems],
    }


def run_json(run: SuiteRun) -> dict[str, Any]:
    """Return what became of a file of tests."""
    return {
        **run.result,
        "id": run.id,
        "testSuiteId": run.suite_id,
        "namespace": run.namespace,
        "flowId": run.flow_id,
        "state": run.state,
        "commit": run.commit,
        "startDate": instant(run.started_at),
        "endDate": instant(run.ended_at),
    }


def verdict_json(parsed: ParsedSuite, problems: Sequence[Problem]) -> dict[str, Any]:
    """Return what a document was found to be, as Kestra's `ValidateConstraintViolation`."""
    errors = [str(each) for each in problems if each.severity == "error"]
    body: dict[str, Any] = {
        "index": 0,
        "outdated": False,
        "warnings": [str(each) for each in problems if each.severity == "warning"],
        "problems": [described(each) for each in problems],
    }
    if parsed.suite is not None:
        body |= {"flow": parsed.suite.flow_id, "namespace": parsed.suite.namespace}
    if errors:
        body["constraints"] = "\n".join(errors)
    return body
