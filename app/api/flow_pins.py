"""Pins: which revision of a flow runs whatever Git says, and the rollback that makes one."""

from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.responses import Response

from app.access import Permission
from app.api.access import By, needs
from app.api.actors import actor_of
from app.api.answers import Json, nothing
from app.api.documents import problems_of
from app.api.drafts import NO_NUL
from app.api.granted import Granted
from app.api.paths import COMMIT_RULE, PREFIX, FlowId, Namespace, SourceId
from app.api.query import known_keys
from app.api.records import record_json
from app.api.routing import Router
from app.api.services import Node
from app.api.source_rights import permit_source
from app.sync.model import Actor
from app.sync.rollback import Order

router = Router(
    prefix=f"{PREFIX}/{{tenant}}/flows",
    tags=["Rollback"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404, 409, 422),
)

Revision = Annotated[int, Field(ge=1, le=2**31 - 1, description="The number of a revision.")]
Commit = Annotated[str, Field(pattern=COMMIT_RULE, description="What this commit says.")]
Target = Annotated[str, Field(pattern=r"^[0-9a-f]{1,64}$")]
Why = Annotated[
    str, Query(max_length=1_000, pattern=NO_NUL, description="Why, for those who come after.")
]


class Wish(BaseModel):
    """Why flows are held, how long, and how sure one is of it."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    reason: str = Field(
        "", max_length=1_000, pattern=NO_NUL, description="Why, for those who come after."
    )
    until: str = Field(
        "changed",
        max_length=64,
        description="`changed`: until a commit changes the flow; `manual`: until it is ended; or"
        " a time (RFC 3339).",
    )
    confirm: bool = Field(
        False, description="Go on although triggers, inputs or secrets do not fit the present."
    )
    dry_run: bool = Field(False, alias="dryRun", description="Only answer what it would do.")

    def order(self, actor: Actor, **more: Any) -> Order:
        """Return it as an order of the caller."""
        return Order(actor, self.reason, self.until, self.confirm, **more)


class NewPin(Wish):
    """What a flow is pinned to, and until when."""

    revision: Revision | None = None
    commit: Commit | None = None

    @model_validator(mode="after")
    def _one_target(self) -> "NewPin":
        if (self.revision is None) == (self.commit is None):
            raise ValueError("give revision or commit")
        return self


class ScopePin(Wish):
    """The commit that a namespace or a source goes back to."""

    commit: Commit


class Rollback(Wish):
    """Where a flow is rolled back to; without `to`, to the last valid revision before."""

    to: Target | Revision | None = Field(None, description="A commit or a revision number.")
    pull_request: bool = Field(
        True,
        alias="pullRequest",
        description="Open a pull request that takes Git back, too, where there is a forge.",
    )


@router.post("/{namespace}/{flow_id}/pin", summary="Pin a flow to a revision")
@needs(Permission.REVISION_ROLLBACK)
async def pin(
    right: Granted, namespace: Namespace, flow_id: FlowId, wanted: NewPin, node: Node
) -> Response:
    """Let new executions run one revision until the pin ends. Nothing is written to Git."""
    key, pinning = (right.tenant, namespace, flow_id), node.sync.pinning
    target = await pinning.aim(key, wanted.revision, wanted.commit)
    if wanted.dry_run:
        return Json((await pinning.plan(key, target)).to_json())
    return Json(record_json(await pinning.hold_one(key, target, wanted.order(right.actor))))


@router.delete("/{namespace}/{flow_id}/pin", status_code=204, summary="End the pin of a flow")
@needs(Permission.REVISION_ROLLBACK)
async def unpin(
    right: Granted, namespace: Namespace, flow_id: FlowId, node: Node, reason: Why = ""
) -> Response:
    """Let new executions run again what Git says."""
    await node.sync.unpin(right.tenant, namespace, flow_id, right.actor, reason)
    return nothing()


@router.post("/{namespace}/{flow_id}/rollback", summary="Roll a flow back")
@needs(Permission.REVISION_ROLLBACK)
async def rollback(
    right: Granted,
    namespace: Namespace,
    flow_id: FlowId,
    node: Node,
    wanted: Rollback | None = None,
) -> Response:
    """Pin a flow to an earlier revision, at once, and set aside what it ran until now.

    Where there is a forge, a pull request follows that takes Git back, too; once it is merged, the
    pin ends by itself.
    """
    asked = wanted or Rollback.model_construct()
    key, pinning = (right.tenant, namespace, flow_id), node.sync.pinning
    target = await pinning.aim_back(key, asked.to)
    if asked.dry_run:
        return Json((await pinning.plan(key, target)).to_json())
    order = asked.order(right.actor, action="flow.rollback", revert=asked.pull_request)
    return Json(record_json(await pinning.hold_one(key, target, order)))


@router.get("/{namespace}/{flow_id}/pins", summary="Pins that a flow has or had")
@needs(Permission.REVISION_READ)
async def of_flow(right: Granted, namespace: Namespace, flow_id: FlowId, node: Node) -> Response:
    """List every pin of a flow, oldest first, and what ended it."""
    found = await node.sync.pinning.pins.of_flow((right.tenant, namespace, flow_id))
    return Json([record_json(each) for each in found])


pins = Router(
    prefix=f"{PREFIX}/{{tenant}}/pins",
    tags=["Rollback"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404),
)


@pins.get("", summary="Pins of a tenant")
@needs(Permission.REVISION_READ)
async def listed(right: Granted, node: Node) -> Response:
    """List the pins that hold."""
    reach = right.reach
    found = await node.sync.pins(right.tenant)
    return Json([record_json(each) for each in found if reach.holds(each.namespace)])


scopes = Router(
    prefix=PREFIX,
    tags=["Rollback"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404, 409, 422),
)


@scopes.post("/{tenant}/namespaces/{namespace}/pin", summary="Pin a namespace to a commit")
@needs(Permission.REVISION_ROLLBACK)
async def pin_namespace(
    right: Granted, namespace: Namespace, wanted: ScopePin, node: Node
) -> Response:
    """Let new executions of all flows of a namespace run what one commit says."""
    verbs = node.sync.scopes
    if wanted.dry_run:
        plan = await verbs.plan_namespace(right.tenant, namespace, wanted.commit)
        return Json(plan.to_json())
    order = wanted.order(right.actor)
    made = await verbs.pin_namespace(right.tenant, namespace, wanted.commit, order)
    return Json([record_json(each) for each in made])


@scopes.delete(
    "/{tenant}/namespaces/{namespace}/pin", status_code=204, summary="End the pin of a namespace"
)
@needs(Permission.REVISION_ROLLBACK)
async def unpin_namespace(
    right: Granted, namespace: Namespace, node: Node, reason: Why = ""
) -> Response:
    """Let new executions run again what Git says; pins of single flows stay."""
    await node.sync.scopes.unpin_namespace(right.tenant, namespace, right.actor, reason)
    return nothing()


@scopes.post("/sources/{source_id}/pin", summary="Pin a source to a commit")
@needs(Permission.REVISION_ROLLBACK)
async def pin_source(source_id: SourceId, wanted: ScopePin, node: Node, by: By) -> Response:
    """Let new executions of all flows of a source run what one commit says."""
    await permit_source(node, by, Permission.REVISION_ROLLBACK, source_id)
    node.sync.workers.get(source_id)
    verbs = node.sync.scopes
    if wanted.dry_run:
        return Json((await verbs.plan_source(source_id, wanted.commit)).to_json())
    made = await verbs.pin_source(source_id, wanted.commit, wanted.order(actor_of(by)))
    return Json([record_json(each) for each in made])


@scopes.delete("/sources/{source_id}/pin", status_code=204, summary="End the pin of a source")
@needs(Permission.REVISION_ROLLBACK)
async def unpin_source(source_id: SourceId, node: Node, by: By, reason: Why = "") -> Response:
    """Let new executions run again what Git says; pins of flows and namespaces stay."""
    await permit_source(node, by, Permission.REVISION_ROLLBACK, source_id)
    node.sync.workers.get(source_id)
    await node.sync.scopes.unpin_source(source_id, actor_of(by), reason)
    return nothing()
