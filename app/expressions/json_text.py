"""Compact JSON as Kestra writes it: null map entries are dropped, doubles are Java's.

Source: Kestra's JSON mapper (reference §5.9); `1.0E7` and the like are valid JSON numbers.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import date, time, timedelta
from typing import Any, Final

from app.expressions.budget import Meter
from app.expressions.dates import temporal_json
from app.expressions.java_numbers import is_number, number_text
from app.expressions.values import LISTS, Entry, java_text, nest, scalar_text

_quote: Final[Callable[[str], str]] = json.JSONEncoder(ensure_ascii=False).encode
_CONTROL: Final = re.compile(r'[\x00-\x1f"\\]')
_SHORT: Final = {"\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t", '"': '"', "\\": "\\"}
_NOT_A_NUMBER: Final = frozenset({"NaN", "Infinity", "-Infinity"})

Write = Callable[[str], object]


def write_json(value: Any, meter: Meter) -> str:
    """Return a value as compact JSON text.

    Raises:
        ExpressionError: when it is too long, nested too deeply, or holds what JSON cannot.
    """
    parts: list[str] = []
    _emit(value, parts.append, meter, 0)
    return "".join(parts)


def quoted(text: str) -> str:
    """Return a text as a JSON string; only control characters, quotes, backslashes are escaped."""
    encoded = _quote(text)
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
    if isinstance(value, (Mapping, *LISTS)):
        return write_json(value, meter)
    return java_text(value, meter)


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    return f"\\{_SHORT[character]}" if character in _SHORT else f"\\u{ord(character):04X}"


def _emit(value: Any, write: Write, meter: Meter, depth: int) -> None:
    kind = type(value)
    if kind is str:
        meter.grow(len(value) + 2)
        write(quoted(value))
    elif value is None:
        write("null")
    elif isinstance(value, Mapping):
        _emit_map(value.items(), write, meter, depth)
    elif isinstance(value, LISTS):
        _emit_list(value, write, meter, depth)
    elif isinstance(value, Entry):
        _emit_map(((value.key, value.value),), write, meter, depth)
    else:
        text = _scalar(value)
        meter.grow(len(text))
        write(text)


def _emit_map(items: Any, write: Write, meter: Meter, depth: int) -> None:
    nest(depth)
    opening = "{"
    for key, item in items:
        if item is None:
            continue
        meter.step()
        name = key if type(key) is str else java_text(key, meter)
        meter.grow(len(name) + 4)
        write(f"{opening}{quoted(name)}:")
        opening = ","
        _emit(item, write, meter, depth + 1)
    write("}" if opening == "," else "{}")


def _emit_list(items: Any, write: Write, meter: Meter, depth: int) -> None:
    nest(depth)
    opening = "["
    for item in items:
        meter.step()
        write(opening)
        opening = ","
        _emit(item, write, meter, depth + 1)
    write("]" if opening == "," else "[]")


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if is_number(value):
        text = number_text(value)
        return f'"{text}"' if text in _NOT_A_NUMBER else text
    if isinstance(value, (date, time, timedelta)):
        return f'"{temporal_json(value)}"'
    return quoted(scalar_text(value))
