"""Pins and rollbacks: flows are held at a revision without any change in Git.

A rollback is a pin that quarantines what is active: with `until: changed` it ends by itself at the
first valid commit that makes the flow another one than that.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from app.db.audit import AuditEntry, audit_write
from app.db.flows import FlowStore
from app.db.pins import PinStore
from app.db.records import FlowKey, Pin
from app.db.sql import Write
from app.errors import BadRequest, ConfirmationNeeded, Conflict, NotFound
from app.executions import execution_id
from app.ports import Clock, FlowRevision
from app.sync.differences import find_revision
from app.sync.model import LATEST, Actor
from app.sync.pin_plan import PinPlan, planned

_UNUSABLE = {
    "invalid": "is not valid",
    "redacted": "was redacted",
    "held": "is held",
}


@dataclass(frozen=True, slots=True)
class Until:
    """How long a pin holds."""

    text: str
    at: int | None = None
    """µs since the epoch, for a pin that ends at a time."""


@dataclass(frozen=True, slots=True)
class Order:
    """Who wants flows held, why, how long; and what it is called in the audit log."""

    actor: Actor
    reason: str = ""
    until: str = "changed"
    confirm: bool = False
    """Whether what does not fit the present was looked at."""
    action: str = "flow.pin"
    scope: str = "flow"
    target: str = ""
    """Of the audit entry, where it is not the flow."""
    revert: bool = False
    """Whether Git is to follow: a revert, by a pull request."""


class Rollback:
    """The verbs on pins of single flows, and the step that makes any pin."""

    def __init__(
        self,
        flows: FlowStore,
        pins: PinStore,
        clock: Clock,
        announce: Callable[[Pin], None],
    ) -> None:
        """`announce` is told of pins that end at a time, or ask for a revert."""
        self.flows = flows
        self.pins = pins
        self.clock = clock
        self._announce = announce

    async def pin(
        self, key: FlowKey, order: Order, *, revision: int | None, commit: str | None
    ) -> Pin:
        """Hold a flow at a revision (see `SyncService.pin`)."""
        return await self.hold_one(key, await self.aim(key, revision, commit), order)

    async def rollback(self, key: FlowKey, order: Order, *, to: str | int | None) -> Pin:
        """Hold a flow at an earlier revision (see `SyncService.rollback`)."""
        return await self.hold_one(key, await self.aim_back(key, to), order)

    async def aim(self, key: FlowKey, revision: int | None, commit: str | None) -> FlowRevision:
        """Return the revision that is meant; raises `BadRequest`, `NotFound`, `Gone`."""
        if (revision is None) == (commit is None):
            message = "name either a revision or a commit to pin the flow to"
            raise BadRequest(message)
        self.flows.effective(*key)  # raises NotFound or Gone
        return await self.flows.find(*key, revision=revision, commit=commit)

    async def aim_back(self, key: FlowKey, to: str | int | None) -> FlowRevision:
        """Return the revision to roll back to: a named one, else the valid one before this."""
        current = self.flows.effective(*key)
        if to is None:
            return await self._previous(key, current)
        return await find_revision(self.flows, key, str(to))

    async def plan(self, key: FlowKey, target: FlowRevision) -> PinPlan:
        """Return what pinning a flow would do.

        Raises:
            Conflict: when that revision is invalid, redacted or a deletion.
        """
        await self.refuse_unusable(target)
        now = await self.flows.load(self.flows.effective(*key))
        return PinPlan((planned(now, await self.flows.load(target)),))

    async def unpin(self, key: FlowKey, actor: Actor, reason: str = "") -> None:
        """End the pin of a flow; raises `NotFound` when there is none."""
        pins = await self.pins.open(key=key)
        if not pins:
            message = f"flow {key[1]}.{key[2]} is not pinned"
            raise NotFound(message)
        order = Order(actor, reason, action="flow.unpin", target=_target(key))
        await self.end(pins, order, by=actor.name)

    async def end(self, pins: Sequence[Pin], order: Order, *, by: str) -> None:
        """End pins at once, and note who did."""
        at = self.clock.now()
        await self.pins.end(pins, self._noted(order, pins, at), by=by, at=at)
        await self.flows.refresh([pin.key for pin in pins])

    async def end_expired(self) -> None:
        """End the pins whose time is over; announce those that are still to come."""
        now = self.clock.now()
        pins = await self.pins.open()
        over = expired(pins, now)
        for pin in pins:
            if pin not in over:
                self._announce(pin)
        for pin in over:
            order = Order(Actor("system"), pin.until, action="pin.ended", target=_target(pin.key))
            await self.end([pin], order, by="its time is over")

    async def hold_one(self, key: FlowKey, target: FlowRevision, order: Order) -> Pin:
        """Pin one flow to a revision; raises as `hold` and `plan`."""
        plan = await self.plan(key, target)
        order = replace(order, target=_target(key))
        (made,) = await self.hold([target], order, plan)
        return made

    async def hold(self, targets: Sequence[FlowRevision], order: Order, plan: PinPlan) -> list[Pin]:
        """Pin flows in one transaction, and return the pins.

        Raises:
            ConfirmationNeeded: when something does not fit the present and nobody confirmed it.
            BadRequest: when `until` cannot be read.
        """
        until = self._until(order.until)
        if plan.doubtful and not order.confirm:
            message = f"this has consequences: {plan.told()}; repeat it with confirm=true"
            raise ConfirmationNeeded(message, plan=plan.to_json())
        at, group = self.clock.now(), execution_id()
        pins = [self._pin(target, order, until, at, group) for target in targets]
        made = await self.pins.add(pins, self._noted(order, pins, at, plan))
        await self.flows.refresh([pin.key for pin in made])
        for pin in made:
            self._announce(pin)
        return made

    def _pin(self, target: FlowRevision, order: Order, until: Until, at: int, group: str) -> Pin:
        return Pin(
            id=execution_id(),
            tenant=target.tenant,
            namespace=target.namespace,
            flow_id=target.flow_id,
            revision=target.revision,
            commit=target.snapshot or target.commit,
            blob=target.blob,
            until=until.text,
            until_at=until.at,
            reason=order.reason,
            actor=order.actor.name,
            created_at=at,
            scope=order.scope,
            group_id=group,
            revert="wanted" if order.revert else "tell" if order.scope == "flow" else "",
        )

    def _noted(
        self, order: Order, pins: Sequence[Pin], at: int, plan: PinPlan | None = None
    ) -> Write:
        """Return what stores the entry of the audit log."""
        detail = {
            "until": order.until,
            "pins": [{"id": pin.id, "flow": _target(pin.key), "revision": pin.revision,
                      "commit": pin.commit} for pin in pins[:100]],
            **({"plan": plan.to_json()} if plan is not None and plan.doubtful else {}),
        }  # fmt: skip
        tenant = pins[0].tenant if pins else ""
        name, target = order.actor.name, order.target
        return audit_write(AuditEntry(tenant, at, name, order.action, target, order.reason, detail))

    async def refuse_unusable(self, target: FlowRevision) -> None:
        """Refuse a revision that cannot run.

        Raises:
            Conflict: when it is invalid, redacted, held or a deletion.
        """
        name = f"revision {target.revision} of {target.namespace}.{target.flow_id}"
        if target.kind == "delete":
            message = f"{name} is the deletion of the flow; pin it to another revision"
            raise Conflict(message)
        if target.state in _UNUSABLE:
            message = f"{name} {_UNUSABLE[target.state]} and cannot run; pin another revision"
            raise Conflict(message)
        await self.flows.load(target)  # older revisions are judged when they are wanted

    async def _previous(self, key: FlowKey, current: FlowRevision) -> FlowRevision:
        """Return the newest revision before the one that runs which can run, too."""
        for each in reversed(await self.flows.revisions(*key)):
            if each.revision >= current.revision or each.blob == current.blob:
                continue
            try:
                await self.refuse_unusable(each)
            except Conflict:
                continue
            return each
        message = (
            f"flow {key[1]}.{key[2]} has no valid revision before {current.revision},"
            " which runs now"
        )
        raise Conflict(message)

    def _until(self, text: str) -> Until:
        """Read how long a pin holds: `changed`, `manual`, or an RFC 3339 time in the future."""
        if text in {"changed", "manual"}:
            return Until(text)
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            message = f"until: {text!r} is neither changed nor manual nor a time with its offset"
            raise BadRequest(message)
        at = int(moment.timestamp() * 1_000_000)
        if not self.clock.now() < at <= LATEST:
            message = f"until: {text} is over already, or too far away"
            raise BadRequest(message)
        return Until(text, at)


def expired(pins: Sequence[Pin], now: int) -> list[Pin]:
    """Return the pins whose time is over."""
    return [pin for pin in pins if pin.until_at is not None and pin.until_at <= now]


def _target(key: FlowKey) -> str:
    return f"flow/{key[1]}.{key[2]}"
