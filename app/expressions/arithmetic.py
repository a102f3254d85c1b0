"""Arithmetic: `+ - * / %` and signs, on numbers, texts and lists (reference §5.3).

A list is never changed: `+` and `-` make a new one.
"""

import math
from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from app.errors import ExpressionError
from app.expressions.budget import Meter
from app.expressions.java_numbers import DECIMAL128, Float32, as_decimal, checked, is_number
from app.expressions.operators import among, joined
from app.expressions.values import LISTS, java_text, kind


def add(left: Any, right: Any, meter: Meter) -> Any:
    """`+`: joins when either side is text, appends to a list, otherwise adds numbers."""
    if isinstance(left, str) or isinstance(right, str):
        if isinstance(left, Enum) or isinstance(right, Enum):
            left, right = java_text(left, meter), java_text(right, meter)
        return joined((java_text(left, meter), java_text(right, meter)), meter)
    if isinstance(left, LISTS):
        added = list(right) if isinstance(right, LISTS) else [right]
        meter.spend(len(left) + len(added))
        return [*left, *added]
    return _calculate("+", left, right)


def subtract(left: Any, right: Any, meter: Meter) -> Any:
    """`-`: takes items out of a list, otherwise subtracts numbers."""
    if isinstance(left, LISTS):
        removed = right if isinstance(right, LISTS) else (right,)
        return [item for item in left if not among(item, removed, meter)]
    return _calculate("-", left, right)


def multiply(left: Any, right: Any, _meter: Meter) -> Any:
    """`*`: multiplies numbers."""
    return _calculate("*", left, right)


def divide(left: Any, right: Any, _meter: Meter) -> Any:
    """`/`: divides numbers; whole ones truncate toward zero."""
    return _calculate("/", left, right)


def modulo(left: Any, right: Any, _meter: Meter) -> Any:
    """`%`: the rest of a division, with the sign of the dividend."""
    return _calculate("%", left, right)


def negative(value: Any) -> Any:
    """Unary `-`."""
    return _calculate("*", -1, value)


def positive(value: Any) -> Any:
    """Unary `+`: the number itself."""
    return _calculate("*", 1, value)


def _calculate(operator: str, left: Any, right: Any) -> Any:
    if not is_number(left) or not is_number(right):
        message = f"cannot calculate {kind(left)} {operator} {kind(right)}; both must be numbers"
        raise ExpressionError(message)
    if isinstance(left, Decimal) or isinstance(right, Decimal):
        return _decimals(operator, as_decimal(left), as_decimal(right))
    if isinstance(left, int) and isinstance(right, int):
        return checked(_WHOLE[operator](int(left), int(right)))
    result = _doubles(operator, float(left), float(right))
    # A 32-bit float stays one next to whole numbers and its like; a double widens it.
    double = type(left) is float or type(right) is float
    return result if double else Float32(result)


def _truncated_quotient(left: int, right: int) -> int:
    if right == 0:
        message = "division by zero"
        raise ExpressionError(message)
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


_WHOLE: Final[dict[str, Callable[[int, int], int]]] = {
    "+": int.__add__,
    "-": int.__sub__,
    "*": int.__mul__,
    "/": _truncated_quotient,
    "%": lambda left, right: left - right * _truncated_quotient(left, right),
}


def _doubles(operator: str, left: float, right: float) -> float:
    if operator == "/":
        return left / right if right else _divided_by_zero(left, right)
    if operator == "%":
        return math.fmod(left, right) if right and math.isfinite(left) else math.nan
    if operator == "*":
        return left * right
    return left + right if operator == "+" else left - right


def _divided_by_zero(left: float, right: float) -> float:
    if left == 0 or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def _decimals(operator: str, left: Decimal, right: Decimal) -> Decimal:
    try:
        return _DECIMAL[operator](left, right)
    except ArithmeticError as error:
        message = f"cannot calculate {left} {operator} {right}"
        raise ExpressionError(message) from error


_DECIMAL: Final[dict[str, Callable[[Decimal, Decimal], Decimal]]] = {
    "+": DECIMAL128.add,
    "-": DECIMAL128.subtract,
    "*": DECIMAL128.multiply,
    "/": DECIMAL128.divide,
    "%": DECIMAL128.remainder,
}
