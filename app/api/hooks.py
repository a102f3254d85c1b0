"""`POST /hooks/git/{key}`: deliveries of a Git forge (contract D8).

The body stays as it came: its signature is over the raw bytes, and nothing is parsed before that.
"""

from typing import Annotated

from fastapi import Depends, Path
from starlette.requests import Request
from starlette.responses import Response

from app.api.answers import Json
from app.api.documents import problems_of
from app.api.paths import PREFIX
from app.api.query import known_keys
from app.api.raw_bodies import raw_body
from app.api.routing import Router
from app.api.services import Node

router = Router(
    prefix=f"{PREFIX}/hooks",
    tags=["Git"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404, 413),
)

Key = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,128}$", description="The hook's key.")]


@router.post("/git/{key}", status_code=202, summary="Deliver an event of a Git forge")
async def deliver(request: Request, key: Key, node: Node) -> Response:
    """Take a signed delivery: it is stored, and answered, before anything else happens."""
    body = await raw_body(request, node.settings.webhooks.git_max_bytes, "delivery")
    headers = {name.lower(): value for name, value in request.headers.items()}
    address = request.client.host if request.client else ""
    delivery = await node.sync.deliver(key, headers, body, address)
    return Json(delivery.body, delivery.status)
