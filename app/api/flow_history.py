"""The story of a flow: its revisions, what people did with it, and how its executions went."""

from typing import Any

from fastapi import Depends
from starlette.responses import Response

from app.access import Permission
from app.api.access import needs
from app.api.answers import Json
from app.api.documents import problems_of
from app.api.flow_json import revision_json
from app.api.paths import PREFIX, FlowId, Namespace, Tenant
from app.api.query import known_keys
from app.api.routing import Router
from app.api.services import Node
from app.api.times import instant
from app.db.audit import AuditEntry, AuditFilter
from app.db.records import FileMove
from app.errors import NotFound
from app.ports import FlowRevision

_MOST_EVENTS = 500

router = Router(
    prefix=f"{PREFIX}/{{tenant}}/flows",
    tags=["Flows"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404),
)


@router.get("/{namespace}/{flow_id}/history", summary="The story of a flow")
@needs(Permission.REVISION_READ)
async def history(tenant: Tenant, namespace: Namespace, flow_id: FlowId, node: Node) -> Response:
    """List revisions with counts of their executions, moves of the file, and what was done.

    The newest comes first.
    """
    key = (tenant, namespace, flow_id)
    revisions = await node.flows.revisions(*key)
    if not revisions:
        message = f"there is no flow {namespace}.{flow_id} in tenant {tenant}"
        raise NotFound(message)
    running = node.flows.pinned(*key) or node.flows.in_git(*key)
    counts: dict[int, dict[str, int]] = {}
    for each in await node.sources.health.tallies(key=key):
        counts.setdefault(each.revision, {})[each.state] = each.count
    about = AuditFilter(tenant, f"flow/{namespace}.{flow_id}", deeds=True)
    entries = await node.audit.search(about, _MOST_EVENTS)
    told = [
        *(
            _revision(each, counts.get(each.revision, {}), runs=_is(each, running))
            for each in revisions
        ),
        *(_move(each) for each in await node.sources.revisions.file_moves(key)),
        *(_deed(each) for each in entries),
    ]
    # Of the same moment the later revision comes first: commits have whole seconds.
    told.sort(key=lambda each: (each["at"], each.get("revision", 0)), reverse=True)
    return Json(told)


def _is(revision: FlowRevision, running: FlowRevision | None) -> bool:
    return running is not None and running.revision == revision.revision


def _revision(revision: FlowRevision, counts: dict[str, int], *, runs: bool) -> dict[str, Any]:
    return {
        "type": "revision",
        "at": instant(revision.authored_at),
        **revision_json(revision),
        "runs": runs,
        "executions": counts,
    }


def _move(move: FileMove) -> dict[str, Any]:
    return {
        "type": "flow.move",
        "at": instant(move.at),
        "actor": move.author,
        "reason": move.subject,
        "detail": {"from": move.old, "to": move.new, "commit": move.commit},
    }


def _deed(entry: AuditEntry) -> dict[str, Any]:
    return {
        "type": entry.action,
        "at": instant(entry.at),
        "actor": entry.actor,
        "reason": entry.reason,
        "detail": entry.detail,
    }
