"""The operators of assertions.

What an expression gives may be a text where a number is meant, and the other way round: two values
are equal if they are, or if the text of one says the other. Numbers compare by value, texts by
their characters, maps and lists by what they hold.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from app.expressions import number_text


def text_of(value: Any) -> str:
    """Return a value as an expression would print it."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(number_text(value))
    return orjson.dumps(value, default=str).decode()


def equal(actual: Any, expected: Any) -> bool:
    """Whether two values are the same, or one is the text of the other."""
    if _same(actual, expected):
        return True
    if isinstance(actual, str) == isinstance(expected, str):
        return False
    if actual is None or expected is None:
        return False
    text, other = (actual, expected) if isinstance(actual, str) else (expected, actual)
    return bool(text_of(other) == text.strip()) or _same(_read(text), other)


def _same(left: Any, right: Any) -> bool:
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def _read(text: str) -> Any:
    """Return what a text means as JSON; itself when it means nothing."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def number(value: Any) -> float | None:
    """Return a number, or what a text says; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def _ordered(holds: Callable[[float, float], bool]) -> Callable[[Any, Any], bool]:
    def compare(actual: Any, expected: Any) -> bool:
        left, right = number(actual), number(expected)
        return left is not None and right is not None and holds(left, right)

    return compare


def _among(actual: Any, expected: Any) -> bool:
    listed = _read(expected) if isinstance(expected, str) else expected
    if not isinstance(listed, list):
        listed = [listed]
    return any(equal(actual, each) for each in listed)


def _contains(actual: Any, expected: Any) -> bool:
    if isinstance(actual, list):
        return any(equal(each, expected) for each in actual)
    if isinstance(actual, Mapping) and text_of(expected) in actual:
        return True
    return text_of(expected) in text_of(actual)


COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "equalTo": equal,
    "notEqualTo": lambda actual, expected: not equal(actual, expected),
    "greaterThan": _ordered(lambda left, right: left > right),
    "greaterThanOrEqualTo": _ordered(lambda left, right: left >= right),
    "lessThan": _ordered(lambda left, right: left < right),
    "lessThanOrEqualTo": _ordered(lambda left, right: left <= right),
    "in": _among,
    "notIn": lambda actual, expected: not _among(actual, expected),
    "startsWith": lambda actual, expected: text_of(actual).startswith(text_of(expected)),
    "endsWith": lambda actual, expected: text_of(actual).endswith(text_of(expected)),
    "contains": _contains,
    "isNull": lambda actual, expected: (actual is None) == _is_true(expected),
    "isNotNull": lambda actual, expected: (actual is not None) == _is_true(expected),
}
"""What each operator asks of an actual and an expected value."""


def _is_true(value: Any) -> bool:
    return text_of(value).strip().casefold() == "true"
