"""Numbers as Java writes and divides them.

Kestra's values are Java's: a double prints as `1.0` or `1.0E7`, a FLOAT has 32 bits, an integer
division truncates toward zero. Python's `float` stands for double, `int` for all whole numbers.
"""

import math
import struct
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final, Self

from app.errors import ExpressionError

MAX_BITS: Final = 1_000
"""Whole numbers beyond this size are refused: nothing but a runaway product makes them."""

_MAX_EXPONENT = 6_000
_INT_MIN, _INT_MAX = -(2**31), 2**31 - 1
_LONG_MIN, _LONG_MAX = -(2**63), 2**63 - 1

DECIMAL128: Final = Context(prec=34, rounding=ROUND_HALF_EVEN)
"""Java's `MathContext.DECIMAL128`, in which Pebble calculates with big decimals."""


class Float32(float):
    """A Java `float`: 32 bits, printed with the fewest digits that tell it from its neighbours."""

    __slots__ = ()

    def __new__(cls, value: float) -> Self:
        """Round `value` to 32 bits; beyond their range it becomes infinite."""
        return super().__new__(cls, _to_32_bits(value))


class Long(int):
    """A whole number that was asked to be a Java `long`; only `className` tells it from others."""

    __slots__ = ()


class BigInteger(int):
    """A whole number that was asked to be a Java `BigInteger`."""

    __slots__ = ()


Number = int | float | Decimal


def is_number(value: object) -> bool:
    """Tell whether the value is a number; a boolean is none."""
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def checked(value: int) -> int:
    """Return the whole number unless it is absurdly large.

    Raises:
        ExpressionError: beyond `MAX_BITS`.
    """
    if value.bit_length() > MAX_BITS:
        message = f"the number has more than {MAX_BITS} bits"
        raise ExpressionError(message)
    return value


def whole_text(value: int) -> str:
    """Return the decimal digits of a whole number.

    Raises:
        ExpressionError: when it is absurdly large.
    """
    return int.__repr__(checked(value))


def double_text(value: float) -> str:
    """Return a double (or `Float32`) as Java's `Double.toString` writes it."""
    if type(value) is float and 1e-3 <= value < 1e7:
        return repr(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    digits = _shortest_32(value) if isinstance(value, Float32) else float.__repr__(value)
    magnitude = abs(value)
    if magnitude == 0 or 1e-3 <= magnitude < 1e7:
        return digits if "e" not in digits else _positional(digits)
    return _scientific(digits)


def decimal_text(value: Decimal) -> str:
    """Return a big decimal without exponent, as Java's `toPlainString`.

    Raises:
        ExpressionError: when that would be thousands of digits.
    """
    if not value.is_finite():
        return str(value)
    if abs(value.adjusted()) > _MAX_EXPONENT:
        message = "the number is too large or too small to be written out"
        raise ExpressionError(message)
    return format(value, "f")


def number_text(value: Number) -> str:
    """Return the text of any number."""
    if isinstance(value, int):
        return whole_text(value)
    return double_text(value) if isinstance(value, float) else decimal_text(value)


def class_name(value: Number) -> str:
    """Return the name of the Java class that would hold the number."""
    if isinstance(value, Decimal):
        return "java.math.BigDecimal"
    if isinstance(value, float):
        return "java.lang.Float" if isinstance(value, Float32) else "java.lang.Double"
    if isinstance(value, BigInteger) or not _LONG_MIN <= value <= _LONG_MAX:
        return "java.math.BigInteger"
    small = _INT_MIN <= value <= _INT_MAX and not isinstance(value, Long)
    return "java.lang.Integer" if small else "java.lang.Long"


def as_decimal(value: Number) -> Decimal:
    """Return the number as a decimal of the digits that it prints with."""
    if isinstance(value, Decimal):
        return value
    return Decimal(value if isinstance(value, int) else double_text(value).replace("E", "e"))


def fits_long(value: int) -> bool:
    """Tell whether a whole number fits into 64 bits."""
    return _LONG_MIN <= value <= _LONG_MAX


def fits_int(value: int) -> bool:
    """Tell whether a whole number fits into 32 bits."""
    return _INT_MIN <= value <= _INT_MAX


def _to_32_bits(value: float) -> float:
    try:
        result: float = struct.unpack("f", struct.pack("f", value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)
    return result


def _shortest_32(value: float) -> str:
    """Return the fewest digits that read back as the same 32 bits (nine always do)."""
    for precision in range(1, 10):
        digits = f"{value:.{precision}g}"
        if _to_32_bits(float(digits)) == value:
            break
    return float.__repr__(float(digits))


def _positional(digits: str) -> str:
    text = format(Decimal(digits), "f")
    return text if "." in text else f"{text}.0"


def _scientific(digits: str) -> str:
    sign, numbers, exponent = Decimal(digits).as_tuple()
    figures = "".join(map(str, numbers)).rstrip("0") or "0"
    power = len(numbers) - 1 + int(exponent)
    fraction = figures[1:] or "0"
    return f"{'-' if sign else ''}{figures[0]}.{fraction}E{power}"
