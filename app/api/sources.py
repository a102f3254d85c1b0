"""Sources: the repositories that flows come from, their syncs, commits and findings."""

import asyncio
from typing import Annotated

from fastapi import Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from app.access import Permission
from app.api.access import By, needs
from app.api.answers import Json
from app.api.documents import problems_of
from app.api.paths import PREFIX, RunId, SourceId
from app.api.query import known_keys
from app.api.records import record_json
from app.api.routing import Router
from app.api.services import Node
from app.api.source_rights import permit_source, seen_sources
from app.errors import BadRequest, NotFound, Unavailable
from app.sync.model import FlowKey
from app.sync.trying import Trial

router = Router(
    prefix=f"{PREFIX}/sources",
    tags=["Git"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404),
)

Limit = Annotated[int, Query(ge=1, le=1_000, description="At most so many.")]


class SyncWish(BaseModel):
    """How a sync is asked for."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    wait: bool = Field(True, description="Answer when the sync is done.")
    dry_run: bool = Field(False, alias="dryRun", description="Only tell what it would do.")
    timeout: float = Field(30.0, gt=0, le=600, description="Longest wait, in seconds.")


@router.get("", summary="Sources")
@needs(Permission.REPO_READ)
async def listed(node: Node, by: By) -> Response:
    """List the sources of this node with their conditions."""
    return Json([record_json(each) for each in await seen_sources(node, by)])


@router.get("/{source_id}", summary="A source")
@needs(Permission.REPO_READ)
async def get(source_id: SourceId, node: Node, by: By) -> Response:
    """Answer with a source and its conditions."""
    await permit_source(node, by, Permission.REPO_READ, source_id)
    return Json(record_json(await node.sync.source(source_id)))


@router.post("/{source_id}/sync", summary="Sync a source")
@needs(Permission.REPO_MANAGE)
async def sync(source_id: SourceId, node: Node, by: By, wish: SyncWish | None = None) -> Response:
    """Ask the remote for what is new and activate it."""
    await permit_source(node, by, Permission.REPO_MANAGE, source_id)
    asked = wish or SyncWish()
    if asked.dry_run:
        return Json(record_json(await _tried(source_id, node, asked.timeout)))
    try:
        run = await node.sync.sync(source_id, wait=asked.wait, timeout=asked.timeout)
    except Unavailable as error:
        return Json({"accepted": True, "message": error.message}, 202)  # it goes on without us
    return Json({"accepted": True}, 202) if run is None else Json(record_json(run))


async def _tried(source_id: str, node: Node, seconds: float) -> Trial:
    try:
        async with asyncio.timeout(seconds):
            return await node.sync.try_sync(source_id)
    except TimeoutError:
        message = f"what a sync would do was not known within {seconds:g} s"
        raise Unavailable(message) from None


@router.get("/{source_id}/runs", summary="Syncs of a source")
@needs(Permission.REPO_READ)
async def runs(source_id: SourceId, node: Node, by: By) -> Response:
    """List the last syncs of a source, newest first."""
    await permit_source(node, by, Permission.REPO_READ, source_id)
    return Json([record_json(each) for each in await node.sync.runs(source_id)])


@router.get("/{source_id}/runs/{run_id}", summary="A sync")
@needs(Permission.REPO_READ)
async def run(source_id: SourceId, run_id: RunId, node: Node, by: By) -> Response:
    """Answer with one sync: its phases, counts and outcome."""
    await permit_source(node, by, Permission.REPO_READ, source_id)
    found = await node.sync.run(run_id)
    if found.source_id != source_id:
        message = f"there is no sync run {run_id}"
        raise NotFound(message)
    return Json(record_json(found))


@router.get("/{source_id}/commits", summary="Commits of a source")
@needs(Permission.REPO_READ)
async def commits(
    source_id: SourceId,
    node: Node,
    by: By,
    path: Annotated[str | None, Query(max_length=1_000, description="That changed it.")] = None,
    flow: Annotated[
        str | None, Query(max_length=260, description="That changed it: `namespace/id`.")
    ] = None,
    tenant: Annotated[str, Query(max_length=63, description="The tenant of `flow`.")] = "main",
    limit: Limit = 50,
) -> Response:
    """List the commits of a source, newest first."""
    await permit_source(node, by, Permission.REPO_READ, source_id)
    key = None if flow is None else _key(tenant, flow)
    found = await node.sync.commits(source_id, path=path, flow=key, limit=limit)
    return Json([record_json(each) for each in found])


@router.get("/{source_id}/findings", summary="What is wrong in a source")
@needs(Permission.REPO_READ)
async def findings(
    source_id: SourceId,
    node: Node,
    by: By,
    open_only: Annotated[bool, Query(alias="openOnly")] = True,
) -> Response:
    """List what is wrong in the files of a source: place, reason, way out."""
    await permit_source(node, by, Permission.REPO_READ, source_id)
    found = await node.sync.findings(source_id, open_only=open_only)
    return Json([record_json(each) for each in found])


def _key(tenant: str, flow: str) -> FlowKey:
    namespace, slash, flow_id = flow.partition("/")
    if not slash:
        message = f"flow: {flow!r} is not namespace/id"
        raise BadRequest(message)
    return tenant, namespace, flow_id
