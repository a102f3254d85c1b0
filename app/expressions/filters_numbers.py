"""Filters on numbers."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from app.errors import ExpressionError
from app.expressions.arguments import optional_text, text_input
from app.expressions.java_numbers import (
    BigInteger,
    Float32,
    Long,
    checked,
    class_name,
    fits_int,
    fits_long,
    is_number,
)
from app.expressions.number_format import format_number
from app.expressions.registry import declare_filter
from app.expressions.values import LISTS, kind

_MAX_DIGITS = 300
_MAX_EXPONENT = 6_000
_FLOAT_DIGITS = 7
_DOUBLE_DIGITS = 16


@declare_filter("abs")
def absolute(value: Any) -> Any:
    """The number without its sign."""
    return None if value is None else abs(_number("abs", value))


@declare_filter("numberFormat", "format")
def number_format(value: Any, format_: Any = None) -> str | None:
    """The number in a Java `DecimalFormat` pattern such as `#,##0.00`; halves go to even.

    Without a pattern: thousands separated, at most three digits after the point.
    """
    if value is None:
        return None
    pattern = optional_text("numberFormat", "format", format_)
    return format_number(_number("numberFormat", value), pattern or "#,##0.###")


@declare_filter("number", "type")
def number(value: Any, type_: Any = None) -> Any:
    """The number that a text stands for.

    `type`: INT, LONG, FLOAT, DOUBLE, BIGDECIMAL or BIGINTEGER; by default the smallest that holds
    it. The input must be a text.
    """
    if value is None:
        return None
    text = text_input("number", value).strip()
    name = optional_text("number", "type", type_) or ""
    make = _MAKERS.get(name)
    if make is None:
        message = f"unknown type `{name}` of 'number'; known are {', '.join(filter(None, _MAKERS))}"
        raise ExpressionError(message)
    if len(text) > _MAX_DIGITS:
        message = f"a number has at most {_MAX_DIGITS} characters"
        raise ExpressionError(message)
    try:
        return make(text)
    except (ValueError, InvalidOperation) as error:
        message = f"`{text[:40]}` is no number of type {name or 'any'}"
        raise ExpressionError(message) from error


@declare_filter("className")
def class_name_(value: Any) -> str | None:
    """The name of the Java class that holds such a value in Kestra."""
    if value is None:
        return None
    if is_number(value):
        return class_name(value)
    for types, name in _CLASSES:
        if isinstance(value, types):
            return name
    return "java.lang.Object"


_CLASSES: Final[tuple[tuple[type | tuple[type, ...], str], ...]] = (
    (bool, "java.lang.Boolean"),
    (str, "java.lang.String"),
    (Mapping, "java.util.LinkedHashMap"),
    (LISTS, "java.util.ArrayList"),
    (datetime, "java.time.ZonedDateTime"),
    (date, "java.time.LocalDate"),
    (time, "java.time.LocalTime"),
    (timedelta, "java.time.Duration"),
)


def _number(name: str, value: Any) -> Any:
    if is_number(value):
        return value
    message = f"'{name}' works on a number, not on {kind(value)}"
    raise ExpressionError(message)


def _whole(text: str, fits: Callable[[int], bool]) -> int:
    value = int(text)
    if "_" in text or not fits(value):
        message = f"{text} does not fit"
        raise ValueError(message)
    return value


def _double(text: str) -> float:
    if not set(text) <= set("0123456789+-.eE"):
        message = f"{text} is no number"
        raise ValueError(message)
    return float(text)


def _decimal(text: str) -> Decimal:
    _double(text)
    value = Decimal(text)
    if abs(value.adjusted()) > _MAX_EXPONENT:
        message = f"{text} is too large"
        raise ValueError(message)
    return value


def _smallest(text: str) -> Any:
    if text.lstrip("+-").isdigit() and text.isascii():
        value = checked(int(text))
        return value if fits_long(value) else BigInteger(value)
    digits = len(text.lower().partition("e")[0].partition(".")[2])
    if digits <= _FLOAT_DIGITS and abs(_double(text)) < 3.4e38:
        return Float32(_double(text))
    return _double(text) if digits <= _DOUBLE_DIGITS else _decimal(text)


_MAKERS: Final[dict[str, Callable[[str], Any]]] = {
    "": _smallest,
    "INT": lambda text: _whole(text, fits_int),
    "LONG": lambda text: Long(_whole(text, fits_long)),
    "FLOAT": lambda text: Float32(_double(text)),
    "DOUBLE": _double,
    "BIGDECIMAL": _decimal,
    "BIGINTEGER": lambda text: BigInteger(checked(_whole(text, lambda _: True))),
}
