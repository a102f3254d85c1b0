"""Schedules: a date that is due becomes an execution, and the next date is stored.

The order is create, then store. A crash in between finds the date due again, and the claim of the
date finds the execution that exists (contract D7).
"""

from dataclasses import replace
from datetime import timedelta

from app.db.trigger_records import Backfill, TriggerState
from app.engine.preview import Preview
from app.errors import HeadwaterError, Invalid
from app.flows.condition_rules import all_hold, is_true
from app.flows.schedule_dates import micros, moment
from app.flows.trigger_types import Schedule, ScheduleOnDates
from app.flows.triggers import Trigger
from app.flows.zoned import zoned_text
from app.ports import LoadedFlow
from app.telemetry import METRICS
from app.triggers.dates import ScheduleDates, listed_dates, seeing
from app.triggers.parts import TriggerParts
from app.triggers.starts import Fire, Started, start_or_tell, tell

_MICROSECOND = timedelta(microseconds=1)


class Schedules:
    """Evaluates schedules that are due."""

    def __init__(self, parts: TriggerParts) -> None:
        """Work on these parts."""
        self._parts = parts

    async def evaluate(
        self, state: TriggerState, loaded: LoadedFlow, trigger: Trigger, preview: Preview
    ) -> tuple[TriggerState, Started | None]:
        """Fire a trigger that is due, if its conditions hold.

        Returns: its new state, to be stored, and what was started.

        Raises:
            TooMany, Unavailable: when it has to be tried again later.
            NotFound, Gone, Conflict: when the flow is not there any more, or disabled.
        """
        times = _Times(self._parts, trigger, preview, state)
        planned = await times.planned()
        if planned is None or planned > self._parts.clock.now():
            return replace(state, next_at=planned), None
        started = await self._fire(state, loaded, trigger, preview, times, planned)
        return await times.after(planned), started

    async def _fire(
        self,
        state: TriggerState,
        loaded: LoadedFlow,
        trigger: Trigger,
        preview: Preview,
        times: "_Times",
        planned: int,
    ) -> Started | None:
        variables = await times.variables(planned)
        fire = _fire_of(state, loaded, trigger, variables, planned)
        try:
            wanted = await self._holds(trigger, preview, variables)
        except HeadwaterError as error:
            started = await tell(self._parts, fire, error.message)
        else:
            if not wanted:
                return None
            started = await start_or_tell(self._parts, fire, preview)
        late = self._parts.clock.now() - planned
        if started.fresh and state.backfill is None:
            METRICS.trigger_late_seconds.observe(late / 1_000_000)
        return started

    async def _holds(self, trigger: Trigger, preview: Preview, variables: dict[str, str]) -> bool:
        context = seeing(preview, trigger, variables)
        older = (trigger.schedule_conditions or []) if isinstance(trigger, Schedule) else []
        if not await all_hold([*trigger.conditions, *older], context):
            return False
        return trigger.when is None or is_true(await context.render(trigger.when))


def _fire_of(
    state: TriggerState,
    loaded: LoadedFlow,
    trigger: Trigger,
    variables: dict[str, str],
    planned: int,
) -> Fire:
    backfill = running_backfill(state)
    key = zoned_text(moment(planned))
    inputs = getattr(trigger, "inputs", None) or {}
    if backfill is not None:
        key = f"{key}#{backfill.made_at}"
        inputs = {**inputs, **(backfill.inputs or {})}
    return Fire(
        loaded,
        trigger,
        key,
        variables,
        inputs,
        labels=tuple(backfill.labels) if backfill is not None else (),
        top={"schedule": variables} if variables else {},
        date=planned,
    )


def running_backfill(state: TriggerState) -> Backfill | None:
    """Return the backfill of a trigger, unless it pauses."""
    return None if state.backfill is None or state.backfill.paused else state.backfill


class _Times:
    """The dates of one trigger around the one that is due."""

    def __init__(
        self, parts: TriggerParts, trigger: Trigger, preview: Preview, state: TriggerState
    ) -> None:
        self._parts = parts
        self._trigger = trigger
        self._preview = preview
        self._state = state
        self._zone = parts.zone
        self._dates = (
            ScheduleDates(trigger, preview, parts.zone, f"{state.namespace}.{state.flow_id}")
            if isinstance(trigger, Schedule)
            else None
        )

    async def planned(self) -> int | None:
        """Return the date to fire for: the one that is due, or a later one if that is too late."""
        due = self._state.next_at
        if due is None or not isinstance(self._trigger, Schedule):
            return due
        most = self._trigger.late_maximum_delay
        if most is None or running_backfill(self._state) is not None:
            return due
        oldest = self._parts.clock.now() - most // _MICROSECOND
        return due if due >= oldest else await self.next(oldest - 1)

    async def variables(self, planned: int) -> dict[str, str]:
        """Return `trigger` in expressions; a list of dates has none."""
        return {} if self._dates is None else await self._dates.variables(moment(planned))

    async def next(self, after: int) -> int | None:
        """Return the first date later than `after`."""
        if self._dates is not None:
            found = await self._dates.next(moment(after))
            return None if found is None else micros(found)
        return await self._listed(after)

    async def previous(self, before: int) -> int | None:
        """Return the last date earlier than `before`."""
        if self._dates is not None:
            found = await self._dates.previous(moment(before))
            return None if found is None else micros(found)
        if not isinstance(self._trigger, ScheduleOnDates):
            return None
        dates = await listed_dates(self._trigger, self._preview, self._zone)
        return max((micros(date) for date in dates if micros(date) < before), default=None)

    async def _listed(self, after: int) -> int | None:
        if not isinstance(self._trigger, ScheduleOnDates):
            return None
        try:
            dates = await listed_dates(self._trigger, self._preview, self._zone)
        except HeadwaterError:
            return None
        return next((micros(date) for date in dates if micros(date) > after), None)

    async def after(self, planned: int) -> TriggerState:
        """Return the state once a date has been dealt with."""
        state, upcoming = self._state, await self.next(planned)
        backfill = running_backfill(state)
        if backfill is None:
            return replace(state, date=planned, next_at=upcoming)
        if upcoming is not None and upcoming <= backfill.end:
            moved = backfill._replace(current=upcoming)
            return replace(state, backfill=moved, next_at=upcoming)
        return replace(state, backfill=None, next_at=backfill.previous_next)


async def first_of_backfill(
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
    usual = state.backfill.previous_next if running_backfill(state) else state.next_at  # type: ignore[union-attr]
    begun = wanted._replace(current=micros(first), previous_next=usual)
    return replace(state, backfill=begun, next_at=micros(first))


async def caught_up(
    parts: TriggerParts, state: TriggerState, trigger: Trigger, preview: Preview
) -> TriggerState:
    """Return the state at the start of the service: what was missed is made up for, or not."""
    now, due = parts.clock.now(), state.next_at
    if due is None or due > now or running_backfill(state) is not None:
        return state
    rule = getattr(trigger, "recover_missed_schedules", None)
    times = _Times(parts, trigger, preview, state)
    match rule or parts.settings.recover_missed_schedules:
        case "NONE":
            return replace(state, next_at=await times.next(now))
        case "LAST":
            return replace(state, next_at=await _newest(times, due, now, 1))
        case _:
            most = parts.settings.recover_most
            return replace(state, next_at=await _newest(times, due, now, most))


async def _newest(times: _Times, due: int, now: int, most: int) -> int:
    """Return the oldest of the `most` newest dates from `due` to now."""
    oldest, before = due, now + 1
    for _ in range(most):
        date = await times.previous(before)
        if date is None or date < due:
            return due
        oldest = before = date
    return oldest
