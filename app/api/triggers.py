"""Triggers: their state, and what people do with one of them."""

from typing import Annotated, Any

from fastapi import Body, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.requests import Request
from starlette.responses import Response

from app.access import Permission
from app.api.access import needs
from app.api.answers import Json, page
from app.api.documents import problems_of
from app.api.granted import Granted, Right
from app.api.paths import PREFIX, FlowId, Namespace
from app.api.query import Page, Size, Sort, known_keys, takes_filters
from app.api.routing import Router
from app.api.services import Node, Services
from app.api.single_filters import sortable
from app.api.times import checked_start, read_instant
from app.api.trigger_filters import PLAIN_FILTERS, triggers_wanted
from app.api.trigger_json import trigger_json
from app.db.trigger_records import Backfill, TriggerFilter, TriggerKey, TriggerState
from app.db.triggers import SORTABLE
from app.errors import BadRequest, HeadwaterError
from app.flows.dump import dump
from app.flows.labels import Labels, label_map
from app.sync.overlays import Word
from app.triggers.reconciling import trigger_of

router = Router(
    prefix=f"{PREFIX}/{{tenant}}/triggers",
    tags=["Triggers"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404, 409, 422),
)

TriggerId = Annotated[str, Path(min_length=1, max_length=256, description="A trigger of a flow.")]
_Text = Annotated[str | None, Query(max_length=500)]


class TriggerName(BaseModel):
    """Which trigger is meant. Further members, as clients send them back, are passed over."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    namespace: str = Field(max_length=150)
    flow_id: str = Field(max_length=100)
    trigger_id: str = Field(max_length=256)

    def key(self, right: Right) -> TriggerKey:
        """Return the name of the trigger in the whole instance, for a caller with this right.

        Raises:
            NotFound, Forbidden: where the caller has none.
        """
        right.permit(self.namespace, f"trigger {self.namespace}.{self.flow_id}.{self.trigger_id}")
        return right.tenant, self.namespace, self.flow_id, self.trigger_id


class BackfillWish(BaseModel):
    """The dates of a time that has passed, to be run one after another."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    start: str = Field(description="From here on, RFC 3339.")
    end: str | None = Field(None, description="Up to here; now if left out.")
    inputs: dict[str, Any] | None = Field(None, description="Inputs; they win over the trigger's.")
    labels: Labels | None = Field(None, description="Further labels.")
    paused: bool = Field(default=False, description="Do not begin yet.")


class TriggerWish(TriggerName):
    """What is to change of a trigger."""

    disabled: bool | None = Field(None, description="Whether it is not to fire any more.")
    backfill: BackfillWish | None = Field(None, description="Dates to run.")


