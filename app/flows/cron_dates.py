"""The dates of a cron expression in a time zone.

A cron expression speaks of the clock on the wall. A time that the clock skips in spring counts at
the first instant after the gap; a time that it shows twice in autumn counts the first time only.
A day matches as in Unix cron: if both its day of the month and its day of the week are limited,
one of them is enough.
"""

import functools
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

from app.flows.cron import Cron

_SECOND: Final = timedelta(seconds=1)
_DAY: Final = timedelta(days=1)
DAYS: Final = 3660
"""How far (days) dates are looked for: any expression that has dates at all has one in 9 years."""

_Clock = tuple[Sequence[int], Sequence[int], Sequence[int]]


def next_date(cron: Cron, after: datetime, zone: tzinfo) -> datetime | None:
    """Return the first date later than `after`, None if there is none within ten years."""
    after = after.astimezone(UTC)  # dates of one zone are compared by their clocks, not in time
    local = _local(after, zone).replace(microsecond=0) + _SECOND
    while (found := _at_or_after(cron, local)) is not None:
        instant = _instant(found, zone)
        if instant > after:
            return instant
        local = found + _SECOND  # the clock shows this time again: it has counted already
    return None


def previous_date(cron: Cron, before: datetime, zone: tzinfo) -> datetime | None:
    """Return the last date earlier than `before`, None if there is none within ten years."""
    before = before.astimezone(UTC)
    local = _latest_shown(before, zone)
    while (found := _at_or_before(cron, local)) is not None:
        instant = _instant(found, zone)
        if instant < before:
            return instant
        local = found - _SECOND
    return None


def _local(instant: datetime, zone: tzinfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


def _latest_shown(instant: datetime, zone: tzinfo) -> datetime:
    """Return the latest time that the clock has shown so far on that day."""
    there = instant.astimezone(zone)
    local = there.replace(tzinfo=None, fold=0)
    if not there.fold:
        return local
    first = there.replace(fold=0).astimezone(UTC)
    return local + (there.astimezone(UTC) - first)


def _instant(local: datetime, zone: tzinfo) -> datetime:
    """Return when the clock shows a time for the first time, or the end of the gap it lies in."""
    there = local.replace(tzinfo=zone)
    instant = there.astimezone(UTC)
    if _local(instant, zone) == local:
        return there
    # In a gap: between the two readings of the time lies the instant at which the clock jumps.
    early = there.replace(fold=1).astimezone(UTC)
    before = early.astimezone(zone).utcoffset()
    seconds = int((instant - early).total_seconds())
    low, high = 0, seconds
    while low < high:
        middle = (low + high) // 2
        if (early + middle * _SECOND).astimezone(zone).utcoffset() == before:
            low = middle + 1
        else:
            high = middle
    return (early + low * _SECOND).astimezone(zone)


def _at_or_after(cron: Cron, start: datetime) -> datetime | None:
    clock, day = _clock(cron), start.date()
    least = (start.hour, start.minute, start.second)
    for _ in range(DAYS):
        if _matches(cron, day) and (found := _first(clock, least)) is not None:
            return datetime.combine(day, found)
        least = (0, 0, 0)
        if day > date.max - _DAY:
            return None
        day += _DAY
    return None


def _at_or_before(cron: Cron, start: datetime) -> datetime | None:
    clock, day = _clock(cron), start.date()
    most = (start.hour, start.minute, start.second)
    for _ in range(DAYS):
        if _matches(cron, day) and (found := _last(clock, most)) is not None:
            return datetime.combine(day, found)
        most = (23, 59, 59)
        if day < date.min + _DAY:
            return None
        day -= _DAY
    return None


@functools.lru_cache(maxsize=4096)
def _clock(cron: Cron) -> _Clock:
    return sorted(cron.hours), sorted(cron.minutes), sorted(cron.seconds)


def _matches(cron: Cron, day: date) -> bool:
    if day.month not in cron.months:
        return False
    in_month, in_week = day.day in cron.days, day.isoweekday() % 7 in cron.weekdays
    if cron.any_day or cron.any_weekday:
        return in_month and in_week
    return in_month or in_week


def _first(clock: _Clock, least: tuple[int, int, int]) -> time | None:
    """Return the first time of the day that is not earlier than `least`."""
    hours, minutes, seconds = clock
    for hour in hours:
        if hour > least[0]:
            return time(hour, minutes[0], seconds[0])
        if hour < least[0]:
            continue
        for minute in minutes:
            if minute > least[1]:
                return time(hour, minute, seconds[0])
            later = (each for each in seconds if minute == least[1] and each >= least[2])
            if (second := next(later, None)) is not None:
                return time(hour, minute, second)
    return None


def _last(clock: _Clock, most: tuple[int, int, int]) -> time | None:
    """Return the last time of the day that is not later than `most`."""
    hours, minutes, seconds = clock
    for hour in reversed(hours):
        if hour < most[0]:
            return time(hour, minutes[-1], seconds[-1])
        if hour > most[0]:
            continue
        for minute in reversed(minutes):
            if minute < most[1]:
                return time(hour, minute, seconds[-1])
            earlier = (each for each in reversed(seconds) if minute == most[1] and each <= most[2])
            if (second := next(earlier, None)) is not None:
                return time(hour, minute, second)
    return None
