"""The tests of `is` and `is not` (reference §5.3)."""

from collections.abc import Mapping
from typing import Any

import orjson

from app.errors import ExpressionError
from app.expressions.java_numbers import is_number
from app.expressions.registry import declare_test
from app.expressions.values import LISTS, kind


@declare_test("defined", catches_missing=True)
def is_defined(value: Any) -> bool:
    """True unless the value is missing or null.

    `{{ outputs.fetch.body is defined ? 'yes' : 'no' }}`
    """
    return value is not None


@declare_test("empty")
def is_empty(value: Any) -> bool:
    """True for null, a blank text, an empty list and an empty map; 0 and false are not empty.

    A missing variable is an error; write `x is not defined or x is empty`.
    """
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, (Mapping, *LISTS)) and not value)


@declare_test("null")
def is_null(value: Any) -> bool:
    """True for null."""
    return value is None


@declare_test("even")
def is_even(value: Any) -> bool:
    """True for a number that 2 divides."""
    return _whole("even", value) % 2 == 0


@declare_test("odd")
def is_odd(value: Any) -> bool:
    """True for a number that 2 does not divide."""
    return _whole("odd", value) % 2 != 0


@declare_test("iterable")
def is_iterable(value: Any) -> bool:
    """True for a list; a map or a text is not iterable."""
    return isinstance(value, LISTS)


@declare_test("map")
def is_map(value: Any) -> bool:
    """True for a map."""
    return isinstance(value, Mapping)


@declare_test("json")
def is_json(value: Any) -> bool:
    """True for a text that can be read as JSON."""
    if not isinstance(value, str):
        return False
    try:
        orjson.loads(value)
    except (orjson.JSONDecodeError, UnicodeError):
        return False
    return True


def _whole(name: str, value: Any) -> int:
    if is_number(value):
        return int(value)
    message = f"'{name}' tests a number, not {kind(value)}"
    raise ExpressionError(message)
