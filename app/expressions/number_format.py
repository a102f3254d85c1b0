"""Java's `DecimalFormat` patterns: `#,##0.00`, `0.###E0`, `0%`, `'#'0;(0)`.

Source: the documentation of `java.text.DecimalFormat`; symbols are those of English.
"""

import functools
import math
import re
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Final, NamedTuple

from app.errors import ExpressionError
from app.expressions.java_numbers import Number

_MAX_PATTERN_CHARS = 200
_PRECISION = 1_200
_NUMBER: Final = re.compile(r"(?P<whole>[#,0]*)(?:\.(?P<fraction>[0]*[#]*))?(?:E(?P<exponent>0+))?")
_AFFIX: Final = re.compile(r"(?:'[^']*'|[^'#0,.;])*")


class _Format(NamedTuple):
    prefix: str
    suffix: str
    negative_prefix: str
    negative_suffix: str
    least_whole: int
    most_whole: int
    least_fraction: int
    most_fraction: int
    group: int
    exponent: int
    shift: int


def format_number(value: Number, pattern: str) -> str:
    """Return a number in a pattern, rounded half to even.

    Raises:
        ExpressionError: when the pattern cannot be read.
    """
    form = _read(pattern)
    if isinstance(value, float) and not math.isfinite(value):
        if math.isnan(value):
            return "NaN"
        negative, digits = value < 0, "∞"
    else:
        exact = Decimal(value)
        with localcontext() as context:
            context.prec = _PRECISION
            negative = exact.is_signed()
            digits = _digits(abs(exact).scaleb(form.shift), form)
        negative = negative and any(figure in "123456789" for figure in digits)
    if negative:
        return f"{form.negative_prefix}{digits}{form.negative_suffix}"
    return f"{form.prefix}{digits}{form.suffix}"


def _digits(value: Decimal, form: _Format) -> str:
    if form.exponent:
        return _scientific(value, form)
    rounded = value.quantize(Decimal(1).scaleb(-form.most_fraction), ROUND_HALF_EVEN)
    whole, _, fraction = format(rounded, "f").partition(".")
    whole = whole.lstrip("0").rjust(form.least_whole, "0")
    fraction = fraction.rstrip("0").ljust(form.least_fraction, "0")
    if not whole and not fraction:
        whole = "0"
    return _grouped(whole, form.group) + (f".{fraction}" if fraction else "")


def _scientific(value: Decimal, form: _Format) -> str:
    whole_digits = max(form.least_whole, 1)
    power = value.adjusted() - whole_digits + 1 if value else 0
    mantissa = value.scaleb(-power)
    rounded = mantissa.quantize(Decimal(1).scaleb(-form.most_fraction), ROUND_HALF_EVEN)
    whole, _, fraction = format(rounded, "f").partition(".")
    fraction = fraction.rstrip("0").ljust(form.least_fraction, "0")
    sign = "-" if power < 0 else ""
    exponent = f"{sign}{abs(power):0{form.exponent}d}"
    return f"{whole}{f'.{fraction}' if fraction else ''}E{exponent}"


def _grouped(whole: str, group: int) -> str:
    if not group or len(whole) <= group:
        return whole
    head = len(whole) % group
    parts = [whole[:head]] if head else []
    parts += [whole[start : start + group] for start in range(head, len(whole), group)]
    return ",".join(parts)


@functools.lru_cache(maxsize=128)
def _read(pattern: str) -> _Format:
    if len(pattern) > _MAX_PATTERN_CHARS:
        message = f"the number format is longer than {_MAX_PATTERN_CHARS} characters"
        raise ExpressionError(message)
    prefix, number, suffix, rest = _part(pattern, pattern)
    negative_prefix, negative_suffix = f"-{prefix}", suffix
    if rest:
        negative_prefix, _, negative_suffix, rest = _part(rest[1:], pattern)
    if rest:
        raise _unreadable(pattern)
    whole, fraction = number.group("whole"), number.group("fraction") or ""
    figures = whole.replace(",", "")
    shift = 2 if "%" in prefix + suffix else 3 if "‰" in prefix + suffix else 0
    return _Format(
        prefix,
        suffix,
        negative_prefix,
        negative_suffix,
        figures.count("0"),
        len(figures),
        fraction.count("0"),
        len(fraction),
        len(whole) - whole.rindex(",") - 1 if "," in whole else 0,
        len(number.group("exponent") or ""),
        shift,
    )


def _part(text: str, pattern: str) -> tuple[str, re.Match[str], str, str]:
    """Split `prefix number suffix` off; what follows (`;…`) is returned last."""
    before = _AFFIX.match(text)
    number = _NUMBER.match(text, before.end() if before else 0)
    after = _AFFIX.match(text, number.end() if number else 0)
    if before is None or number is None or after is None or not number.group():
        raise _unreadable(pattern)
    rest = text[after.end() :]
    if (rest and not rest.startswith(";")) or re.search(
        "0#", number.group("whole").replace(",", "")
    ):
        raise _unreadable(pattern)
    return _literal(before.group()), number, _literal(after.group()), rest


def _literal(text: str) -> str:
    return re.sub(r"'([^']*)'", lambda match: match.group(1) or "'", text)


def _unreadable(pattern: str) -> ExpressionError:
    return ExpressionError(
        f"cannot read the number format `{pattern}`; write for example `#,##0.00`"
    )
