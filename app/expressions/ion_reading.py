"""Reading Amazon Ion text: one value or all values of a text.

Source: the Ion text specification. Annotations are read over, except those of Kestra's dates;
s-expressions are lists, symbols are texts, blobs stay Base64.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date
from decimal import Decimal
from typing import Any, Final

from app.errors import ExpressionError
from app.expressions.budget import Meter
from app.expressions.date_reading import read_iso
from app.expressions.values import nest

# Possessive repetitions (`*+`): a text that is no Ion must not make the search try again and again.
_SPACE: Final = r"(?:\s|//[^\n]*+|/\*(?:[^*]|\*(?!/))*+\*/)*+"
_TOKEN: Final = re.compile(
    _SPACE
    + r"""(?:
    (?P<long>'''(?:[^'\\]|\\.|'(?!''))*+''')
    |(?P<string>"(?:[^"\\]|\\.)*+")
    |(?P<quoted>'(?:[^'\\]|\\.)*+')
    |(?P<lob>\{\{[^}]*\}\})
    |(?P<time>[0-9]{4}(?:T|-[0-9]{2}(?:T|-[0-9]{2}
        (?:T(?:[0-9:.]+(?:Z|[+-][0-9]{2}:[0-9]{2}))?)?)))
    |(?P<special>nan|[+-]inf(?![A-Za-z0-9_$]))
    |(?P<radix>-?0[xXbB][0-9A-Fa-f_]+)
    |(?P<number>-?[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eEdD][+-]?[0-9]+)?)
    |(?P<symbol>[A-Za-z_$][A-Za-z0-9_$]*(?:\.[a-z]+)?)
    |(?P<mark>::|[{}\[\](),:])
    )""",
    re.VERBOSE | re.DOTALL,
)
_BLANK: Final = re.compile(_SPACE)
_ESCAPE: Final = re.compile(
    r"\\(x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|\r?\n|.)", re.DOTALL
)
_PLAIN: Final = {
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "0": "\0",
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "v": "\v",
}
_WORDS: Final = {"true": True, "false": False, "null": None}
_DATES: Final = frozenset({"ZonedDateTime", "Instant", "OffsetDateTime"})
_MAX_DIGITS = 400


def read_ion(text: str, meter: Meter) -> Iterator[Any]:
    """Give the values of a text, one after the other.

    Raises:
        ExpressionError: when it is not Ion, or nested too deeply.
    """
    reader = _Reader(text, meter)
    while not reader.at_end():
        yield reader.value(0)


class _Reader:
    def __init__(self, text: str, meter: Meter) -> None:
        self._text = text
        self._meter = meter
        self._position = 0

    def at_end(self) -> bool:
        match = _BLANK.match(self._text, self._position)
        return match is not None and match.end() == len(self._text)

    def value(self, depth: int) -> Any:
        self._meter.step()
        kind, text = self._next()
        if kind in ("symbol", "quoted") and self._skip("::"):
            value = self.value(depth + 1)
            nest(depth)
            return _annotated(text, value)
        if kind != "mark":
            return self._scalar(kind, text)
        nest(depth)
        if text == "{":
            return self._struct(depth)
        if text in "[(":
            return self._list("]" if text == "[" else ")", depth)
        raise self._unreadable()

    def _struct(self, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        while not self._skip("}"):
            kind, text = self._next()
            if kind not in ("symbol", "quoted", "string", "long") or not self._skip(":"):
                raise self._unreadable()
            name = text if kind == "symbol" else str(self._scalar(kind, text))
            result[name] = self.value(depth + 1)
            if not self._skip(","):
                self._expect("}")
                break
        return result

    def _list(self, close: str, depth: int) -> list[Any]:
        result: list[Any] = []
        while not self._skip(close):
            result.append(self.value(depth + 1))
            if not self._skip(",") and close == "]":
                self._expect(close)
                break
        return result

    def _scalar(self, kind: str, text: str) -> Any:
        if kind in ("string", "quoted"):
            return _unescaped(text[1:-1])
        if kind == "long":
            return self._long(text)
        if kind == "symbol":
            word = text.partition(".")[0]
            return _WORDS.get(word, text)
        if kind == "time":
            return _moment(text)
        if kind == "lob":
            return "".join(text[2:-2].split())
        return _number(kind, text)

    def _long(self, text: str) -> str:
        """Join `'''long''' '''texts'''` that follow each other."""
        parts = [_unescaped(text[3:-3])]
        while True:
            match = _TOKEN.match(self._text, self._position)
            if match is None or match.lastgroup != "long":
                return "".join(parts)
            self._position = match.end()
            parts.append(_unescaped(match.group("long")[3:-3]))

    def _next(self) -> tuple[str, str]:
        match = _TOKEN.match(self._text, self._position)
        if match is None:
            raise self._unreadable()
        self._position = match.end()
        kind = match.lastgroup or ""
        return kind, match.group(kind)

    def _skip(self, mark: str) -> bool:
        match = _TOKEN.match(self._text, self._position)
        if match is None or match.group("mark") != mark:
            return False
        self._position = match.end()
        return True

    def _expect(self, mark: str) -> None:
        if not self._skip(mark):
            raise self._unreadable()

    def _unreadable(self) -> ExpressionError:
        shown = self._text[self._position : self._position + 20]
        return ExpressionError(f"cannot read the Ion text near `{shown}`")


def _annotated(annotation: str, value: Any) -> Any:
    name = annotation.strip("'")
    if name in _DATES and isinstance(value, str):
        return read_iso(value, UTC)
    if name == "LocalDate" and isinstance(value, str):
        return date.fromisoformat(value)
    return value


def _moment(text: str) -> Any:
    day = text.removesuffix("T").split("T")[0]
    if "T" not in text or text.endswith("T"):
        padded = (day + "-01-01")[: len("2000-01-01")] if len(day) < len("2000-01-01") else day
        return date.fromisoformat(padded)
    return read_iso(text, UTC)


def _number(kind: str, text: str) -> Any:
    digits = text.replace("_", "")
    if len(digits) > _MAX_DIGITS:
        message = f"a number has at most {_MAX_DIGITS} digits"
        raise ExpressionError(message)
    if kind == "special":
        return float(digits)
    if kind == "radix":
        return int(digits, 0)
    lower = digits.lower()
    if "e" in lower:
        return float(lower)
    if "d" in lower or "." in lower:
        return Decimal(lower.replace("d", "e"))
    return int(lower)


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(_character, text) if "\\" in text else text


def _character(match: re.Match[str]) -> str:
    escape = match.group(1)
    if escape[0] in "xuU" and len(escape) > 1:
        code = int(escape[1:], 16)
        return chr(code) if code <= 0x10FFFF else "\ufffd"
    if escape in ("\n", "\r\n"):
        return ""
    return _PLAIN.get(escape, escape)
