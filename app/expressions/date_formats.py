"""Formats by name or pattern, what counts as a date, and adding to dates (reference §5.11)."""

import calendar
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, Final

from app.errors import ExpressionError
from app.expressions.date_locales import language
from app.expressions.date_names import BUILT_IN, STYLES, Language
from app.expressions.date_patterns import write_date
from app.expressions.date_reading import read_iso, read_pattern
from app.expressions.dates import instant_text, offset_text, temporal_json
from app.expressions.java_numbers import is_number
from app.expressions.values import kind
from app.expressions.zones import zone_id

PATTERNS: Final = {
    "iso": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX",
    "iso_milli": "yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
    "iso_sec": "yyyy-MM-dd'T'HH:mm:ssXXX",
    "sql": "yyyy-MM-dd HH:mm:ss.SSSSSS",
    "sql_seq": "yyyy-MM-dd HH:mm:ss",
}
"""Kestra's own formats, as Java patterns."""

_RFC_1123 = "EEE, d MMM yyyy HH:mm:ss z"


def write(value: datetime, form: str, zone: tzinfo, locale: str | None) -> str:
    """Return a date in a format: a name such as `iso` or `rfc_1123_date_time`, or a Java pattern.

    Raises:
        ExpressionError: for a pattern or locale that is not known.
    """
    placed = value.astimezone(zone)
    named = _CONSTANTS.get(form)
    if named is not None:
        return named(placed)
    spoken = _spoken(locale)
    return write_date(_pattern(form, spoken), placed, spoken)


def read(value: Any, zone: tzinfo, existing_format: str | None, locale: str | None) -> datetime:
    """Return the point in time of a value: a date, whole seconds since 1970, or a text.

    A text is read in `existing_format`, or as ISO-8601. A day that is a date value becomes noon, a
    day that is a text its start, as in Kestra.

    Raises:
        ExpressionError: when the value is no date.
    """
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=zone)
    if isinstance(value, date):
        return datetime.combine(value, time(12), zone)
    if isinstance(value, str):
        return _read_text(value, zone, existing_format, locale)
    if is_number(value) and isinstance(value, int):
        return _since_1970(value, zone)
    message = f"{kind(value)} is no date; dates are dates, texts or whole seconds since 1970"
    raise ExpressionError(message)


def plus(value: datetime, amount: int, unit: str) -> datetime:
    """Return the date moved by an amount of a Java `ChronoUnit`, such as `DAYS`.

    Days and longer move the calendar date and keep the time of day; hours and shorter are exact.

    Raises:
        ExpressionError: for an unknown unit, or a year outside 1 to 9999.
    """
    name = unit.upper()
    try:
        if name == _NANOS:  # a date is exact to microseconds
            return value + timedelta(microseconds=amount // 1_000)
        if name in _EXACT:
            return (value.astimezone(UTC) + _EXACT[name] * amount).astimezone(value.tzinfo)
        if name in _DAYS:
            return value + timedelta(days=_DAYS[name] * amount)
        if name in _MONTHS:
            return _plus_months(value, _MONTHS[name] * amount)
    except (OverflowError, ValueError) as error:
        message = f"the date leaves the years 1 to 9999 when {amount} {name} are added"
        raise ExpressionError(message) from error
    known = ", ".join([_NANOS, *_EXACT, *_DAYS, *_MONTHS])
    message = f"unknown unit `{unit}`; known are {known}"
    raise ExpressionError(message)


def _spoken(locale: str | None) -> Language:
    found = language(locale)
    if found is None:
        message = f"unknown locale `{str(locale)[:20]}`; write for example `fr` or `pt_BR`"
        raise ExpressionError(message)
    return found


def _pattern(form: str, spoken: Language) -> str:
    if form in STYLES:
        return spoken.styles[STYLES.index(form)]
    return PATTERNS.get(form, form)


def _read_text(text: str, zone: tzinfo, form: str | None, locale: str | None) -> datetime:
    if form is None or form in _ISO_NAMES:
        return read_iso(text, zone)
    spoken = _spoken(locale)
    pattern = _RFC_1123 if form == "rfc_1123_date_time" else _pattern(form, spoken)
    return read_pattern(text, pattern, zone, spoken)


def _since_1970(seconds: int, zone: tzinfo) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC).astimezone(zone)
    except (ValueError, OverflowError, OSError) as error:
        message = f"{seconds} seconds since 1970 are outside of the years 1 to 9999"
        raise ExpressionError(message) from error


def _plus_months(value: datetime, months: int) -> datetime:
    year, month = divmod(value.year * 12 + value.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return value.replace(year=year, month=month + 1, day=min(value.day, last))


_NANOS: Final = "NANOS"
_EXACT: Final = {
    "MICROS": timedelta(microseconds=1),
    "MILLIS": timedelta(milliseconds=1),
    "SECONDS": timedelta(seconds=1),
    "MINUTES": timedelta(minutes=1),
    "HOURS": timedelta(hours=1),
    "HALF_DAYS": timedelta(hours=12),
}
_DAYS: Final = {"DAYS": 1, "WEEKS": 7}
_MONTHS: Final = {
    "MONTHS": 1,
    "YEARS": 12,
    "DECADES": 120,
    "CENTURIES": 1_200,
    "MILLENNIA": 12_000,
}


def _local_date_time(value: datetime) -> str:
    return temporal_json(value.replace(tzinfo=None))


def _local_time(value: datetime) -> str:
    return temporal_json(value.time())


def _zoned(value: datetime) -> str:
    name = zone_id(value)
    offset = offset_text(value)
    region = f"[{name}]" if name != offset else ""
    return f"{_local_date_time(value)}{offset}{region}"


def _ordinal(value: datetime) -> str:
    return f"{value.year:04d}-{value.timetuple().tm_yday:03d}{offset_text(value)}"


def _week_date(value: datetime) -> str:
    year, week, day = value.isocalendar()
    return f"{year:04d}-W{week:02d}-{day}{offset_text(value)}"


def _rfc_1123(value: datetime) -> str:
    words = BUILT_IN["en"]
    day, month = words.short_days[value.weekday()], words.short_months[value.month - 1]
    offset = offset_text(value, zero="GMT").replace(":", "")
    return f"{day}, {value.day} {month} {value.year:04d} {value:%H:%M:%S} {offset}"


_CONSTANTS: Final[dict[str, Callable[[datetime], str]]] = {
    "iso_date_time": _zoned,
    "iso_zoned_date_time": _zoned,
    "iso_offset_date_time": lambda value: f"{_local_date_time(value)}{offset_text(value)}",
    "iso_local_date_time": _local_date_time,
    "iso_date": lambda value: f"{value.date().isoformat()}{offset_text(value)}",
    "iso_local_date": lambda value: value.date().isoformat(),
    "iso_time": lambda value: f"{_local_time(value)}{offset_text(value)}",
    "iso_offset_time": lambda value: f"{_local_time(value)}{offset_text(value)}",
    "iso_local_time": _local_time,
    "iso_instant": instant_text,
    "iso_ordinal_date": _ordinal,
    "iso_week_date": _week_date,
    "rfc_1123_date_time": _rfc_1123,
}
_ISO_NAMES: Final = frozenset(_CONSTANTS) - {"rfc_1123_date_time"} | {"iso", "iso_sec", "iso_milli"}
