"""What the operators do: comparison, equality, joining, `contains`, ranges, casts.

Source: Pebble's operators as Kestra uses them (reference §5.3), with Kestra 1.x's comparison of
texts.
"""

import math
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from app.errors import ExpressionError
from app.expressions.budget import Meter
from app.expressions.java_numbers import (
    as_decimal,
    is_number,
)
from app.expressions.values import LISTS, Entry, java_text, kind, nest


def joined(texts: tuple[str, ...] | list[str], meter: Meter) -> str:
    """Return texts one after the other, counted before they are joined."""
    meter.grow(sum(map(len, texts)))
    return "".join(texts)


def concatenable(value: Any, meter: Meter) -> str:
    """Return what `~` takes of a value: its text as Java writes it; nothing for null."""
    if type(value) is str:
        return value
    return "" if value is None else java_text(value, meter)


def equal(left: Any, right: Any, meter: Meter, depth: int = 0) -> bool:
    """`==`: numbers by value, an enum with its name, lists and maps by content; kinds never mix."""
    if isinstance(left, Enum) or isinstance(right, Enum):
        left = left.name if isinstance(left, Enum) else left
        right = right.name if isinstance(right, Enum) else right
    if isinstance(left, str) or isinstance(right, str):
        return isinstance(left, str) and isinstance(right, str) and left == right
    if is_number(left) and is_number(right):
        return _compare_numbers(left, right) == 0
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return _equal_maps(left, right, meter, depth)
    if isinstance(left, LISTS) and isinstance(right, LISTS):
        return _equal_lists(list(left), list(right), meter, depth)
    if isinstance(left, Entry) and isinstance(right, Entry):
        pairs = ((left.key, right.key), (left.value, right.value))
        return all(equal(one, other, meter, depth + 1) for one, other in pairs)
    return type(left) is type(right) and bool(left == right)


def less(left: Any, right: Any) -> bool:
    """`<`: false when either side is null."""
    return left is not None and right is not None and compare(left, right) < 0


def less_or_equal(left: Any, right: Any) -> bool:
    """`<=`: false when either side is null."""
    return left is not None and right is not None and compare(left, right) <= 0


def greater(left: Any, right: Any) -> bool:
    """`>`: false when either side is null."""
    return left is not None and right is not None and compare(left, right) > 0


def greater_or_equal(left: Any, right: Any) -> bool:
    """`>=`: false when either side is null."""
    return left is not None and right is not None and compare(left, right) >= 0


def compare(left: Any, right: Any) -> int:
    """Return -1, 0 or 1 for two numbers, two texts, two booleans or two dates of one kind.

    Raises:
        ExpressionError: for anything else; nothing is converted.
    """
    if is_number(left) and is_number(right):
        return _compare_numbers(left, right)
    for types in _COMPARABLE:
        if isinstance(left, types) and isinstance(right, types):
            return _sign(left, right)
    if type(left) is date and type(right) is date:
        return _sign(left, right)
    message = (
        f"cannot compare {kind(left)} with {kind(right)}; "
        "convert one of them, for example with `| number`"
    )
    raise ExpressionError(message)


def contains(left: Any, right: Any, meter: Meter) -> bool:
    """`contains`: an item (or all items of a list) of a list, a key of a map, a part of a text."""
    if left is None:
        return False
    if isinstance(left, LISTS):
        wanted = right if isinstance(right, LISTS) else (right,)
        return all(among(item, left, meter) for item in wanted)
    if isinstance(left, Mapping):
        return isinstance(right, (str, int, float)) and right in left
    if isinstance(left, str):
        return java_text(right, meter) in left
    message = f"`contains` works on a list, a map or a text, not on {kind(left)}"
    raise ExpressionError(message)


def is_in(left: Any, right: Any, meter: Meter) -> bool:
    """`isIn`: whether the text of a value is the text of an item, key or value on the right."""
    if left is None or right is None:
        return False
    if isinstance(right, Mapping):
        items: Any = (part for pair in right.items() for part in pair)
    elif isinstance(right, LISTS):
        items = right
    else:
        return False
    wanted = java_text(left, meter)
    for item in items:
        meter.step()
        if java_text(item, meter) == wanted:
            return True
    return False


def as_boolean(value: Any) -> bool:
    """Return what `and`, `or`, `not`, `if` and `?` make of a value.

    Raises:
        ExpressionError: for null, lists, maps and dates.
    """
    if value is True or value is False:
        return bool(value)
    if isinstance(value, str):
        return value != ""
    if is_number(value):
        return bool(value) and not (isinstance(value, float) and math.isnan(value))
    message = f"a condition must be a boolean, a number or a text, not {kind(value)}"
    raise ExpressionError(message)


def span(start: Any, end: Any, increment: Any, meter: Meter) -> list[Any]:
    """Return the inclusive range from one number, or one-character text, to another.

    Raises:
        ExpressionError: for other values, an increment of 0, or more items than steps are left.
    """
    if not is_number(increment) or int(increment) == 0:
        message = "the increment of a range must be a number other than 0"
        raise ExpressionError(message)
    step = int(increment)
    if is_number(start) and is_number(end):
        return list(_counted(int(start), int(end), step, meter))
    if isinstance(start, str) and isinstance(end, str) and len(start) == len(end) == 1:
        return [chr(code) for code in _counted(ord(start), ord(end), step, meter)]
    message = (
        f"a range goes between two numbers or two one-character texts, not from {kind(start)} "
        f"to {kind(end)}"
    )
    raise ExpressionError(message)


def _counted(start: int, end: int, step: int, meter: Meter) -> range:
    # `range` excludes its end; `len` of a huge range would overflow, so the count is calculated.
    count = max(0, (end - start) // step + 1)
    meter.spend(count)
    return range(start, end + (1 if step > 0 else -1), step)


_COMPARABLE: Final = (str, bool, timedelta, time, datetime)


def _sign(left: Any, right: Any) -> int:
    try:
        return int(left > right) - int(left < right)
    except TypeError as error:
        message = "cannot compare a date with a zone to one without"
        raise ExpressionError(message) from error


def _compare_numbers(left: Any, right: Any) -> int:
    if isinstance(left, Decimal) or isinstance(right, Decimal):
        left, right = as_decimal(left), as_decimal(right)
        if left.is_nan() or right.is_nan():
            return 1
    if left == right:
        return 0
    return -1 if left < right else 1


def among(item: Any, items: Any, meter: Meter) -> bool:
    """Tell whether a value equals one of some items."""
    for other in items:
        meter.step()
        if equal(item, other, meter):
            return True
    return False


def _equal_lists(left: list[Any], right: list[Any], meter: Meter, depth: int) -> bool:
    nest(depth)
    if len(left) != len(right):
        return False
    for one, other in zip(left, right, strict=True):
        meter.step()
        if not equal(one, other, meter, depth + 1):
            return False
    return True


def _equal_maps(left: Any, right: Any, meter: Meter, depth: int) -> bool:
    nest(depth)
    if len(left) != len(right):
        return False
    for key, value in left.items():
        meter.step()
        if key not in right or not equal(value, right[key], meter, depth + 1):
            return False
    return True
