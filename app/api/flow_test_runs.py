"""Runs of unit tests of flows, and what became of them, by Kestra's paths."""

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from app.access import Permission
from app.api.access import needs
from app.api.answers import Json, page
from app.api.documents import answers_with, problems_of
from app.api.flow_test_documents import (
    SuiteRunDocument,
    SuiteRunPage,
    SuiteRunsDocument,
    run_json,
)
from app.api.flow_tests import InNamespace, OfFlow, SuiteId, SuiteName
from app.api.granted import Granted
from app.api.paths import FLOW_RULE, NAMESPACE_RULE, PREFIX, Namespace, RunId
from app.api.query import Page, Size, Sort, known_keys
from app.api.routing import Router
from app.api.services import Node
from app.db.suite_runs import SORTABLE, RunQuery
from app.engine.flow_tests.documents import suite_of
from app.engine.flow_tests.junit import junit
from app.errors import BadRequest, Invalid, NotFound
from app.sync.testing.suite_files import SuiteFile

router = Router(
    prefix=f"{PREFIX}/{{tenant}}/tests",
    tags=["Tests"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404, 422, 503),
)


class LastWish(BaseModel):
    """Of which tests the last results are wanted; without any: of all."""

    model_config = ConfigDict(populate_by_name=True, extra="forbid")

    suites: Annotated[list[SuiteName] | None, Field(alias="testSuiteIds", max_length=1_000)] = None


class RunWish(BaseModel):
    """Which cases to run; without any: all."""

    model_config = ConfigDict(populate_by_name=True, extra="forbid")

    cases: Annotated[list[str] | None, Field(alias="testCases", max_length=1_000)] = None


class QueryWish(BaseModel):
    """Which tests to run."""

    model_config = ConfigDict(populate_by_name=True, extra="forbid")

    namespace: Annotated[str | None, Field(pattern=NAMESPACE_RULE)] = None
    flow_id: Annotated[str | None, Field(alias="flowId", pattern=FLOW_RULE)] = None
    below: Annotated[bool, Field(alias="includeChildNamespaces")] = True


# -- results ----------------------------------------------------------------------------------


@router.get("/results/search", summary="Results of tests", responses=answers_with(SuiteRunPage))
@needs(Permission.FLOW_READ)
async def results(
    right: Granted,
    node: Node,
    number: Page = 1,
    size: Size = 10,
    sort: Sort = [],  # noqa: B006 - FastAPI copies it
    suite_id: Annotated[str | None, Query(alias="testSuiteId", max_length=200)] = None,
    namespace: InNamespace = None,
    flow_id: OfFlow = None,
) -> Response:
    """List what became of tests, newest first; the last 100 runs of each are kept."""
    query = RunQuery(
        right.tenant, namespace, suite_id, flow_id, _sorted_by(sort), reach=right.reach
    )
    offset = (number - 1) * size
    found, total = await node.suites.runs.find(query, offset=offset, limit=size)
    return page([run_json(each) for each in found], total)


def _sorted_by(sort: Sequence[str]) -> list[tuple[str, bool]]:
    order = []
    for each in sort:
        name, _, direction = each.partition(":")
        if name not in SORTABLE or direction not in ("", "asc", "desc"):
            message = f"sort: {each!r} is not possible; known are {', '.join(SORTABLE)}"
            raise BadRequest(message)
        order.append((name, direction == "desc"))
    return order


@router.post(
    "/results/search/last", summary="Last results", responses=answers_with(SuiteRunsDocument)
)
@needs(Permission.FLOW_READ)
async def last_results(right: Granted, node: Node, wish: LastWish | None = None) -> Response:
    """Answer with the newest result of each of some tests."""
    asked = wish.suites if wish else None
    if asked is None:
        files = await node.suites.files.all(right.tenant, right.reach.holds)
        names = [(each.namespace, each.id) for each in files]
    else:
        names = [(each.namespace, each.id) for each in asked if right.holds(each.namespace)]
    found = await node.suites.runs.last(right.tenant, names)
    return Json({"results": [run_json(each) for each in found]})


@router.get("/results/{run_id}", summary="A result", responses=answers_with(SuiteRunDocument))
@needs(Permission.FLOW_READ)
async def result(
    right: Granted,
    run_id: RunId,
    node: Node,
    form: Annotated[
        Literal["json", "junit"], Query(alias="format", description="`junit`: JUnit XML.")
    ] = "json",
) -> Response:
    """Answer with what became of tests in one run."""
    found = await node.suites.runs.get(right.tenant, run_id)
    if found is None:
        message = f"there is no result {run_id}"
        raise NotFound(message)
    right.permit(found.namespace, f"result {run_id}")
    if form == "junit":
        document = junit([suite_of(found.result, right.tenant)])
        return Response(document, media_type="application/xml")
    return Json(run_json(found))


# -- running ----------------------------------------------------------------------------------


@router.post("/run", summary="Run several tests")
@needs(Permission.FLOW_VALIDATE)
async def run_several(right: Granted, wish: QueryWish, node: Node) -> Response:
    """Run the tests of a namespace or of a flow, in memory; answer with all results."""
    found = await node.suites.files.all(right.tenant, right.reach.holds)
    found = node.suites.wanted(found, wish.namespace, wish.flow_id, below=wish.below)
    ran = [run_json(await node.suites.run(each)) for each in found]
    asked = wish.model_dump(by_alias=True, exclude_none=True)
    body = {
        "requestMade": asked,
        "tenantId": right.tenant,
        "numberOfTestSuitesToBeRun": len(found),
        "numberOfTestCasesToBeRun": sum(len(each["results"]) for each in ran),
        "results": ran,
    }
    return Json(body)


@router.post(
    "/{namespace}/{suite_id}/run", summary="Run tests", responses=answers_with(SuiteRunDocument)
)
@needs(Permission.FLOW_VALIDATE)
async def run(
    right: Granted,
    namespace: Namespace,
    suite_id: SuiteId,
    node: Node,
    wish: RunWish | None = None,
) -> Response:
    """Run tests against what runs now, in memory: nothing reaches the network or the executions."""
    file = await node.suites.files.get(right.tenant, namespace, suite_id)
    cases = frozenset(wish.cases) if wish and wish.cases else None
    if cases and file.parsed.suite:
        _refuse_unknown(cases, file)
    return Json(run_json(await node.suites.run(file, cases)))


def _refuse_unknown(cases: frozenset[str], file: SuiteFile) -> None:
    known = {each.id for each in file.parsed.suite.test_cases} if file.parsed.suite else set()
    if unknown := sorted(cases - known):
        message = f"testCases: the tests {file.id} have no case {unknown[0]!r:.200}"
        raise Invalid(message)
