"""From what a user or a task gave to the type that an input or an output declares.

Values are kept as JSON has them: numbers, booleans, texts, lists, maps. Instants, dates, times and
durations are kept as the text that Java prints for them.
"""

import json
import math
import re
import struct
from collections.abc import Callable, Mapping
from typing import Any, Final

from app.errors import Invalid
from app.flows.durations import format_duration, parse_duration
from app.flows.patterns import full_match
from app.flows.times import format_instant, format_time, parse_date, parse_instant, parse_time
from app.flows.values import scalar_text
from app.flows.yaml import YamlError, load

_SINGLE: Final = struct.Struct("<f")
_INT: Final = re.compile(r"[-+]?\d{1,12}", re.ASCII)
_INT_RANGE: Final = range(-(2**31), 2**31)
_URI: Final = (
    r"[a-z]+://(?:www\.)?[-a-zA-Z0-9@:%._+~#=]{1,256}\.[a-zA-Z0-9()]{1,6}\b"
    r"[-a-zA-Z0-9()@:%_+.~#?&/=]*"
)
_EMAIL: Final = r"(?:[a-zA-Z0-9_!#$%&'’*+/=?`{|}~^.-]+@[a-zA-Z0-9.-]+)?"
MAX_SHOWN: Final = 500
"""The longest value, in characters, that a message repeats."""

_STORED: Final = ("kestra://", "nsfile://")
"""Schemes of files that are in the internal storage or among the files of a namespace."""


class ConversionError(Invalid):
    """The value cannot be what it should be; the message is for the one who gave it."""

    code = "INVALID_VALUE"


def convert(type_: str, value: Any, item_type: str | None = None) -> Any:
    """Return a value, not None, as an input or output of a type has it.

    `item_type` is the type of the elements of a list.

    Raises:
        ConversionError: it is no such value.
    """
    if type_ in ("ARRAY", "MULTISELECT"):
        return _array(type_, value, item_type)
    converter = _CONVERTERS.get(type_)
    if converter is None:
        raise ConversionError(f"Invalid type: {type_}")
    try:
        return converter(value)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise ConversionError(
            f"Expected `{type_}` but received `{shown(value)}` with errors: {reason}"
        ) from None


def shown(value: Any) -> str:
    """Return a value as a message repeats it: as Java prints it, but not at any length."""
    text = java_text(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def java_text(value: Any) -> str:
    """Return a value as Java prints it: `[a, b]`, `{k=v}`, `null`."""
    if value is None:
        return "null"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(java_text, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}={java_text(item)}' for key, item in value.items())}}}"
    return value if isinstance(value, str) else scalar_text(value)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return scalar_text(value)
    raise ValueError("a text is needed")


def _int(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, str) and _INT.fullmatch(value):
        number = int(value)
    else:
        raise ValueError(f'For input string: "{shown(value)}"')
    if number not in _INT_RANGE:
        raise ValueError(f'For input string: "{number}"')
    return number


def _float(value: Any) -> float:
    text = java_text(value).strip()
    try:
        if "_" in text or not math.isfinite(number := _single(float(text))):
            raise ValueError
    except ValueError:
        raise ValueError(f'For input string: "{shown(text)}"') from None
    return number


def _single(number: float) -> float:
    """Return the number with the fewest digits that is the same as a float of 32 bits."""
    try:
        nearest: float = _SINGLE.unpack(_SINGLE.pack(number))[0]
    except OverflowError:
        return math.inf
    for digits in range(6, 9):
        short = float(f"{nearest:.{digits}g}")
        if _SINGLE.unpack(_SINGLE.pack(short))[0] == nearest:
            return short
    return float(f"{nearest:.9g}")


def _boolean(value: Any) -> bool:
    return java_text(value).lower() == "true"


def _datetime(value: Any) -> str:
    return format_instant(parse_instant(_text(value)))


def _date(value: Any) -> str:
    return parse_date(_text(value)).isoformat()


def _time(value: Any) -> str:
    return format_time(parse_time(_text(value)))


def _duration(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return format_duration(parse_duration(value))
    return format_duration(parse_duration(_text(value)))


def _file(value: Any) -> str:
    text = _text(value)
    if not text.startswith(_STORED):
        raise ValueError("a stored file (kestra:///…) is needed")
    return text


def _json(value: Any) -> Any:
    return json.loads(value, parse_constant=_no_constant) if isinstance(value, str) else value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _yaml(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        document = load(value)
    except YamlError as error:
        raise ValueError(error.message) from None
    if document.duplicates:
        raise ValueError(document.duplicates[0].message)
    return document.value


def _uri(value: Any) -> str:
    text = java_text(value)
    if not full_match(_URI, text):
        raise ConversionError(f"Expected `URI` but received `{shown(text)}`")
    return text


def _email(value: Any) -> str:
    text = java_text(value)
    if not full_match(_EMAIL, text):
        raise ConversionError("The input must be a valid email")
    return text


_CONVERTERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "STRING": _text,
    "ENUM": _text,
    "SELECT": _text,
    "SECRET": _text,
    "INT": _int,
    "FLOAT": _float,
    "BOOLEAN": _boolean,
    "BOOL": _boolean,
    "DATETIME": _datetime,
    "DATE": _date,
    "TIME": _time,
    "DURATION": _duration,
    "FILE": _file,
    "JSON": _json,
    "ION": _json,
    "OBJECT": _json,
    "TABLE": _json,
    "FORM": _json,
    "YAML": _yaml,
    "URI": _uri,
    "EMAIL": _email,
}


def _array(type_: str, value: Any, item_type: str | None) -> list[Any]:
    try:
        items = _json(value)
    except (ValueError, RecursionError):
        items = None
    if not isinstance(items, list):
        message = f"Expected `{type_}` but received `{shown(value)}` with errors: not a list"
        raise ConversionError(message)
    return [_item(item, item_type) for item in items]


def _item(item: Any, item_type: str | None) -> Any:
    if item_type is None or item is None:
        return item
    try:
        return convert(item_type, item)
    except ConversionError:
        shown = java_text(item)
        raise ConversionError(
            f"Unable to parse array element as `{item_type}` on `{shown}`"
        ) from None
