"""Key-value pairs: Kestra's types of values, and how a value becomes one of them (§2.4)."""

import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import orjson

from app.flows.durations import format_duration, parse_duration
from app.flows.times import format_instant, parse_date, parse_instant
from app.flows.values import scalar_text

KINDS: Final = ("STRING", "NUMBER", "BOOLEAN", "DATETIME", "DATE", "DURATION", "JSON")
"""The types of values, in Kestra's words."""


_KEY: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]*", re.ASCII)
LONGEST_KEY: Final = 255


def is_key(text: str) -> bool:
    """Whether this can be a key."""
    return len(text) <= LONGEST_KEY and _KEY.fullmatch(text) is not None


def lineage(namespace: str) -> list[str]:
    """Return a namespace and those above it, nearest first: where a key is looked for."""
    parts = namespace.split(".")
    return [".".join(parts[:end]) for end in range(len(parts), 0, -1)]


def kind_of(value: Any) -> str:
    """Return the type of a native value."""
    if isinstance(value, bool):
        return "BOOLEAN"
    if isinstance(value, int | float | Decimal):
        return "NUMBER"
    if isinstance(value, timedelta):
        return "DURATION"
    if isinstance(value, datetime):
        return "DATETIME"
    if isinstance(value, date):
        return "DATE"
    return "STRING" if isinstance(value, str) else "JSON"


def stored_value(value: Any, kind: str | None) -> Any:
    """Return a value as it is kept: JSON, read as `kind` asks for where it is of another type.

    Raises:
        ValueError: a value that is none of its type; the message says which.
    """
    own = kind_of(value)
    if kind in (None, own, "JSON") and not (kind == "JSON" and own == "STRING"):
        return _plain(value)
    text = _text(value, own)
    try:
        return _READ[kind or own](text)
    except ValueError as error:
        message = f"{text[:100]!r} is no {kind}: {error}"
        raise ValueError(message) from None


def _plain(value: Any) -> Any:
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, datetime):
        return format_instant(value if value.tzinfo else value.replace(tzinfo=UTC))
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, date) else value


def _text(value: Any, own: str) -> str:
    if own == "JSON":
        return orjson.dumps(value, default=str).decode()
    return scalar_text(_plain(value))


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        number = float(text)
    if not math.isfinite(number):
        message = "it must be finite"
        raise ValueError(message)
    return number


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        message = "it must be true or false"
        raise ValueError(message)
    return text.lower() == "true"


def _moment(text: str) -> str:
    try:
        return format_instant(parse_instant(text))
    except ValueError:
        return format_instant(parse_instant(f"{text}Z"))  # without a zone it is UTC


_READ: Final[dict[str, Callable[[str], Any]]] = {
    "STRING": str,
    "NUMBER": _number,
    "BOOLEAN": _boolean,
    "DATETIME": _moment,
    "DATE": lambda text: parse_date(text).isoformat(),
    "DURATION": lambda text: format_duration(parse_duration(text)),
    "JSON": orjson.loads,
}
