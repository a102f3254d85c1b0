"""Writing Amazon Ion text, in the form Kestra stores rows.

Source: the Ion text specification; dates are annotated texts, as Kestra's mapper makes them.
"""

import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

from app.expressions.budget import Meter
from app.expressions.dates import temporal_json
from app.expressions.java_numbers import decimal_text, double_text, is_number, whole_text
from app.expressions.json_text import quoted
from app.expressions.values import LISTS, Entry, java_text, nest, scalar_text

_SYMBOL: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_KEYWORDS: Final = frozenset({"null", "true", "false", "nan"})

Write = Callable[[str], object]


def write_ion(value: Any, meter: Meter) -> str:
    """Return a value as Ion text.

    Raises:
        ExpressionError: when it is too long, nested too deeply, or of an unknown kind.
    """
    parts: list[str] = []
    _emit(value, parts.append, meter, 0)
    return "".join(parts)


def _emit(value: Any, write: Write, meter: Meter, depth: int) -> None:
    meter.step()
    if isinstance(value, Entry):
        value = {value.key: value.value}
    if isinstance(value, Mapping):
        nest(depth)
        write("{")
        for number, (key, item) in enumerate(value.items()):
            write(f"{',' if number else ''}{_field(java_text(key, meter))}:")
            _emit(item, write, meter, depth + 1)
        write("}")
    elif isinstance(value, LISTS):
        nest(depth)
        write("[")
        for number, item in enumerate(value):
            write("," if number else "")
            _emit(item, write, meter, depth + 1)
        write("]")
    else:
        text = _scalar(value)
        meter.grow(len(text))
        write(text)


def _field(name: str) -> str:
    if _SYMBOL.fullmatch(name) and name not in _KEYWORDS:
        return name
    inner = _string(name)[1:-1].replace('\\"', '"').replace("'", "\\'")
    return f"'{inner}'"


def _scalar(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return scalar_text(value)
    if is_number(value):
        return _number(value)
    if isinstance(value, (date, time, timedelta)):
        return f'{_annotation(value)}::"{temporal_json(value)}"'
    return _string(scalar_text(value))


def _string(text: str) -> str:
    # Ion knows JSON's escapes; \u00XX is written the same way.
    return quoted(text)


def _number(value: Any) -> str:
    if isinstance(value, Decimal):
        text = decimal_text(value)
        return text if "." in text else f"{text}."
    if not isinstance(value, float):
        return whole_text(value)
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else "+inf" if value > 0 else "-inf"
    # A 32-bit float is written with all digits of the double it widens to.
    text = double_text(float(value))
    if "E" in text:
        return text
    return f"{text.removesuffix('.0')}e0"


def _annotation(value: date | time | timedelta) -> str:
    if isinstance(value, datetime):
        return "ZonedDateTime" if value.tzinfo else "LocalDateTime"
    if isinstance(value, date):
        return "LocalDate"
    return "LocalTime" if isinstance(value, time) else "Duration"
