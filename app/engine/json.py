"""JSON as the journal keeps it: what is in memory must equal what is read back after a crash."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import orjson

from app.expressions import number_text
from app.flows.durations import format_duration


def as_json(value: Any) -> Any:
    """Return the value as it comes back from the journal: dates and durations as text."""
    try:
        return orjson.loads(orjson.dumps(value, default=_text, option=orjson.OPT_NON_STR_KEYS))
    except TypeError:  # integers beyond 64 bits, lone surrogates: rare, and not lost
        return json.loads(json.dumps(value, default=_text))


def _text(value: Any) -> Any:
    if isinstance(value, timedelta):
        return format_duration(value)
    return plain(value) if isinstance(value, (float, Decimal)) else str(value)


def plain(value: Any) -> Any:
    """Return a number as JSON knows it, whatever kind it is to expressions; others as they are."""
    if isinstance(value, Decimal) or (isinstance(value, float) and type(value) is not float):
        return float(number_text(value))
    return value


def as_bytes(value: Any) -> bytes:
    """Return JSON text of a value that `as_json` gave."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value).encode()
