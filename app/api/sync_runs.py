"""Runs of sync loops that hold a commit: it is approved, or rejected."""

from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from app.access import Caller, Permission
from app.api.access import By, needs
from app.api.actors import actor_of
from app.api.answers import Json
from app.api.documents import problems_of
from app.api.drafts import NO_NUL
from app.api.paths import PREFIX, RunId
from app.api.query import known_keys
from app.api.records import record_json
from app.api.routing import Router
from app.api.services import Node, Services
from app.api.source_rights import permit_source
from app.sync.model import SyncRun

router = Router(
    prefix=f"{PREFIX}/sync-runs",
    tags=["Git"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404, 409, 422),
)


class Word(BaseModel):
    """Why somebody decided so."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[
        str, Field(max_length=1_000, pattern=NO_NUL, description="For those who come after.")
    ] = ""


@router.get("/{run_id}", summary="A sync, by its id alone")
@needs(Permission.REPO_READ)
async def get(run_id: RunId, node: Node, by: By) -> Response:
    """Answer with one sync: its outcome, what it holds, and what was decided about it."""
    return Json(record_json(await _permitted(node, by, Permission.REPO_READ, run_id)))


@router.post("/{run_id}/approve", summary="Let a held commit pass")
@needs(Permission.REVISION_ACTIVATE)
async def approve(run_id: RunId, node: Node, by: By, word: Word | None = None) -> Response:
    """Let this one commit pass what this sync told of; answer with the sync after it."""
    await _permitted(node, by, Permission.REVISION_ACTIVATE, run_id)
    reason = word.reason if word else ""
    return Json(record_json(await node.sync.approvals.approve(run_id, actor_of(by), reason)))


@router.post("/{run_id}/reject", summary="Never let a held commit pass")
@needs(Permission.REVISION_ACTIVATE)
async def reject(run_id: RunId, node: Node, by: By, word: Word | None = None) -> Response:
    """Keep this commit from becoming active, whatever changes; a newer one may pass."""
    await _permitted(node, by, Permission.REVISION_ACTIVATE, run_id)
    reason = word.reason if word else ""
    return Json(record_json(await node.sync.approvals.reject(run_id, actor_of(by), reason)))


async def _permitted(node: Services, by: Caller, permission: Permission, run_id: str) -> SyncRun:
    """Return a run of a source on which somebody has a permission; raises as `permit_source`."""
    found = await node.sync.run(run_id)
    await permit_source(node, by, permission, found.source_id, what=f"sync run {run_id}")
    return found
