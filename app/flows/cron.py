"""Cron expressions: five fields, or six with seconds first, as Unix cron reads them."""

import functools
import re
from dataclasses import dataclass
from typing import Final

NICKNAMES: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}

_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN")
_MONTHS_2: Final = ("JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_MONTH_NAMES: Final = {name: n for n, name in enumerate((*_MONTHS, *_MONTHS_2), start=1)}
_DAY_NAMES: Final = {
    name: n for n, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"))
}
_PART: Final = re.compile(r"(\*|\w{1,3})(?:-(\w{1,3}))?(?:/(\d{1,2}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cron:
    """The values that each field of a cron expression allows."""

    seconds: frozenset[int]
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    """Days of the month, 1 to 31."""
    months: frozenset[int]
    weekdays: frozenset[int]
    """0 is Sunday."""
    any_day: bool
    """Whether the day of the month is `*`."""
    any_weekday: bool
    """Whether the day of the week is `*`."""


@functools.lru_cache(maxsize=4096)
def parse_cron(text: str, *, with_seconds: bool = False) -> Cron:
    """Return what a cron expression allows; nicknames such as `@daily` are read too.

    Raises:
        ValueError: the text is no cron expression; the message says which field is wrong.
    """
    nickname = NICKNAMES.get(text.strip().lower())
    fields = (nickname or text).split()
    if nickname or not with_seconds:
        fields.insert(0, "0")
    if len(fields) != 6:
        raise ValueError(f"it must have {6 if with_seconds else 5} fields")
    seconds, minutes, hours, days, months, weekdays = fields
    return Cron(
        seconds=_field(seconds, "second", 0, 59),
        minutes=_field(minutes, "minute", 0, 59),
        hours=_field(hours, "hour", 0, 23),
        days=_field(days, "day of the month", 1, 31),
        months=_field(months, "month", 1, 12, _MONTH_NAMES),
        weekdays=frozenset(n % 7 for n in _field(weekdays, "day of the week", 0, 7, _DAY_NAMES)),
        any_day=days == "*",
        any_weekday=weekdays == "*",
    )


def _field(
    text: str, name: str, low: int, high: int, names: dict[str, int] | None = None
) -> frozenset[int]:
    values: set[int] = set()
    for part in text.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(f"`{part}` is not a {name}")
        first, last, step = match.groups()
        start = low if first == "*" else _number(first, name, names)
        if first == "*" or (last is None and step is not None):
            end = high
        else:
            end = start if last is None else _number(last, name, names)
        if (first == "*" and last) or not low <= start <= end <= high or step == "0":
            raise ValueError(f"`{part}` is not a {name} ({low}-{high})")
        values.update(range(start, end + 1, int(step or 1)))
    return frozenset(values)


def _number(text: str, name: str, names: dict[str, int] | None) -> int:
    if text.isdigit():
        return int(text)
    number = (names or {}).get(text.upper())
    if number is None:
        raise ValueError(f"`{text}` is not a {name}")
    return number
