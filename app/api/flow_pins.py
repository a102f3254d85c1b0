"""Pins: which revision of a flow runs whatever Git says, and the rollback that makes one."""

from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.responses import Response

from app.api.actors import ACTOR
from app.api.answers import Json, nothing
from app.api.documents import problems_of
from app.api.paths import COMMIT_RULE, PREFIX, FlowId, Namespace, Tenant
from app.api.query import known_keys
from app.api.records import record_json
from app.api.routing import Router
from app.api.services import Node

router = Router(
    prefix=f"{PREFIX}/{{tenant}}/flows",
    tags=["Rollback"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404, 409, 422),
)

Revision = Annotated[int, Field(ge=1, le=2**31 - 1, description="The number of a revision.")]
Commit = Annotated[str, Field(pattern=COMMIT_RULE, description="What this commit says.")]
Target = Annotated[str, Field(pattern=r"^[0-9a-f]{1,64}$")]
Until = Annotated[
    str,
    Field(
        max_length=64,
        description="`changed`: until a commit changes the flow; `manual`: until it is ended; or"
        " a time (RFC 3339).",
    ),
]
Reason = Annotated[str, Field(max_length=1_000, description="Why, for those who come after.")]


class NewPin(BaseModel):
    """What a flow is pinned to, and until when."""

    model_config = ConfigDict(extra="forbid")

    revision: Revision | None = None
    commit: Commit | None = None
    reason: Reason = ""
    until: Until = "changed"

    @model_validator(mode="after")
    def _one_target(self) -> "NewPin":
        if (self.revision is None) == (self.commit is None):
            raise ValueError("give revision or commit")
        return self


class Rollback(BaseModel):
    """Where a flow is rolled back to; without `to`, to the last valid revision before."""

    model_config = ConfigDict(extra="forbid")

    to: Target | Revision | None = Field(None, description="A commit or a revision number.")
    reason: Reason = ""
    until: Until = "changed"


@router.post("/{namespace}/{flow_id}/pin", summary="Pin a flow to a revision")
async def pin(
    tenant: Tenant, namespace: Namespace, flow_id: FlowId, wanted: NewPin, node: Node
) -> Response:
    """Let new executions run one revision until the pin ends. Nothing is written to Git."""
    made = await node.sync.pin(
        tenant,
        namespace,
        flow_id,
        revision=wanted.revision,
        commit=wanted.commit,
        reason=wanted.reason,
        actor=ACTOR,
        until=wanted.until,
    )
    return Json(record_json(made))


@router.delete("/{namespace}/{flow_id}/pin", status_code=204, summary="End the pin of a flow")
async def unpin(tenant: Tenant, namespace: Namespace, flow_id: FlowId, node: Node) -> Response:
    """Let new executions run again what Git says."""
    await node.sync.unpin(tenant, namespace, flow_id, ACTOR)
    return nothing()


@router.post("/{namespace}/{flow_id}/rollback", summary="Roll a flow back")
async def rollback(
    tenant: Tenant,
    namespace: Namespace,
    flow_id: FlowId,
    node: Node,
    wanted: Rollback | None = None,
) -> Response:
    """Pin a flow to an earlier revision, at once, and set aside what it ran until now."""
    asked = wanted or Rollback()
    made = await node.sync.rollback(
        tenant,
        namespace,
        flow_id,
        to=asked.to,
        reason=asked.reason,
        actor=ACTOR,
        until=asked.until,
    )
    return Json(record_json(made))


pins = Router(
    prefix=f"{PREFIX}/{{tenant}}/pins",
    tags=["Rollback"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404),
)


@pins.get("", summary="Pins of a tenant")
async def listed(tenant: Tenant, node: Node) -> Response:
    """List the pins that hold."""
    return Json([record_json(each) for each in await node.sync.pins(tenant)])
