"""Overlays: what operators override without touching Git, and with that, all drift there is."""

from typing import Annotated, Literal

from fastapi import Depends, Query
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.responses import Response

from app.access import Permission
from app.api.access import By, needs
from app.api.answers import Json, nothing
from app.api.documents import problems_of
from app.api.drafts import NO_NUL
from app.api.flow_lookup import Key, existing
from app.api.granted import Granted
from app.api.paths import PREFIX, TENANT_RULE, FlowId, Namespace
from app.api.query import known_keys
from app.api.records import record_json
from app.api.routing import Router
from app.api.services import Node
from app.api.times import read_instant
from app.db.overlays import Overlay
from app.sync.model import Actor, Pin
from app.sync.overlays import Word

router = Router(
    prefix=f"{PREFIX}/{{tenant}}/flows",
    tags=["Rollback"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(400, 404, 409, 422),
)

Why = Annotated[
    str, Query(max_length=1_000, pattern=NO_NUL, description="Why, for those who come after.")
]


class NewOverlay(BaseModel):
    """What is overridden of a flow, why, and until when."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    kind: Literal["disabled", "trigger-disabled", "concurrency"]
    disabled: bool = Field(True, description="Of the flow or trigger: false enables it.")
    limit: int | None = Field(None, ge=1, le=2**31 - 1, description="Of `concurrency`.")
    trigger_id: str | None = Field(
        None, alias="triggerId", min_length=1, max_length=256, description="Of a trigger."
    )
    reason: str = Field(
        "", max_length=1_000, pattern=NO_NUL, description="Why, for those who come after."
    )
    expires_at: str | None = Field(
        None, alias="expiresAt", max_length=64, description="When it ends by itself (RFC 3339)."
    )

    @model_validator(mode="after")
    def _is_whole(self) -> "NewOverlay":
        if (self.kind == "concurrency") != (self.limit is not None):
            raise ValueError("give limit with the kind concurrency, and with no other")
        if (self.kind == "trigger-disabled") != (self.trigger_id is not None):
            raise ValueError("give triggerId with the kind trigger-disabled, and with no other")
        return self

    def word(self, actor: Actor) -> Word:
        """Return who wants it, why and until when; raises `BadRequest`."""
        until = self.expires_at
        return Word(actor, self.reason, None if until is None else read_instant(until, "expiresAt"))


@router.get("/{namespace}/{flow_id}/overlays", summary="Overlays that a flow has or had")
@needs(Permission.REVISION_READ)
async def of_flow(right: Granted, namespace: Namespace, flow_id: FlowId, node: Node) -> Response:
    """List every overlay of a flow, oldest first."""
    found = await node.overlays.of_flow((right.tenant, namespace, flow_id))
    return Json([record_json(each) for each in found])


@router.post("/{namespace}/{flow_id}/overlays", summary="Override something of a flow")
@needs(Permission.REVISION_ACTIVATE)
async def add(
    right: Granted, namespace: Namespace, flow_id: FlowId, wanted: NewOverlay, node: Node
) -> Response:
    """Disable a flow or trigger, or change its limit; Git stays as it is, and no sync resets it."""
    key = Key(right.tenant, namespace, flow_id)
    existing(node, key)
    word = wanted.word(right.actor)
    if wanted.limit is not None:
        await node.overlays.limit(key, wanted.limit, word)
    elif wanted.trigger_id is not None:
        name = (*key, wanted.trigger_id)
        await node.overlays.disable_trigger(name, word, disabled=wanted.disabled)
    else:
        await node.overlays.disable_flows([key], word, disabled=wanted.disabled)
    held = [each for each in await node.overlays.of_flow(key) if each.ended_at is None]
    return Json([record_json(each) for each in held])


@router.delete(
    "/{namespace}/{flow_id}/overlays/{overlay_id}", status_code=204, summary="End an overlay"
)
@needs(Permission.REVISION_ACTIVATE)
async def end(
    right: Granted,
    namespace: Namespace,
    flow_id: FlowId,
    overlay_id: str,
    node: Node,
    reason: Why = "",
) -> Response:
    """Let the flow be as Git says again."""
    key = (right.tenant, namespace, flow_id)
    await node.overlays.end(key, overlay_id, Word(right.actor, reason))
    return nothing()


drift = Router(prefix=f"{PREFIX}/drift", tags=["Rollback"], dependencies=[Depends(known_keys)])


@drift.get("", summary="What differs from Git")
@needs(Permission.REVISION_READ)
async def all_of_it(
    node: Node,
    by: By,
    tenant: Annotated[
        str | None, Query(pattern=TENANT_RULE, description="Of one tenant alone.")
    ] = None,
) -> Response:
    """List all pins and overlays: nothing else that runs can differ from what Git says."""

    def seen(place: Overlay | Pin) -> bool:
        return by.may(Permission.REVISION_READ, place.tenant, place.namespace)

    overlays = filter(seen, await node.overlays.open(tenant))
    pins = filter(seen, await node.sync.pins(tenant))
    return Json(
        {
            "overlays": [record_json(each) for each in overlays],
            "pins": [record_json(each) for each in pins],
        }
    )
