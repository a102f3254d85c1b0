"""How flows, namespaces, tenants and sources stand: `sync` beside Git, `health` by executions."""

from collections.abc import Mapping
from typing import Any

from fastapi import Depends
from starlette.responses import Response

from app.access import Permission
from app.api.access import By, needs
from app.api.answers import Json
from app.api.documents import problems_of
from app.api.granted import Granted
from app.api.paths import PREFIX, FlowId, Namespace, SourceId, Tenant
from app.api.query import known_keys
from app.api.records import record_json
from app.api.routing import Router
from app.api.services import Node
from app.api.source_rights import permit_source
from app.api.times import instant
from app.sync.model import Source
from app.sync.standing import FlowStanding, Rollup
from app.sync.status import PlaceStatus, SourceStatus

router = Router(
    prefix=PREFIX,
    tags=["Status"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404),
)


@router.get("/{tenant}/flows/{namespace}/{flow_id}/status", summary="How a flow stands")
@needs(Permission.FLOW_READ)
async def flow(tenant: Tenant, namespace: Namespace, flow_id: FlowId, node: Node) -> Response:
    """Answer with `sync` and `health` of a flow, and the executions they are made of."""
    return Json(flow_standing(await node.sync.status.flow((tenant, namespace, flow_id))))


@router.get("/{tenant}/namespaces/{namespace}/status", summary="How a namespace stands")
@needs(Permission.FLOW_READ)
async def namespace_(tenant: Tenant, namespace: Namespace, node: Node) -> Response:
    """Answer with `sync` and `health` of a namespace and of each of its flows."""
    found = await node.sync.status.namespace(tenant, namespace)
    return Json({**_place(found), "flows": [flow_standing(each) for each in found.flows]})


@router.get("/sources/{source_id}/status", summary="How a source stands")
@needs(Permission.REPO_READ)
async def source_(source_id: SourceId, node: Node, by: By) -> Response:
    """Answer with conditions, lag, webhook, last runs and namespaces of a source."""
    await permit_source(node, by, Permission.REPO_READ, source_id)
    return Json(_source(await node.sync.status.source(source_id)))


@router.get("/{tenant}/status", summary="How a tenant stands")
@needs(Permission.FLOW_READ)
async def tenant_(right: Granted, node: Node) -> Response:
    """Answer with `sync` and `health` of all flows of a tenant together."""
    return Json(_place(await node.sync.status.tenant(right.tenant, right.reach.holds)))


def flow_standing(standing: FlowStanding) -> dict[str, Any]:
    """Return how a flow stands as JSON."""
    body = {
        "tenant": standing.tenant,
        "namespace": standing.namespace,
        "flowId": standing.flow_id,
        "sync": standing.sync,
        "health": standing.health,
        "revision": standing.revision,
        "newest": standing.newest,
        "executions": dict(standing.executions),
    }
    if standing.behind:
        body["behind"] = standing.behind
    return {name: value for name, value in body.items() if value is not None}


def _rollup(rollup: Rollup) -> dict[str, Any]:
    return {
        "sync": rollup.sync,
        "health": rollup.health,
        "total": rollup.flows,
        "bySync": dict(rollup.by_sync),
        "byHealth": dict(rollup.by_health),
    }


def _place(place: PlaceStatus) -> dict[str, Any]:
    body = {
        "tenant": place.tenant,
        "namespace": place.name if place.source_id or place.flows else "",
        "commit": place.commit,
        "sourceId": place.source_id,
        **_rollup(place.rollup),
    }
    return {name: value for name, value in body.items() if value != ""}


def _source(status: SourceStatus) -> dict[str, Any]:
    source = status.source
    known = record_json(source)
    return {
        "id": source.id,
        "conditions": known["conditions"],
        "lastSeen": _named(source, source.last_seen),
        "lastAttempted": _named(source, source.last_attempted),
        "lastApplied": _named(source, source.last_applied),
        "lagSeconds": round(status.lag_seconds, 3),
        "webhook": _webhook(status.webhook),
        "findings": dict(status.findings),
        **_rollup(status.rollup),
        "namespaces": [_place(each) for each in status.places],
        "runs": [record_json(each) for each in status.runs],
    }


def _webhook(webhook: Mapping[str, Any]) -> dict[str, Any]:
    last = webhook["last_at"]
    return {
        "configured": webhook["configured"],
        "healthy": webhook["healthy"],
        "last": None if last is None else instant(last),
    }


def _named(source: Source, commit: str | None) -> str | None:
    """Return a commit as Flux writes it: `main@sha1:<40 digits>`."""
    if commit is None:
        return None
    return f"{source.ref}@{'sha1' if len(commit) == 40 else 'sha256'}:{commit}"
