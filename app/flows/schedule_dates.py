"""The dates of a schedule: those of its cron expression at which its conditions hold.

Conditions may cost an expression per date. The search therefore ends after ten years or
`MOST` dates, and skips what a condition rules out at once: the rest of a day, or all that is left.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Final

from app.errors import Invalid
from app.flows import conditions as kinds
from app.flows.conditions import Condition
from app.flows.cron import Cron, parse_cron
from app.flows.cron_dates import next_date, previous_date
from app.flows.trigger_types import Schedule
from app.flows.values import is_template
from app.flows.zoned import read_moment
from app.flows.zones import zone_named

MOST: Final = 20_000
"""How many dates are asked about in one search."""
YEARS: Final = timedelta(days=3653)
_TURN: Final = 64
"""After so many dates others get their turn."""
_DATE: Final = "{{trigger.date}}"
_OF_DAYS: Final = (kinds.DayWeek, kinds.DayWeekInMonth, kinds.Weekend, kinds.PublicHoliday)

Holds = Callable[[Condition, datetime], Awaitable[bool]]
"""Whether a condition holds at a date; raises when that cannot be decided."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """When a schedule fires."""

    cron: Cron
    zone: tzinfo
    conditions: Sequence[Condition] = ()
    """Those that can be asked about a date."""

    @classmethod
    def of(cls, trigger: Schedule, zone: tzinfo) -> "Calendar":
        """Return the calendar of a trigger; `zone` is the server's."""
        own = (*trigger.conditions, *(trigger.schedule_conditions or ()))
        return cls(
            parse_cron(trigger.cron, with_seconds=trigger.with_seconds),
            zone_named(trigger.timezone) if trigger.timezone else zone,
            tuple(each for each in own if each.for_schedules),
        )

    def next(self, after: datetime) -> datetime | None:
        """Return the next date, conditions left aside."""
        return next_date(self.cron, after, self.zone)

    def previous(self, before: datetime) -> datetime | None:
        """Return the date before, conditions left aside."""
        return previous_date(self.cron, before, self.zone)

    async def next_holding(self, after: datetime, holds: Holds) -> datetime | None:
        """Return the next date at which all conditions hold, None if there is none soon enough."""
        return await self._search(after, holds, forward=True)

    async def previous_holding(self, before: datetime, holds: Holds) -> datetime | None:
        """Return the last date before at which all conditions hold."""
        return await self._search(before, holds, forward=False)

    async def _search(self, start: datetime, holds: Holds, *, forward: bool) -> datetime | None:
        step = self.next if forward else self.previous
        place: datetime | None = start
        for count in range(MOST):
            found = step(place) if place is not None else None
            if found is None or abs(found - start) > YEARS:
                return None
            false = await self._first_false(found, holds)
            if false is None:
                return found
            place = _beyond(false, found, forward=forward)
            if count % _TURN == _TURN - 1:
                await asyncio.sleep(0)
        return None

    async def _first_false(self, date: datetime, holds: Holds) -> Condition | None:
        for condition in self.conditions:
            if not await holds(condition, date):
                return condition
        return None


def _beyond(condition: Condition, date: datetime, *, forward: bool) -> datetime | None:
    """Return from where on to search after a condition was false, None if it stays false."""
    if not isinstance(condition, kinds.DateCondition) or not _of_trigger(condition):
        return date
    if isinstance(condition, _OF_DAYS) and not _dynamic(condition):
        edge = datetime.combine(date.date(), time.max if forward else time.min, date.tzinfo)
        return edge if forward else edge.replace(microsecond=0)
    if isinstance(condition, kinds.DateTimeBetween) and not _dynamic(condition):
        return _within(condition, date, forward=forward)
    return date


def _within(condition: kinds.DateTimeBetween, date: datetime, *, forward: bool) -> datetime | None:
    bound = condition.before if forward else condition.after
    if bound is not None and _passed(read_moment(bound), date, forward=forward):
        return None
    other = condition.after if forward else condition.before
    if other is None:
        return date
    near = read_moment(other)
    ahead = near > date if forward else near < date
    return near.astimezone(date.tzinfo) if ahead else date


def _passed(bound: datetime, date: datetime, *, forward: bool) -> bool:
    if bound.tzinfo is None:
        message = f"the date {bound.isoformat()} has no zone"
        raise Invalid(message)
    return date >= bound if forward else date <= bound


def _of_trigger(condition: kinds.DateCondition) -> bool:
    return condition.date.replace(" ", "") == _DATE


def _dynamic(condition: Condition) -> bool:
    own = type(condition).model_fields.keys() - {"date", "id", "type"}
    return any(is_template(getattr(condition, name)) for name in own)


def moment(micros: int) -> datetime:
    """Return an instant given in µs since the epoch."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)


def micros(date: datetime) -> int:
    """Return an instant as µs since the epoch."""
    return (date - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
