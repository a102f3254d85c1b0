"""Pins and rollbacks: a flow is held at a revision without any change in Git.

A rollback is a pin that quarantines what is active: with `until: changed` it ends by itself at the
first valid commit that makes the flow another one than that.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from app.db.flows import FlowStore
from app.db.pins import PinStore
from app.db.records import FlowKey, Pin
from app.errors import BadRequest, Conflict, NotFound
from app.executions import execution_id
from app.ports import Clock, FlowRevision
from app.sync.differences import find_revision
from app.sync.model import Actor

_UNUSABLE = {
    "invalid": "is not valid",
    "redacted": "was redacted",
}


@dataclass(frozen=True, slots=True)
class Until:
    """How long a pin holds."""

    text: str
    at: int | None = None
    """µs since the epoch, for a pin that ends at a time."""


class Rollback:
    """The verbs on pins."""

    def __init__(
        self,
        flows: FlowStore,
        pins: PinStore,
        clock: Clock,
        announce: Callable[[Pin], None],
    ) -> None:
        """`announce` is told of pins that end at a time."""
        self._flows = flows
        self._pins = pins
        self._clock = clock
        self._announce = announce

    async def pin(
        self,
        key: FlowKey,
        *,
        revision: int | None,
        commit: str | None,
        reason: str,
        actor: Actor,
        until: str,
    ) -> Pin:
        """Hold a flow at a revision (see `SyncService.pin`)."""
        if (revision is None) == (commit is None):
            message = "name either a revision or a commit to pin the flow to"
            raise BadRequest(message)
        self._flows.effective(*key)  # raises NotFound or Gone
        target = await self._flows.find(*key, revision=revision, commit=commit)
        return await self._hold(target, reason, actor, self._until(until))

    async def rollback(
        self, key: FlowKey, *, to: str | int | None, reason: str, actor: Actor, until: str
    ) -> Pin:
        """Hold a flow at an earlier revision (see `SyncService.rollback`)."""
        current = self._flows.effective(*key)
        if to is None:
            target = await self._previous(key, current)
        else:
            target = await find_revision(self._flows, key, str(to))
        return await self._hold(target, reason, actor, self._until(until))

    async def unpin(self, key: FlowKey, actor: Actor) -> None:
        """End the pin of a flow; raises `NotFound` when there is none."""
        pins = await self._pins.open(key=key)
        if not pins:
            message = f"flow {key[1]}.{key[2]} is not pinned"
            raise NotFound(message)
        await self._pins.end(pins, by=actor.name, at=self._clock.now())
        await self._flows.refresh([key])

    async def end_expired(self) -> None:
        """End the pins whose time is over."""
        now = self._clock.now()
        pins = await self._pins.open()
        over = expired(pins, now)
        for pin in pins:
            if pin not in over:
                self._announce(pin)
        if over:
            await self._pins.end(over, by="its time is over", at=now)
            await self._flows.refresh([pin.key for pin in over])

    async def _hold(self, target: FlowRevision, reason: str, actor: Actor, until: Until) -> Pin:
        await self._refuse_unusable(target)
        pin = await self._pins.add(
            Pin(
                id=execution_id(),
                tenant=target.tenant,
                namespace=target.namespace,
                flow_id=target.flow_id,
                revision=target.revision,
                commit=target.commit,
                blob=target.blob,
                until=until.text,
                until_at=until.at,
                reason=reason,
                actor=actor.name,
                created_at=self._clock.now(),
            )
        )
        await self._flows.refresh([pin.key])
        if pin.until_at is not None:
            self._announce(pin)
        return pin

    async def _refuse_unusable(self, target: FlowRevision) -> None:
        name = f"revision {target.revision} of {target.namespace}.{target.flow_id}"
        if target.kind == "delete":
            message = f"{name} is the deletion of the flow; pin it to another revision"
            raise Conflict(message)
        if target.state in _UNUSABLE:
            message = f"{name} {_UNUSABLE[target.state]} and cannot run; pin another revision"
            raise Conflict(message)
        await self._flows.load(target)  # older revisions are judged when they are wanted

    async def _previous(self, key: FlowKey, current: FlowRevision) -> FlowRevision:
        """Return the newest revision before the one that runs which can run, too."""
        for each in reversed(await self._flows.revisions(*key)):
            if each.revision >= current.revision or each.blob == current.blob:
                continue
            try:
                await self._refuse_unusable(each)
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
        if at <= self._clock.now():
            message = f"until: {text} is over already"
            raise BadRequest(message)
        return Until(text, at)


def expired(pins: list[Pin], now: int) -> list[Pin]:
    """Return the pins whose time is over."""
    return [pin for pin in pins if pin.until_at is not None and pin.until_at <= now]
