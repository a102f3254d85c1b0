"""Who wrote each part of a flow, which commit broke it, and which one broke its tests."""

from typing import Annotated

from fastapi import Body, Depends, Query
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.responses import Response

from app.access import Permission
from app.api.access import needs
from app.api.answers import Json
from app.api.documents import answers_with, problems_of
from app.api.flow_lookup import Key, Which, revision_of
from app.api.flow_tracing_documents import (
    BisectionDocument,
    BlameDocument,
    BreakageDocument,
    bisection_json,
    blame_json,
    breakage_json,
)
from app.api.granted import Granted
from app.api.paths import (
    COMMIT_RULE,
    EXECUTION_RULE,
    NAME_RULE,
    NAMESPACE_RULE,
    PREFIX,
    FlowId,
    Namespace,
    Tenant,
)
from app.api.query import known_keys
from app.api.routing import Router
from app.api.services import Node, Services
from app.errors import NotFound
from app.ports import FlowRevision, SuiteSource

router = Router(
    prefix=f"{PREFIX}/{{tenant}}/flows",
    tags=["Tracing"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404, 409, 410, 422),
)

Number = Annotated[int, Field(ge=1, le=2**31 - 1, description="The number of a revision.")]
Commit = Annotated[str, Field(pattern=COMMIT_RULE, description="What this commit says.")]


class BisectWish(BaseModel):
    """Between which revisions to look, and by which tests."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    good: Number | Commit = Field(description="A revision or commit at which the tests pass.")
    bad: Number | Commit | None = Field(
        None, description="One at which they fail; by default what runs now."
    )
    test: Annotated[str, Field(pattern=NAME_RULE)] | None = Field(
        None, description="The id of tests in Git."
    )
    namespace: Annotated[str, Field(pattern=NAMESPACE_RULE)] | None = Field(
        None, description="The namespace of these tests; by default the flow's."
    )
    source: str | None = Field(None, max_length=1_048_576, description="Or the tests, as YAML.")
    cases: list[str] | None = Field(
        None, alias="testCases", max_length=1_000, description="Only these cases."
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> "BisectWish":
        if (self.test is None) == (self.source is None):
            raise ValueError("give test or source")
        return self


@router.get(
    "/{namespace}/{flow_id}/blame",
    summary="Who wrote each part of a flow",
    responses=answers_with(BlameDocument),
)
@needs(Permission.FLOW_READ)
async def blame(
    tenant: Tenant, namespace: Namespace, flow_id: FlowId, which: Which, node: Node
) -> Response:
    """Tell of each task, trigger, input and output by which commit it says what it says.

    What counts is what the parts mean: comments, order and formatting change nothing.
    """
    revision = await revision_of(node, Key(tenant, namespace, flow_id), which)
    return Json(blame_json(revision, await node.tracing.blames.of(revision)))


@router.get(
    "/{namespace}/{flow_id}/broken-by",
    summary="Which commit broke a flow",
    responses=answers_with(BreakageDocument),
)
@needs(Permission.FLOW_READ)
async def broken_by(
    right: Granted,
    namespace: Namespace,
    flow_id: FlowId,
    node: Node,
    execution: Annotated[
        str | None,
        Query(pattern=EXECUTION_RULE, description="An execution that failed; else the newest."),
    ] = None,
) -> Response:
    """Tell what changed between the last execution that went well and the first that failed."""
    key = Key(right.tenant, namespace, flow_id)
    right.to(Permission.EXECUTION_READ).require([namespace])
    if not await node.flows.revisions(*key):
        message = f"there is no flow {namespace}.{flow_id} in tenant {right.tenant}"
        raise NotFound(message)
    found = None if execution is None else await node.executions.get(right.tenant, execution)
    if found is not None and (found.namespace, found.flow_id) != (namespace, flow_id):
        message = f"execution {execution} is none of {namespace}.{flow_id}"
        raise NotFound(message)
    return Json(breakage_json(await node.tracing.breakages.of(key, found)))


@router.post(
    "/{namespace}/{flow_id}/bisect",
    summary="Find the revision that broke the tests of a flow",
    responses=answers_with(BisectionDocument),
)
@needs(Permission.FLOW_VALIDATE)
async def bisect(
    right: Granted,
    namespace: Namespace,
    flow_id: FlowId,
    wish: Annotated[BisectWish, Body()],
    node: Node,
) -> Response:
    """Run tests in memory at revisions between a good and a bad one: about log2(n) runs."""
    key = Key(right.tenant, namespace, flow_id)
    good = await _named(node, key, wish.good)
    bad = node.flows.effective(*key) if wish.bad is None else await _named(node, key, wish.bad)
    cases = frozenset(wish.cases) if wish.cases else None
    right.to(Permission.FLOW_READ).require([wish.namespace or namespace])
    if wish.source is not None:  # what it asks for is told: all that a flow of the place may read
        right.to(Permission.FLOW_WRITE).require([namespace])
    source = await _tests(node, key, wish)
    return Json(bisection_json(await node.tracing.bisects.of(good, bad, source, cases)))


async def _named(node: Services, key: Key, wanted: int | str) -> FlowRevision:
    if isinstance(wanted, int):
        return await node.flows.find(*key, revision=wanted)
    return await node.flows.find(*key, commit=wanted)


async def _tests(node: Services, key: Key, wish: BisectWish) -> SuiteSource:
    if wish.source is not None:
        return SuiteSource("", key.tenant, key.namespace, wish.source)
    namespace = wish.namespace or key.namespace
    return (await node.suites.files.get(key.tenant, namespace, wish.test or "")).source
