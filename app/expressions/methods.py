"""The methods and getters that values have in expressions: a short list, nothing else.

Java's names on Python's values. A getter answers to its property name, its `get…`/`is…` name and
with or without parentheses: `date.year`, `date.getYear()`, `text.length`, `text.length()`.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any, Final

from app.errors import ExpressionError
from app.expressions import regexes
from app.expressions.budget import Meter
from app.expressions.date_formats import plus
from app.expressions.java_numbers import is_number
from app.expressions.operators import contains, equal
from app.expressions.values import LISTS, Entry, java_text

Method = Callable[..., Any]
"""Called with the meter, the value and the arguments."""


def method_of(value: Any, name: str, arguments: int) -> Method | None:
    """Return the method of a value by its name and number of arguments, or None."""
    for types, table in _TABLES:
        if isinstance(value, types):
            return table.get((name, arguments)) or _ALL.get((name, arguments))
    return None


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    message = "the argument must be a text"
    raise ExpressionError(message)


def _whole(value: Any) -> int:
    if is_number(value):
        return int(value)
    message = "the argument must be a number"
    raise ExpressionError(message)


def _bounds(start: Any, end: Any, length: int) -> tuple[int, int]:
    first, last = _whole(start), _whole(end)
    if not 0 <= first <= last <= length:
        message = f"{first} to {last} is outside of 0 to {length}"
        raise ExpressionError(message)
    return first, last


def _substring(_meter: Meter, value: str, start: Any, end: Any = None) -> str:
    first, last = _bounds(start, len(value) if end is None else end, len(value))
    return value[first:last]


def _replace(meter: Meter, value: str, old: Any, new: Any) -> str:
    old, new = _text(old), _text(new)
    meter.grow(len(value) + value.count(old) * max(0, len(new) - len(old)))
    return value.replace(old, new)


def _repeat(meter: Meter, value: str, count: Any) -> str:
    times = max(0, _whole(count))
    meter.grow(len(value) * times)
    return value * times


def _char_at(_meter: Meter, value: str, index: Any) -> str:
    first, _ = _bounds(index, index, len(value) - 1)
    return value[first]


def _concat(meter: Meter, value: str, other: Any) -> str:
    meter.grow(len(value) + len(_text(other)))
    return value + _text(other)


def _sub_list(meter: Meter, value: Any, start: Any, end: Any) -> list[Any]:
    first, last = _bounds(start, end, len(value))
    meter.spend(last - first)
    return list(value)[first:last]


def _item(_meter: Meter, value: Any, index: Any) -> Any:
    first, _ = _bounds(index, index, len(value) - 1)
    return list(value)[first]


def _position(meter: Meter, value: Any, wanted: Any) -> int:
    for index, item in enumerate(value):
        meter.step()
        if equal(item, wanted, meter):
            return index
    return -1


def _has_value(meter: Meter, value: Mapping[Any, Any], wanted: Any) -> bool:
    return _position(meter, list(value.values()), wanted) >= 0


def _key(value: Any) -> Any:
    return value if isinstance(value, (str, int, float)) else None


def _end(value: Any, index: int) -> Any:
    items = list(value)
    if items:
        return items[index]
    message = "the list is empty"
    raise ExpressionError(message)


def _moved(unit: str, sign: int) -> Method:
    return lambda _meter, value, amount: plus(value, sign * _whole(amount), unit)


def _date(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    message = "the argument must be a date"
    raise ExpressionError(message)


Table = dict[tuple[str, int], Method]


def _getters(**getters: Callable[[Any], Any]) -> Table:
    """Return a table in which each getter answers to `x`, `getX` and `isX`."""
    table: Table = {}
    for name, read in getters.items():

        def call(_meter: Meter, value: Any, read: Callable[[Any], Any] = read) -> Any:
            return read(value)

        capital = name[0].upper() + name[1:]
        for alias in (name, f"get{capital}", f"is{capital}"):
            table[alias, 0] = call
    return table


_ALL: Final[Table] = {("toString", 0): lambda meter, value: java_text(value, meter)}

_TEXT: Final[Table] = {
    **_getters(length=len, empty=lambda value: not value, blank=lambda value: not value.strip()),
    ("toUpperCase", 0): lambda _, value: value.upper(),
    ("toLowerCase", 0): lambda _, value: value.lower(),
    ("trim", 0): lambda _, value: value.strip(),
    ("strip", 0): lambda _, value: value.strip(),
    ("substring", 1): _substring,
    ("substring", 2): _substring,
    ("replace", 2): _replace,
    ("replaceAll", 2): lambda meter, value, pattern, new: regexes.replace(
        _text(pattern), _text(new), value, meter
    ),
    ("replaceFirst", 2): lambda meter, value, pattern, new: regexes.replace(
        _text(pattern), _text(new), value, meter, limit=1
    ),
    ("split", 1): lambda meter, value, pattern: regexes.split(_text(pattern), value, 0, meter),
    ("split", 2): lambda meter, value, pattern, limit: regexes.split(
        _text(pattern), value, _whole(limit), meter
    ),
    ("matches", 1): lambda _, value, pattern: regexes.matches(_text(pattern), value),
    ("startsWith", 1): lambda _, value, other: value.startswith(_text(other)),
    ("endsWith", 1): lambda _, value, other: value.endswith(_text(other)),
    ("equalsIgnoreCase", 1): lambda _, value, other: value.casefold() == _text(other).casefold(),
    ("indexOf", 1): lambda _, value, other: value.find(_text(other)),
    ("lastIndexOf", 1): lambda _, value, other: value.rfind(_text(other)),
    ("charAt", 1): _char_at,
    ("concat", 1): _concat,
    ("repeat", 1): _repeat,
}

_LIST: Final[Table] = {
    **_getters(
        size=len,
        empty=lambda value: not value,
        first=lambda value: _end(value, 0),
        last=lambda value: _end(value, -1),
    ),
    ("get", 1): _item,
    ("contains", 1): lambda meter, value, item: contains(value, [item], meter),
    ("indexOf", 1): _position,
    ("subList", 2): _sub_list,
}

_MAP: Final[Table] = {
    **_getters(size=len, empty=lambda value: not value),
    ("get", 1): lambda _, value, key: value.get(_key(key)),
    ("getOrDefault", 2): lambda _, value, key, other: value.get(_key(key), other),
    ("containsKey", 1): lambda _, value, key: _key(key) in value,
    ("containsValue", 1): _has_value,
    ("keySet", 0): lambda _, value: list(value),
    ("values", 0): lambda _, value: list(value.values()),
    ("entrySet", 0): lambda _, value: [Entry(key, item) for key, item in value.items()],
}

_DAY: Final[Table] = _getters(
    year=lambda value: value.year,
    month=lambda value: value.strftime("%B").upper(),
    monthValue=lambda value: value.month,
    dayOfMonth=lambda value: value.day,
    dayOfYear=lambda value: value.timetuple().tm_yday,
    dayOfWeek=lambda value: value.strftime("%A").upper(),
)

_DATE: Final[Table] = {
    **_DAY,
    **_getters(
        hour=lambda value: value.hour,
        minute=lambda value: value.minute,
        second=lambda value: value.second,
        nano=lambda value: value.microsecond * 1000,
        epochSecond=lambda value: int(value.timestamp()),
    ),
    ("toEpochSecond", 0): lambda _, value: int(value.timestamp()),
    ("toEpochMilli", 0): lambda _, value: int(value.timestamp() * 1000),
    ("toLocalDate", 0): lambda _, value: value.date(),
    ("toLocalTime", 0): lambda _, value: value.time(),
    ("toLocalDateTime", 0): lambda _, value: value.replace(tzinfo=None),
    ("isBefore", 1): lambda _, value, other: value < _date(other),
    ("isAfter", 1): lambda _, value, other: value > _date(other),
    ("isEqual", 1): lambda _, value, other: value == _date(other),
    **{
        (f"{word}{unit.title()}", 1): _moved(unit, sign)
        for word, sign in (("plus", 1), ("minus", -1))
        for unit in ("SECONDS", "MINUTES", "HOURS", "DAYS", "WEEKS", "MONTHS", "YEARS")
    },
}

_DURATION: Final[Table] = {
    ("toMillis", 0): lambda _, value: value // timedelta(milliseconds=1),
    ("toMinutes", 0): lambda _, value: value // timedelta(minutes=1),
    ("toHours", 0): lambda _, value: value // timedelta(hours=1),
    ("toDays", 0): lambda _, value: value // timedelta(days=1),
    ("toSeconds", 0): lambda _, value: value // timedelta(seconds=1),
    **_getters(seconds=lambda value: value // timedelta(seconds=1)),
}

_NUMBER: Final[Table] = {
    ("intValue", 0): lambda _, value: int(value),
    ("longValue", 0): lambda _, value: int(value),
    ("doubleValue", 0): lambda _, value: float(value),
}

_TABLES: Final[tuple[tuple[type | tuple[type, ...], Table], ...]] = (
    (Enum, _getters(name=lambda value: value.name)),
    (str, _TEXT),
    (bool, {}),
    (LISTS, _LIST),
    (Mapping, _MAP),
    (datetime, _DATE),
    (date, _DAY),
    (timedelta, _DURATION),
    (Entry, _getters(key=lambda value: value.key, value=lambda value: value.value)),
    ((int, float), _NUMBER),
)
