"""`/hooks`: deliveries of a Git forge (contract D8), and what became of them.

The body stays as it came: its signature is over the raw bytes, and nothing is parsed before that.
"""

from typing import Annotated, Literal

from fastapi import Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from app.access import Caller, Permission
from app.api.access import By, is_open, needs
from app.api.actors import actor_of
from app.api.answers import Json
from app.api.documents import problems_of
from app.api.drafts import NO_NUL
from app.api.paths import PREFIX
from app.api.query import known_keys
from app.api.raw_bodies import raw_body
from app.api.records import record_json
from app.api.routing import Router
from app.api.services import Node, Services
from app.api.source_rights import permit_source, seen_sources
from app.db.deliveries import StoredDelivery

router = Router(
    prefix=f"{PREFIX}/hooks",
    tags=["Git"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404, 413),
)

DeliveryId = Annotated[
    str, Path(pattern=r"^[!-.0-~]{1,128}$", description="The forge's id of the delivery.")
]
State = Literal["received", "queued", "done", "ignored", "failed"]
Key = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,128}$", description="The hook's key.")]


@router.post("/git/{key}", status_code=202, summary="Deliver an event of a Git forge")
@is_open("the delivery is signed")
async def deliver(request: Request, key: Key, node: Node) -> Response:
    """Take a signed delivery: it is stored, and answered, before anything else happens."""
    body = await raw_body(request, node.settings.webhooks.git_max_bytes, "delivery")
    headers = {name.lower(): value for name, value in request.headers.items()}
    address = request.client.host if request.client else ""
    delivery = await node.sync.deliver(key, headers, body, address)
    return Json(delivery.body, delivery.status)


class Word(BaseModel):
    """Why somebody does so."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[
        str, Field(max_length=1_000, pattern=NO_NUL, description="For those who come after.")
    ] = ""


@router.get("/deliveries", summary="Deliveries of Git forges")
@needs(Permission.REPO_READ)
async def listed(
    node: Node,
    by: By,
    source: Annotated[
        str | None, Query(max_length=128, description="Of this source; without it, of all.")
    ] = None,
    state: Annotated[State | None, Query(description="That stand so.")] = None,
    limit: Annotated[int, Query(ge=1, le=1_000, description="At most so many.")] = 100,
) -> Response:
    """List the deliveries of the last days, newest first, without their payloads."""
    if source is not None:
        await permit_source(node, by, Permission.REPO_READ, source)
    if source is not None or by.may(Permission.REPO_READ):
        found = await node.sync.deliveries.find(source_id=source, state=state, limit=limit)
    else:
        found = await _seen(node, by, state, limit)
    return Json([_shown(each) for each in found])


@router.get("/deliveries/{delivery_id}", summary="A delivery")
@needs(Permission.REPO_READ)
async def get(delivery_id: DeliveryId, node: Node, by: By) -> Response:
    """Answer with a delivery and (the beginning of) its payload."""
    found = await _permitted(node, by, Permission.REPO_READ, delivery_id)
    return Json(_shown(found) | {"payload": found.payload})


@router.post(
    "/deliveries/{delivery_id}/replay",
    summary="Act on a delivery again",
    responses=problems_of(409, 422),
)
@needs(Permission.REPO_MANAGE)
async def replay(delivery_id: DeliveryId, node: Node, by: By, word: Word | None = None) -> Response:
    """Act on a delivery once more, as if the forge had just sent it."""
    await _permitted(node, by, Permission.REPO_MANAGE, delivery_id)
    reason = word.reason if word else ""
    return Json(_shown(await node.sync.deliveries.replay(delivery_id, actor_of(by), reason)))


async def _permitted(
    node: Services, by: Caller, permission: Permission, delivery_id: str
) -> StoredDelivery:
    """Return a delivery; raises as `permit_source`, for each source that it concerns."""
    found = await node.sync.deliveries.get(delivery_id)
    for each in {found.source_id, *found.hint.get("sources", ())}:
        await permit_source(node, by, permission, each, what=f"delivery {delivery_id}")
    return found


async def _seen(
    node: Services, by: Caller, state: State | None, limit: int
) -> list[StoredDelivery]:
    """Return the newest deliveries that concern only sources that somebody may see."""
    seen = {each.id for each in await seen_sources(node, by)}
    found: list[StoredDelivery] = []
    for source_id in seen:
        some = await node.sync.deliveries.find(source_id=source_id, state=state, limit=limit)
        found += [each for each in some if seen.issuperset(each.hint.get("sources", ()))]
    found.sort(key=lambda each: (-each.received_at, each.delivery_id))
    return found[:limit]


def _shown(delivery: StoredDelivery) -> dict[str, object]:
    shown = record_json(delivery) | {"error": delivery.error or None}
    del shown["payload"]
    return {name: value for name, value in shown.items() if value is not None}
