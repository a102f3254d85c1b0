"""Functions about dates for conditions (Kestra 2.0): on the date as it is written, in its zone."""

import calendar
from datetime import UTC, date, datetime
from typing import Any, Final

from app.errors import ExpressionError
from app.expressions.arguments import text_argument
from app.expressions.date_formats import read
from app.expressions.evaluation import Evaluation
from app.expressions.registry import declare_function
from app.expressions.values import kind

DAYS: Final = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
_POSITIONS: Final = ("FIRST", "SECOND", "THIRD", "FOURTH", "LAST")
_WORKING_DAYS: Final = frozenset(DAYS[:5])


@declare_function("isDateBefore", "date", "before")
def is_date_before(value: Any, before: Any) -> bool:
    """True when a point in time lies before another."""
    return _read("isDateBefore", value) < _read("isDateBefore", before)


@declare_function("isDateAfter", "date", "after")
def is_date_after(value: Any, after: Any) -> bool:
    """True when a point in time lies after another."""
    return _read("isDateAfter", value) > _read("isDateAfter", after)


@declare_function("isDateBetween", "date", "after", "before")
def is_date_between(value: Any, after: Any, before: Any) -> bool:
    """True when a point in time lies after one and before another, both excluded."""
    first, last = _read("isDateBetween", after), _read("isDateBetween", before)
    return first < _read("isDateBetween", value) < last


@declare_function("dayOfWeek", "date")
def day_of_week(value: Any) -> str:
    """The day of the week in upper case: `MONDAY`."""
    return DAYS[_read("dayOfWeek", value).weekday()]


@declare_function("dayOfMonth", "date")
def day_of_month(value: Any) -> int:
    """The day of the month, from 1."""
    return _read("dayOfMonth", value).day


@declare_function("monthOfYear", "date")
def month_of_year(value: Any) -> int:
    """The month, from 1."""
    return _read("monthOfYear", value).month


@declare_function("hourOfDay", "date")
def hour_of_day(value: Any) -> int:
    """The hour, from 0 to 23."""
    return _read("hourOfDay", value).hour


@declare_function("isWeekend", "date")
def is_weekend(value: Any) -> bool:
    """True on Saturday and Sunday."""
    return _read("isWeekend", value).weekday() >= 5


@declare_function("isDayWeekInMonth", "date", "dayOfWeek", "position")
def is_day_week_in_month(value: Any, day: Any, position: Any) -> bool:
    """True when the date is the FIRST, SECOND, THIRD, FOURTH or LAST such day of its month."""
    moment = _read("isDayWeekInMonth", value)
    wanted = _one_of("dayOfWeek", day, DAYS)
    place = _one_of("position", position, _POSITIONS)
    if DAYS[moment.weekday()] != wanted:
        return False
    if place == "LAST":
        return moment.day + 7 > _days_in_month(moment)
    return (moment.day - 1) // 7 == _POSITIONS.index(place)


@declare_function("isLastWorkingDay", "date", "workingDays")
def is_last_working_day(value: Any, working_days: Any = None) -> bool:
    """True on the last working day of the month; `workingDays` are by default Monday to Friday."""
    moment = _read("isLastWorkingDay", value)
    names = set(_WORKING_DAYS)
    if working_days is not None and (
        parts := text_argument("isLastWorkingDay", "workingDays", working_days).replace(",", " ")
    ):
        names = {_one_of("workingDays", part, DAYS) for part in parts.split()} or names
    if DAYS[moment.weekday()] not in names:
        return False
    later = range(moment.day + 1, _days_in_month(moment) + 1)
    return not any(DAYS[date(moment.year, moment.month, day).weekday()] in names for day in later)


@declare_function("isPublicHoliday", "date", "country", "subDivision")
def is_public_holiday(
    evaluation: Evaluation, value: Any, country: Any = None, sub_division: Any = None
) -> bool:
    """True on a public holiday of a country (and part of it); the server knows the calendars."""
    day = _read("isPublicHoliday", value).date().isoformat()
    known = evaluation.fetch("isPublicHoliday", day, country, sub_division)
    return bool(known)


def _read(name: str, value: Any) -> datetime:
    if value is None:
        message = f"'{name}' expects a date, not {kind(value)}"
        raise ExpressionError(message)
    return read(value, UTC, None, None)


def _days_in_month(moment: datetime) -> int:
    return calendar.monthrange(moment.year, moment.month)[1]


def _one_of(argument: str, value: Any, known: tuple[str, ...]) -> str:
    word = value.upper() if isinstance(value, str) else None
    if word in known:
        return word
    message = f"the argument '{argument}' must be one of {', '.join(known)}"
    raise ExpressionError(message)
