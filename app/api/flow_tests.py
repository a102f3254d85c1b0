"""Unit tests of flows, by Kestra's paths: each is a file below `tests/` of its namespace."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

from fastapi import Body, Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from app.access import Permission
from app.api.access import needs
from app.api.answers import Json, page
from app.api.documents import answers_with, problems_of, yaml_body
from app.api.flow_test_documents import (
    SuiteDocument,
    SuitePage,
    SuiteVerdictDocument,
    suite_document,
    verdict_json,
)
from app.api.granted import Granted, Right
from app.api.paths import FLOW_RULE, NAME_RULE, NAMESPACE_RULE, PREFIX, Namespace, RunId
from app.api.proposals import PROPOSED
from app.api.query import Page, Size, Sort, known_keys
from app.api.routing import Router
from app.api.services import Node, Services
from app.api.validation import text_of
from app.errors import BadRequest, NotFound
from app.flows.edits import with_disabled
from app.flows.model import Flow
from app.flows.unit_test_documents import parse_suite
from app.flows.unit_tests import Suite
from app.sync.testing.suite_files import SuiteFile

router = Router(
    prefix=f"{PREFIX}/{{tenant}}/tests",
    tags=["Tests"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404, 409, 413, 422, 503),
)

_ONE = answers_with(SuiteDocument)
_CHANGED = _ONE | PROPOSED
_YAML = yaml_body("The tests.")

SuiteId = RunId
InNamespace = Annotated[str | None, Query(pattern=NAMESPACE_RULE, description="A namespace.")]
OfFlow = Annotated[
    str | None, Query(alias="flowId", pattern=FLOW_RULE, description="The flow that is tested.")
]
Below = Annotated[
    bool, Query(alias="includeChildNamespaces", description="Namespaces below it as well.")
]


class SuiteName(BaseModel):
    """The name of a file of tests. Further members are passed over, as some clients send them."""

    namespace: Annotated[str, Field(pattern=NAMESPACE_RULE)]
    id: Annotated[str, Field(pattern=NAME_RULE)]


class SuiteNames(BaseModel):
    """Several files of tests."""

    model_config = ConfigDict(extra="forbid")

    ids: Annotated[list[SuiteName], Field(min_length=1, max_length=1_000)]


@router.get("/search", summary="Tests", responses=answers_with(SuitePage))
@needs(Permission.FLOW_READ)
async def search(
    right: Granted,
    node: Node,
    number: Page = 1,
    size: Size = 10,
    sort: Sort = [],  # noqa: B006 - FastAPI copies it
    namespace: InNamespace = None,
    flow_id: OfFlow = None,
    below: Below = True,
) -> Response:
    """List the tests of a tenant, of a namespace or of a flow."""
    found = await node.suites.files.all(right.tenant, right.reach.holds)
    found = node.suites.wanted(found, namespace, flow_id, below=below)
    found = _ordered(found, sort)
    shown = found[(number - 1) * size : number * size]
    return page([suite_document(each) for each in shown], len(found))


def _ordered(found: list[SuiteFile], sort: Sequence[str]) -> list[SuiteFile]:
    for each in reversed(sort):
        name, _, direction = each.partition(":")
        if name not in ("id", "namespace") or direction not in ("", "asc", "desc"):
            message = f"sort: {each!r} is not possible; write id or namespace and :asc or :desc"
            raise BadRequest(message)
        found = sorted(found, key=lambda x: getattr(x, name), reverse=direction == "desc")
    return found


@router.post(
    "/validate",
    summary="Validate tests",
    responses=answers_with(SuiteVerdictDocument),
    openapi_extra=_YAML,
)
@needs(Permission.FLOW_VALIDATE)
async def validate(request: Request, right: Granted, node: Node) -> Response:
    """Tell what is wrong with tests: with the document, and with how it fits its flow."""
    source = text_of(await request.body())
    parsed = await asyncio.to_thread(parse_suite, source)
    problems = list(parsed.problems)
    if parsed.suite is not None:
        problems += parsed.against(await _tested(node, right, parsed.suite))
    return Json(verdict_json(parsed, problems))


async def _tested(node: Services, right: Right, suite: Suite) -> Flow | None:
    """Return the flow that tests are of, as far as the caller may see it."""
    if not right.to(Permission.FLOW_READ).holds(suite.namespace):
        return None
    try:
        return (await node.flows.current(right.tenant, suite.namespace, suite.flow_id)).flow
    except NotFound:
        return None


@router.post("", summary="Create tests", responses=_CHANGED, openapi_extra=_YAML)
@needs(Permission.FLOW_WRITE)
async def create(request: Request, right: Granted, node: Node) -> Response:
    """Create tests from YAML, as a commit; ones that exist are refused."""
    source = text_of(await request.body())
    if not right.reach.everywhere:
        parsed = await asyncio.to_thread(parse_suite, source)
        right.require([parsed.suite.namespace] if parsed.suite else [])
    made = await node.suites.files.put(right.tenant, source, actor=right.actor)
    return Json(suite_document(made))


@router.delete("/by-ids", summary="Delete several tests", responses=PROPOSED)
@needs(Permission.FLOW_WRITE)
async def delete_several(
    right: Granted, wish: Annotated[SuiteNames, Body()], node: Node
) -> Response:
    """Delete tests, in one commit a source."""
    files = await _named(node, right, wish)
    await node.suites.files.delete(files, actor=right.actor)
    return Json({"count": len(files)})


@router.post("/enable/by-ids", summary="Enable several tests", responses=PROPOSED)
@needs(Permission.FLOW_WRITE)
async def enable_several(
    right: Granted, wish: Annotated[SuiteNames, Body()], node: Node
) -> Response:
    """Let tests run again, in one commit a source."""
    return await _set_disabled(node, right, wish, disabled=False)


@router.post("/disable/by-ids", summary="Disable several tests", responses=PROPOSED)
@needs(Permission.FLOW_WRITE)
async def disable_several(
    right: Granted, wish: Annotated[SuiteNames, Body()], node: Node
) -> Response:
    """Keep tests from running, in one commit a source."""
    return await _set_disabled(node, right, wish, disabled=True)


async def _set_disabled(
    node: Services, right: Right, wish: SuiteNames, *, disabled: bool
) -> Response:
    files = await _named(node, right, wish)
    changes = [
        (each, with_disabled(each.parsed.source, disabled=disabled))
        for each in files
        if each.parsed.suite is None or each.parsed.suite.disabled is not disabled
    ]
    await node.suites.files.rewrite(changes, actor=right.actor)
    return Json({"count": len(files)})


async def _named(node: Services, right: Right, wish: SuiteNames) -> list[SuiteFile]:
    """Return the tests of these names; raises `NotFound` when one is not there."""
    right.require(each.namespace for each in wish.ids)
    names = dict.fromkeys((each.namespace, each.id) for each in wish.ids)
    return [await node.suites.files.get(right.tenant, *name) for name in names]


@router.get("/{namespace}/{suite_id}", summary="Tests of an id", responses=_ONE)
@needs(Permission.FLOW_READ)
async def get(right: Granted, namespace: Namespace, suite_id: SuiteId, node: Node) -> Response:
    """Answer with tests and their source."""
    return Json(suite_document(await node.suites.files.get(right.tenant, namespace, suite_id)))


@router.put(
    "/{namespace}/{suite_id}", summary="Update tests", responses=_CHANGED, openapi_extra=_YAML
)
@needs(Permission.FLOW_WRITE)
async def update(
    request: Request, right: Granted, namespace: Namespace, suite_id: SuiteId, node: Node
) -> Response:
    """Update tests from YAML, as a commit."""
    source = text_of(await request.body())
    at = (namespace, suite_id)
    made = await node.suites.files.put(right.tenant, source, actor=right.actor, at=at)
    return Json(suite_document(made))


@router.delete("/{namespace}/{suite_id}", summary="Delete tests", responses=_CHANGED)
@needs(Permission.FLOW_WRITE)
async def delete(right: Granted, namespace: Namespace, suite_id: SuiteId, node: Node) -> Response:
    """Delete tests, as a commit; answer with what they were."""
    file = await node.suites.files.get(right.tenant, namespace, suite_id)
    await node.suites.files.delete([file], actor=right.actor)
    return Json(suite_document(file) | {"deleted": True})
