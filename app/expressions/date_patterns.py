"""Java's date patterns (`yyyy-MM-dd'T'HH:mm:ssXXX`): read once, then used to write dates.

Source: the documentation of `java.time.format.DateTimeFormatter`.
"""

import functools
from collections.abc import Callable
from datetime import date, datetime
from typing import Final, NamedTuple

from app.errors import ExpressionError
from app.expressions.date_names import Language
from app.expressions.dates import offset_of
from app.expressions.zones import zone_id, zone_name

_MAX_PATTERN_CHARS = 200
_MAX_WIDTH = 19
_RESERVED = "{}#"


class Piece(NamedTuple):
    """One part of a pattern: a field (`letter`, `width` times), or literal text (no letter).

    Optional sections are pieces with the letters `[` and `]`.
    """

    letter: str
    width: int
    text: str = ""


@functools.lru_cache(maxsize=512)
def pieces_of(pattern: str) -> tuple[Piece, ...]:
    """Return the pieces of a pattern.

    Raises:
        ExpressionError: for a letter without meaning, a quote left open, or an absurd length.
    """
    if len(pattern) > _MAX_PATTERN_CHARS:
        message = f"the date format is longer than {_MAX_PATTERN_CHARS} characters"
        raise ExpressionError(message)
    pieces: list[Piece] = []
    position = 0
    while position < len(pattern):
        piece, position = _next_piece(pattern, position)
        pieces.append(piece)
    return tuple(pieces)


def write_date(pattern: str, value: datetime, language: Language) -> str:
    """Return the date in the given pattern and language. The value has a zone.

    Raises:
        ExpressionError: when the pattern cannot be read.
    """
    parts = []
    for letter, count, text in pieces_of(pattern):
        writer = _WRITERS.get(letter)
        parts.append(writer(value, count, language) if writer else text)
    return "".join(parts)


def _next_piece(pattern: str, position: int) -> tuple[Piece, int]:
    character = pattern[position]
    if character == "'":
        return _quoted(pattern, position)
    if character in "[]":
        return Piece(character, 1), position + 1
    if character in _RESERVED:
        message = f"`{character}` in the date format `{pattern}` must be quoted: '{character}'"
        raise ExpressionError(message)
    if not (character.isascii() and character.isalpha()):
        return Piece("", 1, character), position + 1
    end = position
    while end < len(pattern) and pattern[end] == character:
        end += 1
    if character not in _WRITERS or end - position > _MAX_WIDTH:
        message = (
            f"`{pattern[position:end]}` in the date format `{pattern}` means nothing; "
            "quote literal letters, as in 'T'"
        )
        raise ExpressionError(message)
    return Piece(character, end - position), end


def _quoted(pattern: str, position: int) -> tuple[Piece, int]:
    """Read `'literal'`; two quotes are one, inside and outside of quotes."""
    if pattern.startswith("''", position):
        return Piece("", 1, "'"), position + 2
    end = position + 1
    text = ""
    while True:
        close = pattern.find("'", end)
        if close < 0:
            message = f"the date format `{pattern}` has a quote that is not closed"
            raise ExpressionError(message)
        text += pattern[end:close]
        if not pattern.startswith("''", close):
            return Piece("", 1, text), close + 1
        text += "'"
        end = close + 2


Writer = Callable[[datetime, int, Language], str]


def _number(field: Callable[[datetime], int]) -> Writer:
    def write(value: datetime, count: int, _language: Language) -> str:
        return f"{field(value):0{count}d}"

    return write


def _year(value: datetime, count: int, _language: Language) -> str:
    return _year_text(value.year, count)


def _year_text(year: int, count: int) -> str:
    return f"{year % 100:02d}" if count == 2 else f"{year:0{count}d}"


def _month(value: datetime, count: int, language: Language) -> str:
    if count <= 2:
        return f"{value.month:0{count}d}"
    return _styled(language.months, language.short_months, value.month - 1, count)


def _day_name(value: datetime, count: int, language: Language) -> str:
    return _styled(language.days, language.short_days, value.weekday(), count)


def _day_number(value: datetime, count: int, language: Language) -> str:
    if count > 2:
        return _day_name(value, count, language)
    day = value.isoweekday()
    return f"{day % 7 + 1 if language.week_starts_sunday else day:0{count}d}"


def _styled(names: tuple[str, ...], short: tuple[str, ...], index: int, count: int) -> str:
    if count == 4:
        return names[index]
    return names[index][0].upper() if count == 5 else short[index]


