"""Changes of flows: each is a commit on the tracked branch, and active when it is answered."""

import asyncio
from functools import partial
from typing import Annotated

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from app.access import Permission
from app.api.access import needs
from app.api.actors import Message
from app.api.answers import Json, entity_tag, matches, nothing
from app.api.documents import FlowDocument, answers_with, problems_of, yaml_body
from app.api.flow_json import flow_json
from app.api.flow_lookup import Key, defaults_of, existing
from app.api.granted import Granted, Right
from app.api.paths import PREFIX, FlowId, Namespace
from app.api.proposals import PROPOSED
from app.api.query import known_keys
from app.api.routing import Router
from app.api.services import Node, Services
from app.api.validation import text_of
from app.errors import Invalid, PreconditionFailed
from app.ports import FlowRevision
from app.sync.changesets.model import Change
from app.sync.validation import parse

router = Router(
    prefix=f"{PREFIX}/{{tenant}}/flows",
    tags=["Flows"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404, 409, 412, 413, 422, 503),
)

_ONE = answers_with(FlowDocument) | PROPOSED

Draft = Annotated[bool, Query(description="Only false is accepted; see `/drafts`.")]


@router.post("", summary="Create a flow", responses=_ONE, openapi_extra=yaml_body("The flow."))
@needs(Permission.FLOW_WRITE)
async def create(
    request: Request, right: Granted, node: Node, message: Message = None, draft: Draft = False
) -> Response:
    """Create a flow from YAML; one that exists is refused.

    Where the source takes changes by pull request only, this and every other change is proposed:
    202 names the changeset, its branch and pull request.
    """
    _refuse_drafts(draft=draft)
    source = text_of(await request.body())
    namespace = await _namespace(node, right, source)
    revision = await node.sync.put_flow(
        right.tenant, namespace, None, source, actor=right.actor, message=message, create=True
    )
    return await _written(node, revision)


@router.put(
    "/{namespace}/{flow_id}",
    summary="Update a flow",
    responses=_ONE,
    openapi_extra=yaml_body("The flow."),
)
@needs(Permission.FLOW_WRITE)
async def update(
    request: Request,
    right: Granted,
    namespace: Namespace,
    flow_id: FlowId,
    node: Node,
    message: Message = None,
    draft: Draft = False,
) -> Response:
    """Update a flow from YAML; with `If-Match` only if it is still what its ETag says.

    Else 412 has `merged`: what is sent and what is there, with conflict markers where they differ.
    """
    _refuse_drafts(draft=draft)
    key = Key(right.tenant, namespace, flow_id)
    body = await request.body()
    await _check_unchanged(request, node, key, body)
    source = text_of(body)
    revision = await node.sync.put_flow(
        *key, source, actor=right.actor, message=message, create=False
    )
    return await _written(node, revision)


@router.delete(
    "/{namespace}/{flow_id}", status_code=204, summary="Delete a flow", responses=PROPOSED
)
@needs(Permission.FLOW_WRITE)
async def delete(
    request: Request, right: Granted, namespace: Namespace, flow_id: FlowId, node: Node
) -> Response:
    """Delete a flow; its revisions stay readable, its executions go on."""
    key = Key(right.tenant, namespace, flow_id)
    await _check_unchanged(request, node, key)
    await node.sync.delete_flow(*key, right.actor)
    return nothing()


async def _namespace(node: Services, right: Right, source: str) -> str | None:
    """Return the namespace that a flow is to be written into: for some callers not any will do.

    Raises:
        Invalid: when it is no valid flow. Forbidden: for another namespace than those.
    """
    if right.reach.everywhere:
        return None  # whichever the text names: it is read once
    defaults = await defaults_of(node, right, [source])
    read = partial(parse, source, node.registry, right.tenant, None, defaults=defaults)
    parsed = await asyncio.to_thread(read)
    if parsed.flow is None:
        raise Invalid("; ".join(map(str, parsed.errors[:10])), problems=parsed.problems)
    right.require([parsed.flow.namespace])
    return parsed.flow.namespace


def _refuse_drafts(*, draft: bool) -> None:
    if draft:
        message = "draft: save it by POST to /drafts instead"
        raise Invalid(message)


async def _check_unchanged(
    request: Request, node: Services, key: Key, body: bytes | None = None
) -> None:
    """Refuse a change of something else than what is in Git now.

    Raises:
        NotFound: when there is no such flow.
        PreconditionFailed: when `If-Match` names another version; with the merge of `body` and
            what is there now, where there is one.
    """
    running = existing(node, key)
    now = node.flows.in_git(*key) or running
    wanted, tag = request.headers.get("if-match"), entity_tag(now.blob)
    if wanted is not None and not matches(wanted, tag):
        message = (
            f"flow {now.namespace}.{now.flow_id} is at revision {now.revision} with ETag {tag},"
            " not at the one you changed; read it again"
        )
        change = Change(now.namespace, "flow", now.flow_id, body)
        told = await node.sync.changesets.drafts.overlap(key.tenant, change, wanted.strip('W/" '))
        raise PreconditionFailed(message, **told)


async def _written(node: Services, revision: FlowRevision) -> Response:
    loaded = await node.flows.load(revision)
    headers = {"ETag": entity_tag(revision.blob)}
    return Json(flow_json(loaded, source=True), headers=headers)
