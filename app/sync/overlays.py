"""Overlays: flows and triggers disabled, limits changed, without touching Git.

Each has an owner, a reason and maybe an end. They are the only way in which what runs may differ
from what Git says, besides pins.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from app.db.audit import AuditEntry, audit_write
from app.db.flows import FlowStore
from app.db.overlays import CONCURRENCY, DISABLED, TRIGGER, Overlay, OverlayStore
from app.db.records import FlowKey
from app.db.sql import Write
from app.errors import BadRequest, HeadwaterError, NotFound
from app.executions import execution_id
from app.ports import Clock
from app.sync.model import LATEST, Actor
from app.sync.timing import Timing

TriggerKey = tuple[str, str, str, str]
"""Tenant, namespace, flow id, trigger id."""

_LONGEST = 30 * 86_400.0
"""Seconds after which an end that is far away is waited for anew."""
_TASKS = Actor("a task")


class Switch(Protocol):
    """Stops triggers from firing, and lets them fire again."""

    async def disable(self, key: TriggerKey, *, disabled: bool) -> Any:
        """Return the trigger's new state; raises `NotFound`."""
        ...


@dataclass(frozen=True, slots=True)
class Word:
    """Who overrides something, why, and until when (µs; None: until somebody ends it)."""

    actor: Actor
    reason: str = ""
    expires_at: int | None = None


_OVER = Word(Actor("system"), "its time is over")


class Stored(NamedTuple):
    """Where overlays are kept, and the flows that they lie over."""

    overlays: OverlayStore
    flows: FlowStore


