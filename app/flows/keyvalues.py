"""Key-value pairs: Kestra's types of values, and how a value becomes one of them (§2.4)."""

from datetime import date, datetime, timedelta
from typing import Any, Final

import orjson

from app.flows.durations import format_duration, parse_duration

KINDS: Final = ("STRING", "NUMBER", "BOOLEAN", "DATETIME", "DATE", "DURATION", "JSON")
"""The types of values, in Kestra's words."""


def kind_of(value: Any) -> str:
    """Return the type of a native value."""
    if isinstance(value, bool):
        return "BOOLEAN"
    if isinstance(value, int | float):
        return "NUMBER"
    if isinstance(value, timedelta):
        return "DURATION"
    if isinstance(value, datetime):
        return "DATETIME"
    if isinstance(value, date):
        return "DATE"
    return "STRING" if isinstance(value, str) else "JSON"


def stored_value(value: Any, kind: str | None) -> Any:
    """Return a value as it is kept: JSON; a text is read as `kind` asks for.

    Raises:
        ValueError: a text that is no value of its type; the message says which.
    """
    if kind is None or not isinstance(value, str):
        return _plain(value)
    try:
        return _READ[kind](value)
    except ValueError as error:
        message = f"{value!r} is no {kind}: {error}"
        raise ValueError(message) from None


def _plain(value: Any) -> Any:
    if isinstance(value, timedelta):
        return format_duration(value)
    return value.isoformat() if isinstance(value, date) else value


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        message = "it must be true or false"
        raise ValueError(message)
    return text.lower() == "true"


_READ: Final[dict[str, Any]] = {
    "STRING": str,
    "NUMBER": _number,
    "BOOLEAN": _boolean,
    "DATETIME": lambda text: datetime.fromisoformat(text).isoformat(),
    "DATE": lambda text: date.fromisoformat(text).isoformat(),
    "DURATION": lambda text: format_duration(parse_duration(text)),
    "JSON": orjson.loads,
}
