"""Test results as Kestra's JSON (`TestSuiteRunResult`)."""

from collections.abc import Mapping
from typing import Any

from app.flows.unit_tests import UNIT_TEST
from app.ports import AssertionResult, CaseResult, SuiteResult


def suite_json(result: SuiteResult) -> dict[str, Any]:
    """Return what became of a file of tests; times are added by whoever ran it."""
    return {
        "testSuiteId": result.id,
        "namespace": result.namespace,
        "flowId": result.flow_id,
        "path": result.path,
        "state": result.state,
        "errors": list(result.errors),
        "results": [_case(each) for each in result.cases],
    }


def suite_of(body: Mapping[str, Any], tenant: str = "") -> SuiteResult:
    """Return the result that `suite_json` made JSON of."""
    return SuiteResult(
        body["testSuiteId"],
        body["path"],
        tenant,
        body["namespace"],
        body["flowId"],
        body["state"],
        tuple(_case_of(each) for each in body["results"]),
        tuple(body["errors"]),
    )


def _case_of(body: Mapping[str, Any]) -> CaseResult:
    assertions = [
        AssertionResult(
            each["operator"],
            each["expected"],
            each["actual"],
            each["isSuccess"],
            each.get("taskId", ""),
            each.get("description", ""),
            each.get("errorMessage", ""),
        )
        for each in body["assertionResults"]
    ]
    errors = tuple(each["message"] for each in body["errors"])
    return CaseResult(
        body["testId"], body["state"], body["duration"], tuple(assertions), errors, body["line"]
    )


def _case(case: CaseResult) -> dict[str, Any]:
    return {
        "testId": case.id,
        "testType": UNIT_TEST,
        "state": case.state,
        "duration": round(case.seconds, 6),
        "line": case.line,
        "assertionResults": [_assertion(each) for each in case.assertions],
        "errors": [{"message": each} for each in case.errors],
    }


def _assertion(found: AssertionResult) -> dict[str, Any]:
    told = {
        "taskId": found.task_id,
        "description": found.description,
        "errorMessage": found.message,
    }
    return {
        "operator": found.operator,
        "expected": found.expected,
        "actual": found.actual,
        "isSuccess": found.success,
        **{name: text for name, text in told.items() if text},
    }
