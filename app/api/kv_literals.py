"""Values of key-value pairs as clients write them: the literal decides the type (reference §6.3).

JSON and Ion literals are what they say; an ISO duration is a duration, in quotes or not; any other
text is a text.
"""

import math
import re
from typing import Any, NamedTuple

import orjson

from app.errors import ExpressionError, Invalid
from app.expressions import Budget
from app.expressions.budget import Meter
from app.expressions.ion_reading import read_ion
from app.flows.durations import parse_duration
from app.flows.keyvalues import kind_of, stored_value

_DURATION = re.compile(r'"?([-+]?P[-+.0-9DTHMS]+)"?', re.IGNORECASE)
_STRUCTURE = ("{", "[")


class Literal(NamedTuple):
    """A value and its type, in Kestra's words."""

    kind: str
    value: Any


def literal(text: str) -> Literal:
    """Return the value that a text says.

    Raises:
        Invalid: when it begins like a map or a list, and is none.
    """
    written = text.strip()
    duration = _duration(written)
    if duration is not None:
        return duration
    try:
        return _typed(orjson.loads(written))
    except orjson.JSONDecodeError:
        pass
    values = _ion(written)
    if len(values) == 1:
        return _typed(values[0])
    if written.startswith(_STRUCTURE):
        message = f"the value begins like a map or a list, but is neither JSON nor Ion: {text[:50]}"
        raise Invalid(message)
    return Literal("STRING", text)


def _duration(text: str) -> Literal | None:
    match = _DURATION.fullmatch(text)
    if match is None:
        return None
    try:
        return Literal("DURATION", stored_value(parse_duration(match.group(1)), "DURATION"))
    except ValueError:
        return None


def _ion(text: str) -> list[Any]:
    """Return the Ion values of a text, two at most; none when it is no Ion."""
    found: list[Any] = []
    try:
        for value in read_ion(text, Meter(Budget())):
            found.append(value)
            if len(found) > 1 or (isinstance(value, float) and not math.isfinite(value)):
                return []
    except (ExpressionError, ValueError):
        return []
    return found


def _typed(value: Any) -> Literal:
    kind = kind_of(value)
    if kind == "JSON":
        return Literal(kind, orjson.loads(orjson.dumps(value, default=str)))
    return Literal(kind, stored_value(value, kind))
