"""Graphs of flows, and how flows depend on each other."""

import asyncio
from functools import partial
from typing import Annotated, Any

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from app.access import Permission
from app.api.access import needs
from app.api.answers import Json
from app.api.dependencies import Dependencies
from app.api.documents import answers_with, problems_of, yaml_body
from app.api.flow_lookup import Key, Wanted, defaults_of, existing, revision_of
from app.api.granted import Granted
from app.api.graphs import Subflows, drawn, drawn_flow
from app.api.paths import PREFIX, FlowId, Namespace
from app.api.query import known_keys
from app.api.result_documents import DependenciesDocument, GraphDocument
from app.api.routing import Router
from app.api.services import Node
from app.api.validation import text_of
from app.errors import Invalid
from app.flows.topology import Name
from app.sync.validation import parse

router = Router(
    prefix=f"{PREFIX}/{{tenant}}",
    tags=["Flows"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404, 409),
)

_GRAPH = answers_with(GraphDocument)
_DEPENDENCIES = answers_with(DependenciesDocument)

DestinationOnly = Annotated[
    bool,
    Query(alias="destinationOnly", description="Only what follows, not what comes before."),
]
ExpandAll = Annotated[
    bool, Query(alias="expandAll", description="Also what depends on what depends on it.")
]


@router.post(
    "/flows/graph",
    summary="The graph of a flow that is sent",
    responses=_GRAPH,
    openapi_extra=yaml_body("The flow."),
)
@needs(Permission.FLOW_VALIDATE)
async def of_source(
    request: Request,
    right: Granted,
    node: Node,
    subflows: Subflows = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """Draw a flow without saving it."""
    source = text_of(await request.body())
    defaults = await defaults_of(node, right, [source])
    read = partial(parse, source, node.registry, right.tenant, None, defaults=defaults)
    parsed = await asyncio.to_thread(read)
    if parsed.flow is None:
        text = "; ".join(str(each) for each in parsed.errors[:10])
        raise Invalid(text, problems=parsed.errors)
    return Json(await drawn_flow(node, right.to(Permission.FLOW_READ), parsed.flow, subflows))


@router.get("/flows/{namespace}/{flow_id}/graph", summary="The graph of a flow", responses=_GRAPH)
@needs(Permission.FLOW_READ)
async def of_flow(
    right: Granted,
    namespace: Namespace,
    flow_id: FlowId,
    node: Node,
    revision: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    subflows: Subflows = [],  # noqa: B006 - as above
) -> Response:
    """Draw a flow as it runs now, or as a revision says."""
    key = Key(right.tenant, namespace, flow_id)
    if revision is None:
        found = existing(node, key)
    else:
        found = await revision_of(node, key, Wanted(revision))
    return Json(await drawn(node, right, await node.flows.load(found), subflows))


@router.get(
    "/flows/{namespace}/{flow_id}/dependencies",
    summary="What depends on a flow, and it on what",
    responses=_DEPENDENCIES,
)
@needs(Permission.FLOW_READ)
async def of_one(
    request: Request,
    right: Granted,
    namespace: Namespace,
    flow_id: FlowId,
    node: Node,
    destination_only: DestinationOnly = False,
    expand_all: ExpandAll = False,
) -> Response:
    """List the flows around a flow: those that it starts or that listen to it, and the reverse."""
    existing(node, Key(right.tenant, namespace, flow_id))
    known: Dependencies = request.app.state.dependencies
    name = Name(namespace, flow_id)
    found = await known.around(
        node, right, {name}, forward_only=destination_only, everything=expand_all
    )
    return Json(found)


@router.get(
    "/namespaces/{namespace}/dependencies",
    summary="How the flows of a namespace depend on others",
    responses=_DEPENDENCIES,
)
@needs(Permission.FLOW_READ)
async def of_namespace(
    request: Request,
    right: Granted,
    namespace: Namespace,
    node: Node,
    destination_only: DestinationOnly = False,
) -> Response:
    """List the flows of a namespace, and the flows around them."""
    known: Dependencies = request.app.state.dependencies
    here = {
        Name(each.namespace, each.flow_id)
        for each in node.flows.active(right.tenant)
        if each.namespace == namespace
    }
    found: dict[str, Any] = await known.around(node, right, here, forward_only=destination_only)
    return Json(found)
