"""Conditions about dates, and what any condition is asked with (reference §4.7)."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any, Final, NamedTuple, Protocol

from app.errors import Invalid
from app.flows import conditions as kinds
from app.flows.conditions import Condition
from app.flows.holidays import is_public_holiday
from app.flows.zoned import read_clock, read_moment

DAYS: Final = (
    "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY",
)  # fmt: skip
_POSITIONS: Final = ("FIRST", "SECOND", "THIRD", "FOURTH")


class Render(Protocol):
    """Renders a template to text; `extra` variables are added to those it knows."""

    def __call__(self, template: str, **extra: Any) -> Awaitable[str]:
        """Raise `HeadwaterError` when it cannot be evaluated."""
        ...


class Facts(NamedTuple):
    """What conditions ask of an execution."""

    namespace: str
    flow_id: str
    state: str
    labels: Mapping[str, str] = {}
    outputs: Mapping[str, Any] | None = None
    attempts: Sequence[Sequence[str]] = ()
    """The states of the attempts, task run by task run."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a condition is asked about: the flow it stands in, and an execution if there is one."""

    render: Render
    namespace: str
    flow_id: str
    execution: Facts | None = None
    warn: Callable[[str], None] = field(default=lambda _: None)
    """Hears why a condition could not be decided."""


async def _moment(condition: kinds.DateCondition, context: Context) -> datetime:
    return read_moment(await context.render(condition.date))


def _with_zone(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        message = f"the date {moment.isoformat()} has no zone; write for example …T00:00:00+01:00"
        raise Invalid(message)
    return moment


async def _bound(template: str | None, context: Context) -> str | None:
    return None if template is None else await context.render(template)


async def _date_time_between(condition: kinds.DateTimeBetween, context: Context) -> bool:
    after = await _bound(condition.after, context)
    before = await _bound(condition.before, context)
    _refuse_unbounded(condition, after, before)
    moment = _with_zone(await _moment(condition, context))
    if after is not None and not moment > _with_zone(read_moment(after)):
        return False
    return before is None or moment < _with_zone(read_moment(before))


async def _time_between(condition: kinds.TimeBetween, context: Context) -> bool:
    after = await _bound(condition.after, context)
    before = await _bound(condition.before, context)
    _refuse_unbounded(condition, after, before)
    moment = _of_day(_with_zone(await _moment(condition, context)).timetz(), condition.date)
    if after is not None and not moment > _of_day(read_clock(after), after):
        return False
    return before is None or moment < _of_day(read_clock(before), before)


def _of_day(clock: time, text: str) -> timedelta:
    """Return a time of the day with an offset, as UTC has it; not wrapped at midnight (as Java)."""
    local = timedelta(
        hours=clock.hour,
        minutes=clock.minute,
        seconds=clock.second,
        microseconds=clock.microsecond,
    )
    offset = clock.utcoffset()
    if offset is None:
        message = f"the time {text} has no offset; write for example 16:19:12-05:00"
        raise Invalid(message)
    return local - offset


def _refuse_unbounded(condition: Condition, *bounds: str | None) -> None:
    if not any(bounds):
        message = f"{condition.type} needs `after` or `before`"
        raise Invalid(message)


async def _day_of_week(template: str, context: Context) -> int:
    name = (await context.render(template)).strip().upper()
    if name not in DAYS:
        message = f"`{name}` is no day of the week; write for example MONDAY"
        raise Invalid(message)
    return DAYS.index(name)


async def _day_week(condition: kinds.DayWeek, context: Context) -> bool:
    moment = await _moment(condition, context)
    return moment.weekday() == await _day_of_week(condition.day_of_week, context)


async def _day_week_in_month(condition: kinds.DayWeekInMonth, context: Context) -> bool:
    moment = await _moment(condition, context)
    position = (await context.render(condition.day_in_month)).strip().upper()
    if position != "LAST" and position not in _POSITIONS:
        message = f"`{position}` is none of {', '.join(_POSITIONS)}, LAST"
        raise Invalid(message)
    if moment.weekday() != await _day_of_week(condition.day_of_week, context):
        return False
    if position == "LAST":
        return (moment + timedelta(days=7)).month != moment.month
    return (moment.day - 1) // 7 == _POSITIONS.index(position)


async def _weekend(condition: kinds.Weekend, context: Context) -> bool:
    return (await _moment(condition, context)).weekday() >= DAYS.index("SATURDAY")


async def _public_holiday(condition: kinds.PublicHoliday, context: Context) -> bool:
    moment = await _moment(condition, context)
    country = await _bound(condition.country, context)
    part = await _bound(condition.sub_division, context)
    # In a thread: the first look at a country loads its calendars, which takes a while.
    return await asyncio.to_thread(is_public_holiday, moment.date(), country or None, part or None)


Rule = Callable[[Any, Context], Awaitable[bool]]

DATE_RULES: Final[Mapping[type[Condition], Rule]] = {
    kinds.DateTimeBetween: _date_time_between,
    kinds.TimeBetween: _time_between,
    kinds.DayWeek: _day_week,
    kinds.DayWeekInMonth: _day_week_in_month,
    kinds.Weekend: _weekend,
    kinds.PublicHoliday: _public_holiday,
}
"""What each condition about a date means."""
