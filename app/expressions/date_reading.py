"""Reading dates: ISO-8601 texts, and texts in a Java pattern."""

import functools
import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, Final

from app.errors import ExpressionError
from app.expressions.date_names import Language
from app.expressions.date_patterns import Piece, pieces_of
from app.expressions.zones import zone_named
from app.regexes import Pattern, PatternError, linear

_MAX_DATE_CHARS = 200
_OFFSET_PATTERN = r"[zZ]|[+-][0-9]{2}(?::?[0-9]{2}(?::?[0-9]{2})?)?"
_ISO: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[Tt]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?"
    rf"({_OFFSET_PATTERN})?(?:\[([^\]]+)\])?)?"
)


def read_iso(text: str, zone: tzinfo) -> datetime:
    """Return the date of an ISO-8601 text: with a zone, local, or a day (its start).

    Raises:
        ExpressionError: for any other text.
    """
    match = _ISO.fullmatch(text.strip()) if len(text) <= _MAX_DATE_CHARS else None
    if match is None:
        message = f"cannot read `{text[:60]}` as a date; give its format with `existingFormat`"
        raise ExpressionError(message)
    year, month, day, hour, minute, second, fraction, offset, region = match.groups()
    micros = int((fraction or "0")[:6].ljust(6, "0"))
    place = zone_named(region) if region else zone_named(offset) if offset else zone
    numbers = (int(part or 0) for part in (year, month, day, hour, minute, second))
    return _made(text, *numbers, micros, place)


def read_pattern(text: str, pattern: str, zone: tzinfo, language: Language) -> datetime:
    """Return the date of a text in a Java pattern; what the pattern leaves out is the day's start.

    Raises:
        ExpressionError: when the text does not follow the pattern, or no day comes out of it.
    """
    expression, letters = _expression(pattern, language)
    match = expression.fullmatch(text) if len(text) <= _MAX_DATE_CHARS else None
    if match is None:
        message = f"cannot read `{text[:60]}` as a date in the format `{pattern}`"
        raise ExpressionError(message)
    fields = {
        letter: part
        for letter, part in zip(letters, match.groups(), strict=True)
        if part is not None
    }
    return _assembled(text, pattern, fields, zone, language)


@functools.lru_cache(maxsize=256)
def _expression(pattern: str, language: Language) -> tuple[Pattern, tuple[str, ...]]:
    pieces = pieces_of(pattern)
    letters: list[str] = []
    source = ""
    for index, piece in enumerate(pieces):
        following = pieces[index + 1] if index + 1 < len(pieces) else Piece("", 0)
        source += _source(piece, following, language, letters)
    if source.count("(?:") != source.count(")?"):
        message = f"the date format `{pattern}` has brackets that do not pair"
        raise ExpressionError(message)
    try:
        return linear(f"(?i){source}"), tuple(letters)
    except PatternError:
        message = f"the date format `{pattern[:60]}` is too long to read dates with"
        raise ExpressionError(message) from None


def _source(piece: Piece, following: Piece, language: Language, letters: list[str]) -> str:
    letter, count, text = piece
    if not letter:
        return re.escape(text)
    if letter == "[":
        return "(?:"
    if letter == "]":
        return ")?"
    letters.append(letter)
    return _field(letter, count, following, language)


def _field(letter: str, count: int, following: Piece, language: Language) -> str:
    if letter in "ML" and count > 2:
        return _alternatives(language.months, language.short_months)
    if letter == "E":
        return _alternatives(language.days, language.short_days)
    return _TEXTS.get(letter) or f"({_digits(letter, count, following)})"


def _digits(letter: str, count: int, following: Piece) -> str:
    if letter == "S":
        return f"[0-9]{{{count}}}"
    adjacent = following.letter in _NUMERIC
    if letter in "yu":
        return "[0-9]{2}" if count == 2 else "[0-9]{4}" if adjacent else "[0-9]{1,4}"
    if count >= 2 or adjacent:
        return f"[0-9]{{{max(count, 1)}}}"
    return "[0-9]{1,3}" if letter == "D" else "[0-9]{1,2}"


def _alternatives(*names: tuple[str, ...]) -> str:
    words = sorted({word for group in names for word in group}, key=len, reverse=True)
    return f"({'|'.join(map(re.escape, words))})"


_NUMERIC: Final = frozenset("yuMLdDHkKhmsSAnN")
_TEXTS: Final = {
    "a": "(am|pm)",
    "G": "(ad|anno domini)",
    "X": f"({_OFFSET_PATTERN})",
    "x": f"({_OFFSET_PATTERN})",
    "Z": f"({_OFFSET_PATTERN}|GMT[^ ]*)",
    "O": r"(GMT(?:[+-][0-9]{1,2}(?::[0-9]{2})?)?)",
    "V": r"([A-Za-z0-9_+:/-]+)",
    "z": r"([A-Za-z0-9_+:/-]+)",
}


def _assembled(
    text: str, pattern: str, fields: dict[str, str], zone: tzinfo, language: Language
) -> datetime:
    day = _day(text, pattern, fields, language)
    place = next((_zone(fields[letter]) for letter in "XxZOVz" if letter in fields), zone)
    micros = int(fields.get("S", "0")[:6].ljust(6, "0"))
    if "n" in fields:
        micros = int(fields["n"]) // 1000
    minute, second = int(fields.get("m", 0)), int(fields.get("s", 0))
    return _made(text, day.year, day.month, day.day, _hour(fields), minute, second, micros, place)


def _day(text: str, pattern: str, fields: dict[str, str], language: Language) -> date:
    year_text = fields.get("y", fields.get("u"))
    month = fields.get("M", fields.get("L"))
    if year_text is None or ((month is None or "d" not in fields) and "D" not in fields):
        message = f"no day can be made of `{text[:60]}` in the format `{pattern}`"
        raise ExpressionError(message)
    year = int(year_text) + (2000 if len(year_text) == 2 else 0)
    if month is None or "d" not in fields:
        start = _made(text, year, 1, 1, 0, 0, 0, 0, UTC)
        return start.date() + timedelta(days=int(fields["D"]) - 1)
    made = _made(text, year, _month(month, language), int(fields["d"]), 0, 0, 0, 0, UTC)
    return made.date()


def _month(text: str, language: Language) -> int:
    if text.isdigit():
        return int(text)
    word = text.casefold()
    for names in (language.months, language.short_months):
        for index, name in enumerate(names):
            if name.casefold() == word:
                return index + 1
    return 0


def _hour(fields: dict[str, str]) -> int:
    if "H" in fields:
        return int(fields["H"])
    if "k" in fields:
        return int(fields["k"]) % 24
    hour = int(fields.get("h", fields.get("K", "0"))) % 12
    return hour + 12 if fields.get("a", "").casefold() == "pm" else hour


def _zone(text: str) -> tzinfo:
    return zone_named("UTC" if text.upper() == "GMT" else text)


def _made(text: str, *parts: Any) -> datetime:
    year, month, day, hour, minute, second, micros, zone = parts
    try:
        return datetime(year, month, day, hour, minute, second, micros, zone)
    except (ValueError, OverflowError) as error:
        message = f"`{text[:60]}` is no date: {error}"
        raise ExpressionError(message) from error
