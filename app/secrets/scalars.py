"""Scalars as SOPS sees them: the types that Go's YAML reader finds, and their bytes.

The message authentication code is made of the bytes of the values, so plain values of a document
must get the types that SOPS gives them: `010` is eight, `2020-01-02` is a time, `12:30` is a text.
"""

import re
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from app.secrets.errors import Malformed
from app.secrets.tree import Leaf, Timestamp

MAX_DIGITS: Final = 1_000
"""A longer number is refused."""

_CONSTANTS: Final[dict[str, Any]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_INT: Final = re.compile(
    r"[-+]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)", re.ASCII
)
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_TIME: Final = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})"
    r"(?:(?:[Tt](\d{1,2}):(\d{1,2}):(\d{1,2})([.,]\d+)?(Z|[-+]\d\d:\d\d))"
    r"|(?: +(\d{1,2}):(\d{1,2}):(\d{1,2})([.,]\d+)?))?",
    re.ASCII,
)
_BETWEEN: Final = re.compile(r"(?<=[0-9])_(?=[0-9])")
_MOST, _LEAST = 2**63 - 1, -(2**63)


def plain_scalar(text: str) -> Leaf:
    """Return the value of a scalar without quotes.

    Raises:
        Malformed: a whole number that SOPS has no type for.
    """
    if text in _CONSTANTS:
        found: Leaf = _CONSTANTS[text]
        return found
    if text[0] not in "+-.0123456789":
        return text
    if len(text) > MAX_DIGITS:
        raise Malformed("A number of the file is too long; put it into quotes")
    if text[0] == ".":
        return _float(_BETWEEN.sub("", text), text)
    return _timestamp(text) or _number(text)


def _number(text: str) -> Leaf:
    digits = text.replace("_", "")
    if not _INT.fullmatch(digits):
        return _float(digits, text)
    number = whole(digits)
    if number > _MOST:
        if number < 2**64:
            raise Malformed("A number of the file needs more than 63 bits; put it into quotes")
        return _float(digits, text)
    return number if number >= _LEAST else _float(digits, text)


def whole(digits: str) -> int:
    """Return the value of a whole number in Go's notation (`010` is octal)."""
    sign = -1 if digits[0] == "-" else 1
    body = digits.lstrip("+-")
    if len(body) > 1 and body[0] == "0" and body[1].isdigit():
        body = "0o" + body[1:]
    return sign * int(body, 0)


def _float(digits: str, text: str) -> Leaf:
    """Return a float, or the text where there is none."""
    if not _FLOAT.fullmatch(digits):
        return text
    number = float(digits)
    return text if number in (float("inf"), float("-inf")) else number


def _timestamp(text: str) -> Timestamp | None:
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    groups = match.groups()
    year, month, day = (str(each) for each in groups[:3])
    first = 3 if groups[3] is not None else 8
    hour, minute, second, fraction = (each or "0" for each in groups[first : first + 4])
    zone = groups[7] or "Z"
    if not _is_moment(year, month, day, hour, minute, second):
        return None
    if zone != "Z" and (int(zone[1:3]) > 24 or int(zone[4:6]) > 60):
        return None
    if zone[1:3] == "24" or zone[4:6] == "60":
        raise Malformed("A time of the file has a zone that there is not; put it into quotes")
    digits = fraction.lstrip(".,")[:9].rstrip("0")
    clock = ":".join(each.zfill(2) for each in (hour, minute, second))
    written = f"{year}-{month:0>2}-{day:0>2}T{clock}" + (f".{digits}" if digits else "")
    return Timestamp(written + ("Z" if zone[1:] == "00:00" else zone))


def _is_moment(*fields: str) -> bool:
    """Whether a date exists; Go knows the year 0, a leap year as 2000 was."""
    year, month, day, hour, minute, second = map(int, fields)
    try:
        datetime(year or 2000, month, day, hour, minute, second)  # noqa: DTZ001 - checked only
    except ValueError:
        return False
    return True


def timestamp(text: str) -> Timestamp:
    """Return a time of RFC 3339.

    Raises:
        Malformed: it is none.
    """
    found = _timestamp(text)
    if found is None or "T" not in found.text or " " in text:
        raise Malformed("A time of the file is not written as RFC 3339 has it")
    return found


def float_text(number: float) -> str:
    """Return a float as Go's `FormatFloat(x, 'f', -1, 64)` writes it."""
    if number != number:  # noqa: PLR0124 - the one number that differs from itself
        return "NaN"
    if number in (float("inf"), float("-inf")):
        return "+Inf" if number > 0 else "-Inf"
    text = format(Decimal(repr(number)), "f")
    return text.removesuffix(".0")


def to_bytes(value: Leaf) -> bytes:
    """Return the bytes of a value that are encrypted, and that the MAC is made of."""
    if isinstance(value, bool):
        return b"True" if value else b"False"
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, Timestamp):
        return value.text.encode()
    return (float_text(value) if isinstance(value, float) else str(value)).encode()


_KINDS: Final[dict[type, str]] = {
    bool: "bool",
    str: "str",
    int: "int",
    float: "float",
    Timestamp: "time",
}


def kind_of(value: Leaf) -> str:
    """Return SOPS's name of a value's type."""
    return _KINDS[type(value)]


def from_bytes(kind: str, content: bytes) -> Leaf:
    """Return the value of decrypted bytes.

    Raises:
        Malformed: the bytes are not of that type, or the type is unknown.
    """
    reader = _READERS.get(kind)
    if reader is None:
        raise Malformed("A value of the file has a type that SOPS does not know")
    try:
        found: Leaf = reader(content.decode())
    except (ValueError, ArithmeticError):
        raise Malformed(f"A value of the file is not what its type `{kind}` says") from None
    return found


def _boolean(text: str) -> bool:
    if text not in _BOOLEANS:
        raise ValueError
    return _BOOLEANS[text]


_BOOLEANS: Final = {
    **dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True),
    **dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), False),
}
_READERS: Final[dict[str, Any]] = {
    "str": str,
    "bytes": str,
    "int": int,
    "int64": int,
    "float": float,
    "bool": _boolean,
    "time": timestamp,
}
