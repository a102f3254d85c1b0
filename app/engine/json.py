"""JSON as the journal keeps it: what is in memory must equal what is read back after a crash."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import orjson

from app.flows.durations import format_duration


def as_json(value: Any) -> Any:
    """Return the value as it comes back from the journal: dates and durations as text."""
    return orjson.loads(orjson.dumps(value, default=_text, option=orjson.OPT_NON_STR_KEYS))


def _text(value: Any) -> Any:
    if isinstance(value, timedelta):
        return format_duration(value)
    return float(value) if isinstance(value, Decimal) else str(value)
