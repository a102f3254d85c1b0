"""Flows disabled, enabled, deleted by a list or by filters; one task of a flow replaced."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Body, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from app.access import Permission
from app.api.access import needs
from app.api.actors import Message
from app.api.answers import Json
from app.api.documents import FlowDocument, answers_with, problems_of, yaml_body
from app.api.drafts import NO_NUL
from app.api.flow_bulk import FlowName
from app.api.flow_json import flow_json
from app.api.flow_lookup import Key, existing
from app.api.flow_search import find, plain_filters
from app.api.granted import Granted, Right
from app.api.paths import PREFIX, FlowId, Namespace
from app.api.query import known_keys, takes_filters
from app.api.result_documents import CountDocument
from app.api.routing import Router
from app.api.services import Node, Services
from app.api.validation import text_of
from app.errors import Invalid
from app.flows.edits import with_task
from app.flows.parse import parse_document
from app.ports import FlowRevision
from app.sync.model import FlowWrite
from app.sync.overlays import Word

MAX_FLOWS = 1_000

router = Router(
    prefix=f"{PREFIX}/{{tenant}}/flows",
    tags=["Flows"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404, 409, 422, 503),
)

Why = Annotated[
    str, Query(max_length=1_000, pattern=NO_NUL, description="Why, for those who come after.")
]
Names = Annotated[list[FlowName], Body(max_length=MAX_FLOWS)]

_COUNT = answers_with(CountDocument)
_FOUND = [Depends(plain_filters)]


@router.post("/disable/by-ids", summary="Disable several flows", responses=_COUNT)
@needs(Permission.REVISION_ACTIVATE)
async def disable_several(right: Granted, names: Names, node: Node, reason: Why = "") -> Response:
    """Disable each of these flows by an overlay: Git stays as it is."""
    word = Word(right.actor, reason)
    return await _toggle(node, right, _named(node, right, names), word, disabled=True)


@router.post("/enable/by-ids", summary="Enable several flows", responses=_COUNT)
@needs(Permission.REVISION_ACTIVATE)
async def enable_several(right: Granted, names: Names, node: Node, reason: Why = "") -> Response:
    """Enable each of these flows by an overlay: Git stays as it is."""
    word = Word(right.actor, reason)
    return await _toggle(node, right, _named(node, right, names), word, disabled=False)


@router.post(
    "/disable/by-query", summary="Disable all flows found", responses=_COUNT, dependencies=_FOUND
)
@takes_filters
@needs(Permission.REVISION_ACTIVATE)
async def disable_found(request: Request, right: Granted, node: Node, reason: Why = "") -> Response:
    """Disable each flow that the filters find by an overlay: Git stays as it is."""
    found = await found_by(request, node, right)
    return await _toggle(node, right, found, Word(right.actor, reason), disabled=True)


@router.post(
    "/enable/by-query", summary="Enable all flows found", responses=_COUNT, dependencies=_FOUND
)
@takes_filters
@needs(Permission.REVISION_ACTIVATE)
async def enable_found(request: Request, right: Granted, node: Node, reason: Why = "") -> Response:
    """Enable each flow that the filters find by an overlay: Git stays as it is."""
    found = await found_by(request, node, right)
    return await _toggle(node, right, found, Word(right.actor, reason), disabled=False)


@router.delete(
    "/delete/by-query", summary="Delete all flows found", responses=_COUNT, dependencies=_FOUND
)
@takes_filters
@needs(Permission.FLOW_WRITE)
async def delete_found(request: Request, right: Granted, node: Node) -> Response:
    """Delete each flow that the filters find, in one commit."""
    found = await found_by(request, node, right)
    changes = [FlowWrite(each.namespace, each.flow_id, None) for each in found]
    if changes:
        await node.sync.put_flows(right.tenant, changes, actor=right.actor, message=None)
    return Json({"count": len(changes)})


@router.patch(
    "/{namespace}/{flow_id}/{task_id}",
    summary="Replace a task of a flow",
    responses=answers_with(FlowDocument),
    openapi_extra=yaml_body("The task, as YAML or JSON."),
)
@needs(Permission.FLOW_WRITE)
async def patch_task(
    request: Request,
    right: Granted,
    namespace: Namespace,
    flow_id: FlowId,
    task_id: str,
    node: Node,
    message: Message = None,
) -> Response:
    """Put another task in the place of one; the rest of the source stays as it is."""
    key = Key(right.tenant, namespace, flow_id)
    found = existing(node, key)
    task = _task(text_of(await request.body()), task_id)
    source = with_task(await node.flows.source(found), task_id, task)
    revision = await node.sync.put_flow(
        *key, source, actor=right.actor, message=message, create=False
    )
    return Json(flow_json(await node.flows.load(revision), source=True))


def _task(text: str, task_id: str) -> dict[str, Any]:
    task = parse_document(text)
    if task.get("id") != task_id:
        message = f"Illegal flow update: the task is {task_id!r}, but {task.get('id')!r} is sent"
        raise Invalid(message)
    return task


async def found_by(request: Request, node: Services, right: Right) -> list[FlowRevision]:
    """Return the flows within reach that the filters of a request find.

    Raises:
        Invalid: when they are more than one request may change.
    """
    found = await find(node, right, request.query_params)
    if len(found) > MAX_FLOWS:
        message = f"{len(found)} flows are found, the limit is {MAX_FLOWS}; narrow the query"
        raise Invalid(message)
    return found


def _named(node: Services, right: Right, names: Sequence[FlowName]) -> list[FlowRevision]:
    right.require(each.namespace for each in names)
    for each in names:
        existing(node, Key(right.tenant, each.namespace, each.id))
    keys = dict.fromkeys((each.namespace, each.id) for each in names)
    found = (node.flows.in_git(right.tenant, *key) for key in keys)
    return [each for each in found if each is not None]


async def _toggle(
    node: Services, right: Right, flows: Sequence[FlowRevision], word: Word, *, disabled: bool
) -> Response:
    """Override the flows; answer how many are meant."""
    keys = [(right.tenant, each.namespace, each.flow_id) for each in flows]
    await node.overlays.disable_flows(keys, word, disabled=disabled)
    return Json({"count": len(flows)})