@router.get("/search", summary="Search triggers", dependencies=PLAIN_FILTERS)
@takes_filters
@needs(Permission.TRIGGER_READ)
async def search(
    request: Request,
    right: Granted,
    node: Node,
    number: Page = 1,
    size: Size = 10,
    sort: Sort = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """List triggers with their state, one page of them."""
    await node.triggers.settled()
    found, total = await node.trigger_states.search(
        triggers_wanted(right, request), page=number, size=size, sort=sortable(sort, SORTABLE)
    )
    return page([await _with_definition(node, right, each) for each in found], total)


async def _with_definition(node: Services, right: Right, state: TriggerState) -> dict[str, Any]:
    told = trigger_json(state, data=right.data(state.namespace))
    body: dict[str, Any] = {"triggerContext": told}
    if not right.to(Permission.FLOW_READ).holds(state.namespace):
        return body
    try:
        loaded = await node.flows.current(*state.flow)
    except HeadwaterError:
        return body
    trigger = trigger_of(loaded, state.trigger_id)
    if trigger is not None:
        body["abstractTrigger"] = dump(trigger)
    return body


def _told(right: Right, state: TriggerState) -> Response:
    return Json(trigger_json(state, data=right.data(state.namespace)))


@router.get("/{namespace}/{flow_id}", summary="Triggers of a flow")
@needs(Permission.TRIGGER_READ)
async def of_flow(
    right: Granted,
    namespace: Namespace,
    flow_id: FlowId,
    node: Node,
    q: _Text = None,
    number: Page = 1,
    size: Size = 10,
    sort: Sort = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """List the state of the triggers of one flow."""
    await node.triggers.settled()
    wanted = TriggerFilter(right.tenant, namespace, flow_id, text=q, exact_namespace=True)
    found, total = await node.trigger_states.search(
        wanted, page=number, size=size, sort=sortable(sort, SORTABLE)
    )
    data = right.data(namespace)
    return page([trigger_json(each, data=data) for each in found], total)


@router.put("", summary="Disable or enable a trigger, or start a backfill")
@needs(Permission.TRIGGER_TOGGLE)
async def update(right: Granted, wish: Annotated[TriggerWish, Body()], node: Node) -> Response:
    """Change the state of a trigger; what is left out stays."""
    key = wish.key(right)
    if wish.backfill is not None:
        wish.key(right.to(Permission.TRIGGER_BACKFILL))
    state = await node.trigger_verbs.get(key)
    if wish.disabled is not None:
        word = Word(right.actor)
        state = await node.overlays.disable_trigger(key, word, disabled=wish.disabled)
    if wish.backfill is not None:
        wanted = _backfill(wish.backfill, node.clock.now())
        state = await node.trigger_verbs.start_backfill(key, wanted)
    return _told(right, state)


def _backfill(wish: BackfillWish, now: int) -> Backfill:
    start = checked_start(read_instant(wish.start, "backfill.start"), "backfill.start")
    end = now if wish.end is None else read_instant(wish.end, "backfill.end")
    if end <= start:
        message = "backfill.end must be later than backfill.start"
        raise BadRequest(message)
    labels = tuple(label_map(wish.labels or []).items())
    return Backfill(start, end, start, None, wish.paused, wish.inputs, labels, now)


@router.post("/{namespace}/{flow_id}/{trigger_id}/unlock", summary="Unlock a trigger")
@needs(Permission.TRIGGER_UNLOCK)
async def unlock(
    right: Granted, namespace: Namespace, flow_id: FlowId, trigger_id: TriggerId, node: Node
) -> Response:
    """Let a trigger fire again though its execution still runs."""
    key = (right.tenant, namespace, flow_id, trigger_id)
    return _told(right, await node.trigger_verbs.unlock(key))


@router.post("/{namespace}/{flow_id}/{trigger_id}/restart", summary="Restart a trigger")
@needs(Permission.TRIGGER_UNLOCK)
async def restart(
    right: Granted, namespace: Namespace, flow_id: FlowId, trigger_id: TriggerId, node: Node
) -> Response:
    """Unlock a trigger and let it begin anew with its next date."""
    key = (right.tenant, namespace, flow_id, trigger_id)
    return _told(right, await node.trigger_verbs.restart(key))


@router.put("/backfill/pause", summary="Pause a backfill")
@needs(Permission.TRIGGER_BACKFILL)
async def pause(right: Granted, name: Annotated[TriggerName, Body()], node: Node) -> Response:
    """Let a backfill rest; the schedule goes on meanwhile."""
    state = await node.trigger_verbs.pause_backfill(name.key(right), paused=True)
    return _told(right, state)


@router.put("/backfill/unpause", summary="Let a backfill go on")
@needs(Permission.TRIGGER_BACKFILL)
async def unpause(right: Granted, name: Annotated[TriggerName, Body()], node: Node) -> Response:
    """Go on with a backfill where it paused."""
    state = await node.trigger_verbs.pause_backfill(name.key(right), paused=False)
    return _told(right, state)


@router.post("/backfill/delete", summary="End a backfill")
@needs(Permission.TRIGGER_BACKFILL)
async def delete_backfill(
    right: Granted, name: Annotated[TriggerName, Body()], node: Node
) -> Response:
    """End a backfill; the schedule goes on."""
    return _told(right, await node.trigger_verbs.delete_backfill(name.key(right)))
