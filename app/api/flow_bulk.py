"""Changes of several flows at once: one commit, active as a whole when it is answered."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Annotated, Any

from fastapi import Body, Depends, Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from app.access import Permission
from app.api.access import needs
from app.api.actors import Message
from app.api.answers import Json
from app.api.documents import FlowDocument, answers_with, problems_of, yaml_body
from app.api.flow_json import flow_json, revision_json
from app.api.flow_lookup import Key, defaults_of, existing
from app.api.granted import Granted, Right
from app.api.paths import FLOW_RULE, NAMESPACE_RULE, PREFIX, Namespace
from app.api.proposals import PROPOSED
from app.api.query import known_keys
from app.api.routing import Router
from app.api.services import Node, Services
from app.api.validation import divided, text_of
from app.errors import Gone, Invalid, NotFound
from app.flows.parse import Parsed
from app.flows.problems import Problem
from app.sync.model import FlowWrite
from app.sync.validation import parse

router = Router(
    prefix=f"{PREFIX}/{{tenant}}/flows",
    tags=["Flows"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404, 409, 413, 422, 503),
)

_SEVERAL = answers_with(list[FlowDocument]) | PROPOSED


class FlowName(BaseModel):
    """The name of a flow. Further members are passed over: Kestra's Python SDK sends some."""

    namespace: Annotated[str, Field(pattern=NAMESPACE_RULE)]
    id: Annotated[str, Field(pattern=FLOW_RULE)]


@router.post(
    "/bulk",
    summary="Create and update flows",
    responses=_SEVERAL,
    openapi_extra=yaml_body("Flows, divided by `---`."),
)
@needs(Permission.FLOW_WRITE)
async def bulk(
    request: Request,
    right: Granted,
    node: Node,
    delete: Annotated[bool, Query(description="Delete what is not sent.")] = False,
    namespace: Annotated[str | None, Query(max_length=150)] = None,
    allow_child: Annotated[bool, Query(alias="allowNamespaceChild")] = False,
    message: Message = None,
) -> Response:
    """Create or update each flow that is sent, in one commit.

    With `delete`, flows of the `namespace` (without one: of each namespace that is sent) that are
    not sent are deleted.
    """
    changes = await _changes(request, node, right)
    if namespace is not None:
        _refuse_others(changes, namespace, children=allow_child)
    owned = {namespace} if namespace is not None else {each.namespace for each in changes}
    return await _apply(node, right, changes, owned if delete else set(), message)


@router.post(
    "/{namespace}",
    summary="Update the flows of a namespace",
    responses=_SEVERAL,
    openapi_extra=yaml_body("Flows, divided by `---`."),
)
@needs(Permission.FLOW_WRITE)
async def update_namespace(
    request: Request,
    right: Granted,
    namespace: Namespace,
    node: Node,
    delete: Annotated[bool, Query(description="Delete what is not sent.")] = True,
    override: Annotated[bool, Query(description="Whether flows that exist are updated.")] = True,
    message: Message = None,
) -> Response:
    """Create or update each flow that is sent; delete the others of the namespace. One commit."""
    changes = await _changes(request, node, right, namespace)
    _refuse_others(changes, namespace)
    if not override:
        changes = [each for each in changes if not _exists(node, right.tenant, each)]
        delete = False
    return await _apply(node, right, changes, {namespace} if delete else set(), message)


@router.delete("/delete/by-ids", summary="Delete several flows", responses=PROPOSED)
@needs(Permission.FLOW_WRITE)
async def delete_several(
    right: Granted, names: Annotated[list[FlowName], Body(max_length=1_000)], node: Node
) -> Response:
    """Delete each of these flows, in one commit."""
    right.require(each.namespace for each in names)
    for each in names:
        existing(node, Key(right.tenant, each.namespace, each.id))
    changes = [FlowWrite(each.namespace, each.id, None) for each in names]
    if changes:
        await node.sync.put_flows(right.tenant, changes, actor=right.actor, message=None)
    return Json({"count": len(changes)})


async def _changes(
    request: Request, node: Services, right: Right, namespace: str | None = None
) -> list[FlowWrite]:
    """Return what the documents of a body are to change.

    Raises:
        Invalid: with every problem of every document. Forbidden: for a namespace out of reach.
    """
    parts = divided(text_of(await request.body()))
    sources = [part.source for part in parts]
    defaults = await defaults_of(node, right, sources, namespace)

    def read(source: str) -> Parsed:
        return parse(source, node.registry, right.tenant, namespace, defaults=defaults)

    changes = await asyncio.to_thread(_read_all, sources, read)
    right.require(each.namespace for each in changes)
    return changes


def _read_all(sources: Sequence[str], read: Callable[[str], Parsed]) -> list[FlowWrite]:
    changes: dict[tuple[str, str], FlowWrite] = {}
    problems: list[Problem] = []
    for source in sources:
        parsed = read(source)
        problems.extend(parsed.errors)
        if parsed.flow is None:
            continue
        change = FlowWrite(parsed.flow.namespace, parsed.flow.id, source)
        if change[:2] in changes:
            problems.append(_duplicate(change))
        changes[change[:2]] = change
    if problems:
        raise Invalid("; ".join(str(each) for each in problems[:10]), problems=problems)
    return list(changes.values())


def _duplicate(change: FlowWrite) -> Problem:
    message = f"Duplicate flow id: {change.namespace}.{change.flow_id} is sent twice"
    return Problem("DUPLICATE_ID", "error", "flow.id", 0, 0, message, "send each flow once")


def _refuse_others(changes: Sequence[FlowWrite], namespace: str, *, children: bool = False) -> None:
    below = f"{namespace}."
    for each in changes:
        if each.namespace != namespace and not (children and each.namespace.startswith(below)):
            message = f"flow.namespace: {each.namespace}.{each.flow_id} is not in {namespace}"
            raise Invalid(message)


def _exists(node: Services, tenant: str, change: FlowWrite) -> bool:
    try:
        node.flows.effective(tenant, change.namespace, change.flow_id)
    except (NotFound, Gone):
        return False
    return True


async def _apply(
    node: Services, right: Right, changes: list[FlowWrite], owned: set[str], message: str | None
) -> Response:
    """Commit the changes; of the namespaces `owned`, flows that are not among them are deleted."""
    right.require(owned)
    tenant = right.tenant
    sent = {change[:2] for change in changes}
    gone = [
        each
        for each in node.flows.active(tenant)
        if each.namespace in owned and (each.namespace, each.flow_id) not in sent
    ]
    deletions = [FlowWrite(each.namespace, each.flow_id, None) for each in gone]
    if changes or deletions:
        wanted = [*changes, *deletions]
        await node.sync.put_flows(tenant, wanted, actor=right.actor, message=message)
    kept = [node.flows.effective(tenant, each.namespace, each.flow_id) for each in changes]
    body: list[dict[str, Any]] = [flow_json(await node.flows.load(each)) for each in kept]
    return Json([*body, *({**revision_json(each), "deleted": True} for each in gone)])
