"""Compact JSON as Kestra writes it: null map entries are dropped, doubles are Java's.

Source: Kestra's JSON mapper (reference §5.9); `1.0E7` and the like are valid JSON numbers.
"""

import re
from collections.abc import Mapping
from datetime import date, time, timedelta
from json.encoder import encode_basestring
from typing import Any, Final

from app.expressions.budget import Meter
from app.expressions.dates import temporal_json
from app.expressions.java_numbers import is_number, number_text
from app.expressions.values import LISTS, Entry, java_text, nest, scalar_text

_CONTROL: Final = re.compile(r'[\x00-\x1f"\\]')
_SHORT: Final = {"\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t", '"': '"', "\\": "\\"}
_NOT_A_NUMBER: Final = frozenset({"NaN", "Infinity", "-Infinity"})

_PLAIN_INT = 2**63
_LARGE_TEXT = 65_536
_MANY_PARTS = 100_000
_CONTAINERS: Final = (dict, *LISTS, Mapping)


def write_json(value: Any, meter: Meter) -> str:
    """Return a value as compact JSON text.

    Raises:
        ExpressionError: when it is too long, nested too deeply, or holds what JSON cannot.
    """
    writer = _Writer(meter)
    writer.emit(value, 0)
    return meter.joined(writer.parts)


def quoted(text: str) -> str:
    """Return a text as a JSON string; only control characters, quotes, backslashes are escaped."""
    encoded = encode_basestring(text)
    # Jackson writes the hexadecimal digits of a control character in upper case.
    return f'"{_CONTROL.sub(_escape, text)}"' if "\\u00" in encoded else encoded


def to_text(value: Any, meter: Meter) -> str:
    """Return what printing a value adds to the output; null adds nothing (reference §5.9).

    Raises:
        ExpressionError: when the value has no text, or too long a one.
    """
    if type(value) is str:
        return value
    if value is None:
        return ""
    if isinstance(value, _CONTAINERS):
        return write_json(value, meter)
    return java_text(value, meter)


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    return f"\\{_SHORT[character]}" if character in _SHORT else f"\\u{ord(character):04X}"


class _Writer:
    """Collects the parts of one JSON text. Characters are counted at every item."""

    __slots__ = ("_meter", "_names", "parts")

    def __init__(self, meter: Meter) -> None:
        self.parts: list[str] = []
        self._meter = meter
        self._names: dict[str, str] = {}

    def emit(self, value: Any, depth: int) -> None:
        kind = type(value)
        if kind is str:
            self._text(value)
        elif value is None:
            self.parts.append("null")
        elif kind is int and -_PLAIN_INT < value < _PLAIN_INT:
            self.parts.append(str(value))
        elif kind is bool:
            self.parts.append("true" if value else "false")
        elif kind is dict:
            self._map(value, depth)
        elif kind is list or isinstance(value, LISTS):
            self._list(value, depth)
        elif isinstance(value, Mapping):
            self._map(value, depth)
        elif isinstance(value, Entry):
            self._map({value.key: value.value}, depth)
        else:
            self.parts.append(_scalar(value))

    def _text(self, value: str) -> None:
        self._meter.chars_left -= len(value) + 2
        if len(value) > _LARGE_TEXT:
            self._meter.grow(0)
        self.parts.append(quoted(value))

    def _map(self, value: Mapping[Any, Any], depth: int) -> None:
        nest(depth)
        opening = "{"
        for key, item in value.items():
            if item is None:
                continue
            self._meter.turn()
            name = self._names.get(key) if type(key) is str else None
            self.parts += (opening, name or self._name(key))
            opening = ","
            self.emit(item, depth + 1)
        self.parts.append("}" if opening == "," else "{}")

    def _list(self, items: Any, depth: int) -> None:
        nest(depth)
        opening = "["
        for item in items:
            self._meter.turn()
            self.parts.append(opening)
            opening = ","
            self.emit(item, depth + 1)
        self.parts.append("]" if opening == "," else "[]")
        if len(self.parts) > _MANY_PARTS:
            self.parts = ["".join(self.parts)]  # many short texts take far more memory than one

    def _name(self, key: Any) -> str:
        name = key if type(key) is str else java_text(key, self._meter)
        self._meter.grow(len(name))
        self._names[name] = written = f"{quoted(name)}:"
        return written


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if is_number(value):
        text = number_text(value)
        return f'"{text}"' if text in _NOT_A_NUMBER else text
    if isinstance(value, (date, time, timedelta)):
        return f'"{temporal_json(value)}"'
    return quoted(scalar_text(value))
