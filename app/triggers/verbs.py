"""What people do with triggers: disable, unlock, restart them; run the dates of the past."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

from app.db.trigger_records import Backfill, TriggerKey, TriggerState
from app.engine.preview import Preview
from app.errors import Conflict, Invalid, NotFound
from app.flows.model import Trigger
from app.flows.schedule_dates import micros, moment
from app.flows.trigger_types import Schedule
from app.ports import LoadedFlow
from app.triggers.dates import ScheduleDates
from app.triggers.parts import TriggerParts
from app.triggers.reconciling import trigger_of
from app.triggers.service import Triggers
from app.triggers.times import running_backfill

_MICROSECOND = timedelta(microseconds=1)

Change = Callable[[TriggerState], Awaitable[TriggerState]]


class TriggerVerbs:
    """The verbs of triggers, one a function; each returns the new state, which is stored."""

    def __init__(self, parts: TriggerParts, triggers: Triggers) -> None:
        """Act on what `triggers` evaluates."""
        self._parts = parts
        self._triggers = triggers

    async def get(self, key: TriggerKey) -> TriggerState:
        """Return the state of a trigger; raises `NotFound`."""
        await self._triggers.settled()
        state = await self._parts.store.get(key)
        if state is None:
            message = f"there is no trigger {'.'.join(key[1:])}"
            raise NotFound(message)
        return state

    async def disable(self, key: TriggerKey, *, disabled: bool) -> TriggerState:
        """Disable or enable a trigger; enabled, it goes on with the next date after now.

        Raises:
            NotFound: when there is no such trigger.
        """

        async def change(state: TriggerState) -> TriggerState:
            if state.disabled is disabled:
                return state
            if disabled:
                return replace(state, disabled=True)
            return replace(await self._anew(state), disabled=False)

        return await self._change(key, change)

    async def unlock(self, key: TriggerKey) -> TriggerState:
        """Let a trigger go on though the execution that it waits for runs.

        Raises:
            NotFound: when there is no such trigger. Conflict: when it waits for nothing.
        """

        async def change(state: TriggerState) -> TriggerState:
            if state.execution_id is None and state.evaluating_at is None:
                message = f"trigger {state.name} is not locked"
                raise Conflict(message)
            return replace(state, execution_id=None, evaluating_at=None)

        return await self._change(key, change)

    async def restart(self, key: TriggerKey) -> TriggerState:
        """Begin anew: unlocked, with the next date after now; raises `NotFound`."""

        async def change(state: TriggerState) -> TriggerState:
            unlocked = replace(state, execution_id=None, evaluating_at=None, backfill=None)
            return await self._anew(unlocked)

        return await self._change(key, change)

    async def start_backfill(self, key: TriggerKey, wanted: Backfill) -> TriggerState:
        """Run the dates of a time that has passed, one after another.

        Raises:
            NotFound: when there is no such trigger.
            Invalid: when it is no schedule, or has no date in that time.
        """

        async def change(state: TriggerState) -> TriggerState:
            loaded, trigger = await self._trigger(state)
            if not isinstance(trigger, Schedule):
                message = f"trigger {state.name} is no schedule: only those have backfills"
                raise Invalid(message)
            preview = await self._triggers.reconciler.preview(loaded, trigger)
            return await _begun(self._parts, state, trigger, preview, wanted)

        return await self._change(key, change)

    async def pause_backfill(self, key: TriggerKey, *, paused: bool) -> TriggerState:
        """Pause a backfill, or let it go on; meanwhile the schedule fires as usual.

        Raises:
            NotFound: when there is no such trigger. Conflict: when it has no backfill.
        """

        async def change(state: TriggerState) -> TriggerState:
            backfill = _backfill(state)
            if backfill.paused is paused:
                return state
            if paused:
                usual = backfill.previous_next
                return replace(state, backfill=backfill._replace(paused=True), next_at=usual)
            moved = backfill._replace(paused=False, previous_next=state.next_at)
            return replace(state, backfill=moved, next_at=backfill.current)

        return await self._change(key, change)

    async def delete_backfill(self, key: TriggerKey) -> TriggerState:
        """End a backfill; the schedule goes on as before.

        Raises:
            NotFound: when there is no such trigger. Conflict: when it has no backfill.
        """

        async def change(state: TriggerState) -> TriggerState:
            backfill = _backfill(state)
            usual = state.next_at if backfill.paused else backfill.previous_next
            return replace(state, backfill=None, next_at=usual)

        return await self._change(key, change)

    async def set_disabled(
        self, tenant: str, namespace: str, flow_id: str, trigger: str, *, disabled: bool
    ) -> None:
        """Stop a trigger from firing, or let it fire again (the port `Triggers` of tasks)."""
        await self.disable((tenant, namespace, flow_id, trigger), disabled=disabled)

    async def _change(self, key: TriggerKey, change: Change) -> TriggerState:
        """Change a state, again if somebody else changed it meanwhile."""
        while True:
            state = await self.get(key)
            new = await change(state)
            if new == state:
                return state
            stored = await self._parts.store.move(state, new, self._parts.clock.now())
            if stored is not None:
                break
        if stored.listens is not None:
            self._triggers.listeners.put(stored)
        self._triggers.wake()
        return stored

    async def _anew(self, state: TriggerState) -> TriggerState:
        loaded, trigger = await self._trigger(state)
        now = self._parts.clock.now()
        if running_backfill(state) is not None:
            return state
        return replace(state, next_at=await self._triggers.reconciler.next_at(loaded, trigger, now))

    async def _trigger(self, state: TriggerState) -> tuple[LoadedFlow, Trigger]:
        loaded = await self._parts.flows.current(*state.flow)
        trigger = trigger_of(loaded, state.trigger_id)
        if trigger is None:
            message = f"there is no trigger {state.name}"
            raise NotFound(message)
        return loaded, trigger


def _backfill(state: TriggerState) -> Backfill:
    if state.backfill is None:
        message = f"trigger {state.name} has no backfill"
        raise Conflict(message)
    return state.backfill


async def _begun(
    parts: TriggerParts,
    state: TriggerState,
    trigger: Schedule,
    preview: Preview,
    wanted: Backfill,
) -> TriggerState:
    """Return the state of a trigger that begins to run the dates of a time that has passed.

    Raises:
        Invalid: when that time has no date.
    """
    dates = ScheduleDates(trigger, preview, parts.zone, f"{state.namespace}.{state.flow_id}")
    first = await dates.next(moment(wanted.start) - _MICROSECOND)
    if first is None or micros(first) > wanted.end:
        message = f"there is no date of `{trigger.cron}` between start and end of the backfill"
        raise Invalid(message)
    running = running_backfill(state)
    usual = state.next_at if running is None else running.previous_next
    begun = wanted._replace(current=micros(first), previous_next=usual)
    return replace(state, backfill=begun, next_at=usual if wanted.paused else micros(first))