class Overlays:
    """The verbs on overlays."""

    def __init__(self, stored: Stored, clock: Clock, timing: Timing, switch: Switch) -> None:
        """Keep overlays in `stored`; `switch` stops triggers, `timing` rings when one ends."""
        self._store = stored.overlays
        self._flows = stored.flows
        self._clock = clock
        self._timing = timing
        self._switch = switch
        self._ending = asyncio.Lock()

    async def start(self) -> None:
        """End what expired meanwhile, and see to it that triggers are as they were left."""
        await self.end_expired()
        for each in await self._store.open():
            if each.kind == TRIGGER:
                with suppress(HeadwaterError):  # the flow, or its trigger, may be gone
                    await self._switch.disable((*each.key, each.trigger_id), disabled=True)

    async def open(self, tenant: str | None = None) -> list[Overlay]:
        """Return the overlays that hold, oldest first."""
        return await self._store.open(tenant)

    async def of_flow(self, key: FlowKey) -> list[Overlay]:
        """Return every overlay that a flow has or had, oldest first."""
        return await self._store.of_flow(key)

    async def disable_flows(self, keys: Sequence[FlowKey], word: Word, *, disabled: bool) -> None:
        """Disable flows, or enable them, whatever their sources say; raises `NotFound`, `Gone`."""
        at = self._checked(word)
        added: list[Overlay] = []
        ended: list[Overlay] = []
        for key in keys:
            said = (await self._flows.load(self._flows.effective(*key))).flow.disabled
            if disabled is not said:
                added.append(self._overlay(key, DISABLED, str(disabled).lower(), word, at))
            else:
                ended += [each for each in await self._store.open(key=key) if each.kind == DISABLED]
        verb = "flow.disable" if disabled else "flow.enable"
        notes = [_note(key, verb, word, at) for key in keys]
        await self._change(added, ended, notes, word, at)

    async def limit(self, key: FlowKey, limit: int, word: Word) -> Overlay:
        """Let so many executions of a flow run at once; raises `NotFound`, `Gone`."""
        at = self._checked(word)
        self._flows.effective(*key)
        made = self._overlay(key, CONCURRENCY, str(limit), word, at)
        await self._change([made], [], [_note(key, "flow.limit", word, at)], word, at)
        return made

    async def disable_trigger(self, key: TriggerKey, word: Word, *, disabled: bool) -> Any:
        """Stop a trigger from firing, or let it fire again; return its state.

        Raises:
            NotFound: when there is no such trigger.
        """
        at = self._checked(word)
        flow, trigger = key[:3], key[3]
        open_ = [
            each
            for each in await self._store.open(key=flow)
            if (each.kind, each.trigger_id) == (TRIGGER, trigger)
        ]
        state = await self._switch.disable(key, disabled=disabled)
        verb = "trigger.disable" if disabled else "trigger.enable"
        note = _note(flow, verb, word, at, trigger)
        if disabled:
            await self._change([self._overlay(flow, TRIGGER, "", word, at, trigger)], [], [note],
                               word, at)  # fmt: skip
        elif open_:
            await self._change([], open_, [note], word, at)
        return state

    async def set_disabled(
        self, tenant: str, namespace: str, flow_id: str, trigger: str, *, disabled: bool
    ) -> None:
        """Disable or enable a trigger for a task (the port `Triggers`)."""
        await self.disable_trigger(
            (tenant, namespace, flow_id, trigger), Word(_TASKS), disabled=disabled
        )

    async def end(self, key: FlowKey, overlay_id: str, word: Word) -> None:
        """End an overlay of a flow; raises `NotFound`."""
        for each in await self._store.open(key=key):
            if each.id == overlay_id:
                await self._end(each, word, word.actor.name)
                return
        message = f"flow {key[1]}.{key[2]} has no overlay {overlay_id}"
        raise NotFound(message)

    async def end_expired(self) -> None:
        """End the overlays whose time is over, and wait for the next ones."""
        async with self._ending:
            now = self._clock.now()
            timed = [each for each in await self._store.open() if each.expires_at is not None]
            for each in timed:
                if (each.expires_at or 0) > now:
                    self._await_end(each.expires_at or 0)
                else:
                    await self._end(each, _OVER, _OVER.reason)

    async def _end(self, overlay: Overlay, word: Word, by: str) -> None:
        at = self._clock.now()
        if overlay.kind == TRIGGER:
            with suppress(HeadwaterError):  # the flow, or its trigger, may be gone
                key = (*overlay.key, overlay.trigger_id)
                await self._switch.disable(key, disabled=False)
        note = _note(overlay.key, "overlay.end", word, at, overlay.trigger_id)
        await self._store.end([overlay], note, by=by, at=at)
        await self._flows.refresh([overlay.key])

    async def _change(
        self,
        added: Sequence[Overlay],
        ended: Sequence[Overlay],
        notes: Sequence[Write],
        word: Word,
        at: int,
    ) -> None:
        if added:
            await self._store.add(added, *notes)
        await self._store.end(ended, *(() if added else notes), by=word.actor.name, at=at)
        await self._flows.refresh([each.key for each in (*added, *ended)])
        if added and word.expires_at is not None:
            self._await_end(word.expires_at)

    def _await_end(self, at: int) -> None:
        seconds = (at - self._clock.now()) / 1_000_000 + 0.01
        self._timing.after(min(seconds, _LONGEST), f"overlays {at}", self.end_expired)

    def _checked(self, word: Word) -> int:
        """Return the time of a change; raises `BadRequest` when its end is over already."""
        now = self._clock.now()
        if word.expires_at is not None and not now < word.expires_at <= LATEST:
            message = "the overlay would be over already, or ends too far away; give another end"
            raise BadRequest(message)
        return now

    def _overlay(
        self, key: FlowKey, kind: str, value: str, word: Word, at: int, trigger: str = ""
    ) -> Overlay:
        return Overlay(
            execution_id(),
            *key,
            kind,
            word.actor.name,
            at,
            value=value,
            trigger_id=trigger,
            reason=word.reason,
            expires_at=word.expires_at,
        )


def _note(key: FlowKey, action: str, word: Word, at: int, trigger: str = "") -> Write:
    tenant, namespace, flow_id = key
    detail = {"trigger": trigger} if trigger else {}
    target = f"flow/{namespace}.{flow_id}"
    return audit_write(AuditEntry(tenant, at, word.actor.name, action, target, word.reason, detail))
