"""`/executions/webhook/{namespace}/{flow}/{key}`: starts a flow that has a webhook.

The key is the only authentication, so that any service can call; see `triggers.webhooks`.
"""

from typing import Annotated, Any

from fastapi import Path
from starlette.datastructures import Headers, QueryParams
from starlette.requests import Request
from starlette.responses import Response

from app.api.access import is_open
from app.api.answers import Json, encoded, nothing
from app.api.documents import EXECUTION, problems_of
from app.api.execution_json import execution_json
from app.api.paths import PREFIX, Tenant
from app.api.raw_bodies import raw_body
from app.api.routing import Router
from app.api.services import Node, Services
from app.api.waiting import ended
from app.executions import Execution
from app.flows.encryption import veiled
from app.flows.trigger_types import Webhook
from app.triggers.webhooks import WebhookCall

router = Router(
    prefix=f"{PREFIX}/{{tenant}}/executions/webhook",
    tags=["Webhooks"],
    responses={**problems_of(404, 409, 413, 422, 429), **EXECUTION},
)

Name = Annotated[str, Path(min_length=1, max_length=256, description="A part of the address.")]


@router.post("/{namespace}/{flow_id}/{key}", summary="Call a webhook")
@router.put("/{namespace}/{flow_id}/{key}", summary="Call a webhook with PUT")
@router.get("/{namespace}/{flow_id}/{key}", summary="Call a webhook with GET")
@is_open("the key in the path is the credential")
async def call(
    request: Request, tenant: Tenant, namespace: Name, flow_id: Name, key: Name, node: Node
) -> Response:
    """Start the flow whose webhook has this key; 204 when the trigger's conditions are false.

    Body, headers and parameters of the call are `trigger.body`, `trigger.headers` and
    `trigger.parameters` in expressions; the latter two are maps of lists.
    """
    address = request.client.host if request.client else ""
    node.webhooks.check(address)
    body = await raw_body(request, node.settings.webhooks.flow_max_bytes, "body of the webhook")
    started = await node.webhooks.receive(
        WebhookCall(
            tenant,
            namespace,
            flow_id,
            key,
            address,
            body,
            _lists(request.headers),
            _lists(request.query_params),
        )
    )
    if started.execution is None:
        return nothing()
    execution = started.execution
    if started.trigger.wait:
        execution = await ended(request, node, execution.id)
    return await _answer(request, node, execution, started.trigger)


def _lists(pairs: Headers | QueryParams) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in pairs.multi_items() if isinstance(pairs, QueryParams) else pairs.items():
        found.setdefault(name, []).append(value)
    return found


async def _answer(
    request: Request, node: Services, execution: Execution, trigger: Webhook
) -> Response:
    status = int(trigger.response_code or 200)
    if not (trigger.wait and trigger.return_outputs):
        origin = await request.app.state.origins.of(node, execution)
        return Json(execution_json(execution, origin, node.clock.now()), status)
    kind = trigger.response_content_type or "application/json"
    body = _outputs(veiled(execution.outputs or {}), kind)
    return Response(body, status, {"Content-Security-Policy": "sandbox"}, media_type=kind)


def _outputs(outputs: dict[str, Any], content_type: str) -> bytes:
    """Return outputs as JSON; for another type of content, the text of an only one."""
    values = list(outputs.values())
    if "json" not in content_type and len(values) == 1 and isinstance(values[0], str):
        return values[0].encode("utf-8", "replace")
    return encoded(outputs)
