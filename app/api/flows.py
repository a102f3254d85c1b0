"""Flows: look up, search, revisions, sources, differences."""

from typing import Annotated, Any

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from app.access import Permission
from app.api.access import needs
from app.api.answers import Json, entity_tag, matches, page
from app.api.documents import FlowDocument, FlowPage, answers_with, problems_of, text_answer
from app.api.flow_json import flow_json, unreadable_json
from app.api.flow_lookup import (
    DELETED,
    Key,
    Wanted,
    Which,
    current,
    flows_of,
    last_content,
    revision_of,
)
from app.api.flow_search import find, ordered, plain_filters
from app.api.granted import Granted
from app.api.paths import PREFIX, FlowId, Namespace, Tenant
from app.api.query import Page, Size, Sort, known_keys, takes_filters
from app.api.routing import Router
from app.api.services import Node, Services
from app.engine.inputs import find_task
from app.errors import Conflict, Gone, NotFound, Redacted
from app.flows.dump import dump
from app.ports import FlowRevision, LoadedFlow

router = Router(
    prefix=f"{PREFIX}/{{tenant}}/flows",
    tags=["Flows"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404, 410),
)

_ONE = answers_with(FlowDocument)
_SEVERAL = answers_with(list[FlowDocument])


@router.get(
    "/search",
    summary="Search flows",
    responses=answers_with(FlowPage),
    dependencies=[Depends(plain_filters)],
)
@takes_filters
@needs(Permission.FLOW_READ)
async def search(
    request: Request,
    right: Granted,
    node: Node,
    number: Page = 1,
    size: Size = 10,
    sort: Sort = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """List flows in order of name; `filters[field][OPERATION]=value` may be given as well."""
    found = ordered(await find(node, right, request.query_params), sort)
    shown = found[(number - 1) * size : number * size]
    return page([await _running(node, each) for each in shown], len(found))


@router.get("/distinct-namespaces", summary="Namespaces that have flows")
@needs(Permission.FLOW_READ)
async def namespaces(
    right: Granted, node: Node, q: Annotated[str | None, Query(max_length=500)] = None
) -> Response:
    """List the namespaces that have flows, in order; `q` is a part of the name."""
    wanted = (q or "").casefold()
    names = {each.namespace for each in flows_of(node, right)}
    return Json(sorted(name for name in names if wanted in name.casefold()))


@router.get("/{namespace}", summary="Flows of a namespace", responses=_SEVERAL)
@needs(Permission.FLOW_READ)
async def of_namespace(tenant: Tenant, namespace: Namespace, node: Node) -> Response:
    """List the flows of one namespace, those below it left out."""
    flows = [each for each in node.flows.active(tenant) if each.namespace == namespace]
    return Json([await _running(node, each) for each in flows])


@router.get("/{namespace}/{flow_id}", summary="Look up a flow", responses=_ONE)
@needs(Permission.FLOW_READ)
async def get(
    request: Request,
    tenant: Tenant,
    namespace: Namespace,
    flow_id: FlowId,
    which: Which,
    node: Node,
    source: Annotated[bool, Query(description="With the source.")] = False,
    allow_deleted: Annotated[bool, Query(alias="allowDeleted")] = False,
) -> Response:
    """Answer with a flow as it runs now, or as it was; its ETag is the object id of its source."""
    key = Key(tenant, namespace, flow_id)
    try:
        revision = await revision_of(node, key, which)
    except Gone as error:
        if not allow_deleted:
            raise NotFound(error.message) from None
        return Json(await _deleted(node, key, source=source))
    if revision.kind == DELETED:
        return Json(await _deleted(node, key, source=source))
    tag = entity_tag(revision.blob)
    if matches(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers={"ETag": tag})
    body = await _shown(node, revision, source=source)
    return Json(body, headers={"ETag": tag, "Cache-Control": "no-cache"})


@router.get(
    "/{namespace}/{flow_id}/source", summary="The source of a flow", responses=text_answer("YAML")
)
@needs(Permission.FLOW_READ)
async def source_of(
    request: Request,
    tenant: Tenant,
    namespace: Namespace,
    flow_id: FlowId,
    which: Which,
    node: Node,
) -> Response:
    """Send the YAML of a flow, byte for byte as it was committed."""
    revision = await revision_of(node, Key(tenant, namespace, flow_id), which)
    tag = entity_tag(revision.blob)
    if matches(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers={"ETag": tag})
    headers = {"ETag": tag, "X-Revision": str(revision.revision), "X-Commit": revision.commit}
    text = await node.flows.source(revision)
    return Response(text, headers=headers, media_type="application/x-yaml")


@router.get("/{namespace}/{flow_id}/revisions", summary="Revisions of a flow", responses=_SEVERAL)
@needs(Permission.REVISION_READ)
async def revisions(
    tenant: Tenant,
    namespace: Namespace,
    flow_id: FlowId,
    node: Node,
    allow_delete: Annotated[bool, Query(alias="allowDelete")] = True,
) -> Response:
    """List all revisions of a flow with their sources, oldest first."""
    found = await node.flows.revisions(tenant, namespace, flow_id)
    if not found:
        message = f"there is no flow {namespace}.{flow_id} in tenant {tenant}"
        raise NotFound(message)
    shown = [each for each in found if allow_delete or each.kind != DELETED]
    return Json([await _shown(node, each, source=True) for each in shown])


@router.get(
    "/{namespace}/{flow_id}/diff",
    summary="What changed between two revisions",
    responses=text_answer("Unified", "text/x-diff"),
)
@needs(Permission.REVISION_READ)
async def diff(
    tenant: Tenant,
    namespace: Namespace,
    flow_id: FlowId,
    node: Node,
    old: Annotated[str, Query(alias="from", max_length=64, description="Revision or commit.")],
    new: Annotated[str, Query(alias="to", max_length=64, description="Revision or commit.")],
) -> Response:
    """Send the difference of two revisions in the unified format."""
    text = await node.sync.diff(tenant, namespace, flow_id, old, new)
    return Response(text, media_type="text/x-diff; charset=utf-8")


@router.get("/{namespace}/{flow_id}/tasks/{task_id}", summary="A task of a flow")
@needs(Permission.FLOW_READ)
async def task(
    tenant: Tenant,
    namespace: Namespace,
    flow_id: FlowId,
    task_id: str,
    node: Node,
    revision: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
) -> Response:
    """Answer with one task of a flow, however deep it lies."""
    key = Key(tenant, namespace, flow_id)
    if revision is None:
        loaded = await current(node, key)
    else:
        loaded = await node.flows.load(await revision_of(node, key, Wanted(revision)))
    try:
        return Json(dump(find_task(loaded, task_id)))
    except Conflict as error:
        raise NotFound(error.message) from None


async def _running(node: Services, flow: FlowRevision) -> dict[str, Any]:
    """Return the JSON of what runs now of a flow: its pinned revision, if it has one."""
    return await _shown(node, node.flows.effective(flow.tenant, flow.namespace, flow.flow_id))


async def _shown(node: Services, revision: FlowRevision, *, source: bool = False) -> dict[str, Any]:
    """Return the JSON of a revision, also of one that cannot be read or is a tombstone."""
    key = Key(revision.tenant, revision.namespace, revision.flow_id)
    if revision.kind == DELETED:
        text = "" if source else None
        return unreadable_json(revision, "the flow was deleted", text)
    try:
        loaded = await node.flows.load(revision)
    except Redacted as error:
        return unreadable_json(revision, error.message, "" if source else None)
    except Conflict as error:
        text = await node.flows.source(revision) if source else None
        return unreadable_json(revision, error.message, text)
    if _runs(node, key, revision):
        loaded = node.flows.overrides.laid(loaded)
    pin = node.flows.pinned(*key)
    pinned = pin is not None and pin.revision == revision.revision
    return flow_json(loaded, source=source, pinned=pinned)


def _runs(node: Services, key: Key, revision: FlowRevision) -> bool:
    """Whether a revision is the one that runs now."""
    running = node.flows.pinned(*key) or node.flows.in_git(*key)
    return running is not None and running.revision == revision.revision


async def _deleted(node: Services, key: Key, *, source: bool) -> dict[str, Any]:
    """Return the JSON of a deleted flow: what it said last, at the revision of its tombstone."""
    newest, loaded = await last_content(node, key)
    return flow_json(LoadedFlow(newest, loaded.flow, loaded.source), source=source, deleted=True)
