"""The dates of a trigger around the one that is due, backfills and late dates included."""

from dataclasses import replace
from datetime import timedelta

from app.db.trigger_records import Backfill, TriggerState
from app.engine.preview import Preview
from app.errors import HeadwaterError
from app.flows.schedule_dates import micros, moment
from app.flows.trigger_types import Schedule, ScheduleOnDates
from app.flows.triggers import Trigger
from app.triggers.dates import ScheduleDates, listed_dates
from app.triggers.parts import TriggerParts

_MICROSECOND = timedelta(microseconds=1)


def running_backfill(state: TriggerState) -> Backfill | None:
    """Return the backfill of a trigger, unless it pauses."""
    return None if state.backfill is None or state.backfill.paused else state.backfill


class Times:
    """The dates of one trigger around the one that is due."""

    def __init__(
        self, parts: TriggerParts, trigger: Trigger, preview: Preview, state: TriggerState
    ) -> None:
        """Look at the dates from the state that the trigger is in."""
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
        if most is not None and running_backfill(self._state) is None:
            due = max(due, self._parts.clock.now() - most // _MICROSECOND)
        return await self.next(due - 1)  # what is no date of the schedule becomes the next one

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
