"""Values as text: what is printed, what `~` joins, and what counts as true.

Printing turns maps and lists into JSON (`json_text`); joining writes them as Java's `toString` does
(`{k=v}`, `[1, a]`). Only the kinds of values listed here exist for expressions; anything else that
strays into the variables is refused rather than asked for its text.
"""

from collections.abc import Callable, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final
from uuid import UUID

from app.errors import ExpressionError
from app.expressions.budget import Meter
from app.expressions.dates import temporal_text
from app.expressions.java_numbers import decimal_text, double_text, whole_text

MAX_NESTING: Final = 100
"""How deeply lists and maps may be nested in a value that is written, compared or rendered."""

_FALSE_TEXTS: Final = frozenset({"", "false", "0", "-0"})

LISTS: Final = (list, tuple, set, frozenset)
"""The kinds that count as lists."""


class Entry:
    """One entry of a map, as `for` meets it: `key` and `value`; its text is `key=value`."""

    __slots__ = ("key", "value")

    def __init__(self, key: Any, value: Any) -> None:
        """Pair a key with its value."""
        self.key = key
        self.value = value


def truthy(text: str | None) -> bool:
    """Tell whether a rendered text counts as true.

    False are exactly None, the empty text, `false`, `0` and `-0` (reference §3.5).
    """
    return text is not None and text not in _FALSE_TEXTS


def kind(value: Any) -> str:
    """Return the word for the kind of a value, for messages."""
    if value is None:
        return "null"
    for types, word in _KINDS:
        if isinstance(value, types):
            return word
    return f"a {type(value).__name__}"


_KINDS: Final[tuple[tuple[type | tuple[type, ...], str], ...]] = (
    (bool, "a boolean"),
    (str, "a text"),
    ((int, float, Decimal), "a number"),
    (Mapping, "a map"),
    (LISTS, "a list"),
    (timedelta, "a duration"),
    ((date, time), "a date"),
    (Entry, "a map entry"),
)


def scalar_text(value: Any) -> str:
    """Return the text of a value that is neither list nor map; null is the text `null`.

    Raises:
        ExpressionError: for a kind of value that expressions do not know.
    """
    writer = _SCALARS.get(type(value))
    if writer is not None:
        return writer(value)
    for types, write in _KIN:
        if isinstance(value, types):
            return write(value)
    message = f"a value of type {type(value).__name__} cannot be used in an expression"
    raise ExpressionError(message)


def java_text(value: Any, meter: Meter, depth: int = 0) -> str:
    """Return the value as Java's `toString`: `{k=v}`, `[1, a]`, `null`.

    Raises:
        ExpressionError: when it is too long or nested too deeply.
    """
    writer = _SCALARS.get(type(value))
    if writer is not None:
        return writer(value)
    if isinstance(value, Mapping):
        pairs = (
            f"{java_text(key, meter, depth + 1)}={java_text(item, meter, depth + 1)}"
            for key, item in value.items()
        )
        return _enclosed("{", pairs, "}", meter, depth)
    if isinstance(value, LISTS):
        items = (java_text(item, meter, depth + 1) for item in value)
        return _enclosed("[", items, "]", meter, depth)
    if isinstance(value, Entry):
        nest(depth)
        return (
            f"{java_text(value.key, meter, depth + 1)}={java_text(value.value, meter, depth + 1)}"
        )
    return scalar_text(value)


def nest(depth: int) -> None:
    """Refuse a value that is nested too deeply.

    Raises:
        ExpressionError: at `MAX_NESTING`.
    """
    if depth >= MAX_NESTING:
        message = f"the value is nested more than {MAX_NESTING} levels deep"
        raise ExpressionError(message)


def _enclosed(opening: str, items: Any, closing: str, meter: Meter, depth: int) -> str:
    nest(depth)
    parts = []
    for item in items:
        meter.step()
        meter.grow(len(item) + 2)
        parts.append(item)
    return f"{opening}{', '.join(parts)}{closing}"


def _boolean_text(value: Any) -> str:
    return "true" if value else "false"


def _enum_text(value: Any) -> str:
    return str(value.name)


_SCALARS: Final[dict[type, Callable[[Any], str]]] = {
    str: str,
    bool: _boolean_text,
    int: whole_text,
    float: double_text,
    type(None): lambda _: "null",
}

_KIN: Final[tuple[tuple[type | tuple[type, ...], Callable[[Any], str]], ...]] = (
    (Enum, _enum_text),
    (str, str.__str__),
    (int, whole_text),
    (float, double_text),
    (Decimal, decimal_text),
    ((date, time, timedelta), temporal_text),
    (UUID, str),
)
