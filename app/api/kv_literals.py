"""Values of key-value pairs as clients write them: the literal decides the type (reference §6.3).

JSON and Ion literals are what they say; an ISO duration is a duration, in quotes or not; any other
text is a text.
"""

import json
import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from app.api.json_bodies import refuse_halves
from app.errors import ExpressionError, Invalid
from app.expressions import Budget
from app.expressions.budget import Meter
from app.expressions.ion_reading import read_ion
from app.flows.durations import parse_duration
from app.flows.keyvalues import kind_of, stored_value

_DURATION = re.compile(r'"?([-+]?P[-+.0-9DTHMS]+)"?', re.IGNORECASE)
_STRUCTURE = ("{", "[")
_MOST = 1 << 64
_MOST_DIGITS = 40


class Literal(NamedTuple):
    """A value and its type, in Kestra's words."""

    kind: str
    value: Any


def literal(text: str) -> Literal:
    """Return the value that a text says.

    Raises:
        Invalid: when it begins like a map or a list, and is none; when it cannot be kept as it is.
    """
    written = text.strip()
    duration = _duration(written)
    if duration is not None:
        return duration
    try:
        return _typed(_json(written))
    except json.JSONDecodeError:
        pass
    values = _ion(written)
    if len(values) == 1:
        return _typed(values[0])
    if written.startswith(_STRUCTURE):
        message = f"the value begins like a map or a list, but is neither JSON nor Ion: {text[:50]}"
        raise Invalid(message)
    return Literal("STRING", text)


def _json(text: str) -> Any:
    """Return what JSON means by a text; raises `JSONDecodeError` when it is none."""
    orjson.loads(text)  # the stricter one: no NaN, no halves of characters, no deep nesting
    try:
        return json.loads(text, object_pairs_hook=_map, parse_int=_integer)
    except RecursionError:
        raise Invalid("the value is nested too deeply") from None


def _map(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise Invalid(f"the key {key[:50]!r} is there twice")
        found[key] = value
    return found


def _integer(digits: str) -> int:
    number = int(digits) if len(digits) < _MOST_DIGITS else _MOST
    if not -(1 << 63) <= number < _MOST:
        raise Invalid(f"{digits[:50]} has more digits than a number keeps; put it in quotes")
    return number


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
    refuse_halves(value)
    kind = kind_of(value)
    if kind == "JSON":
        return Literal(kind, orjson.loads(_dumped(value)))
    if isinstance(value, int) and not isinstance(value, bool):
        value = _integer(str(value))
    return Literal(kind, stored_value(value, kind))


def _dumped(value: Any) -> bytes:
    try:
        return orjson.dumps(value, default=str)
    except orjson.JSONEncodeError as error:  # an integer of more than 64 bits
        raise Invalid(f"the value cannot be kept: {error}") from None