def _quarter(value: datetime, count: int, _language: Language) -> str:
    quarter = (value.month - 1) // 3 + 1
    if count <= 2:
        return f"{quarter:0{count}d}"
    ordinal = ("1st", "2nd", "3rd", "4th")[quarter - 1]
    return f"{ordinal} quarter" if count == 4 else f"Q{quarter}"


def _fraction(value: datetime, count: int, _language: Language) -> str:
    return f"{value.microsecond * 1000:09d}"[:count].ljust(count, "0")


def _half_day(value: datetime, _count: int, _language: Language) -> str:
    return "AM" if value.hour < 12 else "PM"


def _era(_value: datetime, count: int, _language: Language) -> str:
    return {4: "Anno Domini", 5: "A"}.get(count, "AD")


def _week_year(value: datetime, count: int, language: Language) -> str:
    return _year_text(_week(value, language)[0], count)


def _week_of_year(value: datetime, count: int, language: Language) -> str:
    return f"{_week(value, language)[1]:0{count}d}"


def _week_of_month(value: datetime, count: int, language: Language) -> str:
    first = value.replace(day=1)
    if language.week_starts_sunday:
        number = (value.day - 1 + first.isoweekday() % 7) // 7 + 1
    else:
        shift = first.weekday()
        number = (value.day - 1 + shift) // 7 + (1 if shift <= 3 else 0)
    return f"{number:0{count}d}"


def _week(value: datetime, language: Language) -> tuple[int, int]:
    """Return week-based year and week: ISO's, or weeks from Sunday with 1 January in the first."""
    if not language.week_starts_sunday:
        return value.isocalendar()[:2]
    day = value.date().toordinal() - value.isoweekday() % 7
    saturday = date.fromordinal(min(day + 6, date.max.toordinal()))
    return saturday.year, (saturday.timetuple().tm_yday - 1) // 7 + 1


def _offset_letter(*, zero_is_z: bool) -> Writer:
    def write(value: datetime, count: int, _language: Language) -> str:
        offset = value.utcoffset()
        text = offset_of(offset, "+00:00") if offset is not None else "+00:00"
        if zero_is_z and text == "+00:00":
            return "Z"
        if count == 1:
            return text[:3] if text[4:6] == "00" else text[:3] + text[4:6]
        if count in (2, 4):
            return text.replace(":", "")
        return text

    return write


def _zone_offset(value: datetime, count: int, language: Language) -> str:
    if count == 4:
        return _localized_offset(value, count, language)
    text = _offset_letter(zero_is_z=count == 5)(value, 3, language)
    return text if count == 5 else text.replace(":", "")


def _localized_offset(value: datetime, count: int, language: Language) -> str:
    text = _offset_letter(zero_is_z=False)(value, 3, language)
    if text == "+00:00":
        return "GMT"
    if count == 4:
        return f"GMT{text}"
    hours = f"{text[0]}{int(text[1:3])}"
    return f"GMT{hours}" if text[4:6] == "00" else f"GMT{hours}{text[3:6]}"


def _zone_id(value: datetime, _count: int, _language: Language) -> str:
    return zone_id(value)


def _zone_name(value: datetime, count: int, _language: Language) -> str:
    return zone_name(value, full=count == 4)


def _nano_of_day(value: datetime) -> int:
    seconds = value.hour * 3600 + value.minute * 60 + value.second
    return (seconds * 1_000_000 + value.microsecond) * 1000


_WRITERS: Final[dict[str, Writer]] = {
    "G": _era,
    "y": _year,
    "u": _year,
    "Y": _week_year,
    "M": _month,
    "L": _month,
    "d": _number(lambda value: value.day),
    "D": _number(lambda value: value.timetuple().tm_yday),
    "Q": _quarter,
    "q": _quarter,
    "w": _week_of_year,
    "W": _week_of_month,
    "E": _day_name,
    "e": _day_number,
    "c": _day_number,
    "a": _half_day,
    "H": _number(lambda value: value.hour),
    "k": _number(lambda value: value.hour or 24),
    "K": _number(lambda value: value.hour % 12),
    "h": _number(lambda value: value.hour % 12 or 12),
    "m": _number(lambda value: value.minute),
    "s": _number(lambda value: value.second),
    "S": _fraction,
    "A": _number(lambda value: _nano_of_day(value) // 1_000_000),
    "n": _number(lambda value: value.microsecond * 1000),
    "N": _number(_nano_of_day),
    "X": _offset_letter(zero_is_z=True),
    "x": _offset_letter(zero_is_z=False),
    "Z": _zone_offset,
    "O": _localized_offset,
    "V": _zone_id,
    "z": _zone_name,
}
