"""Time zones by the names Java knows: regions, offsets, and offsets after `UTC` or `GMT`."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.errors import ExpressionError
from app.expressions.dates import offset_of

_OFFSET: Final = re.compile(
    r"(?:UTC|GMT|UT)?([+-])([0-9]{1,2})(?::?([0-9]{2})(?::?([0-9]{2}))?)?", re.IGNORECASE
)
_MAX_OFFSET_HOURS = 18
_MAX_NAME_CHARS = 64

_FULL_NAMES: Final = {
    "UTC": "Coordinated Universal Time",
    "GMT": "Greenwich Mean Time",
    "BST": "British Summer Time",
    "WET": "Western European Standard Time",
    "WEST": "Western European Summer Time",
    "CET": "Central European Standard Time",
    "CEST": "Central European Summer Time",
    "EET": "Eastern European Standard Time",
    "EEST": "Eastern European Summer Time",
    "EST": "Eastern Standard Time",
    "EDT": "Eastern Daylight Time",
    "CST": "Central Standard Time",
    "CDT": "Central Daylight Time",
    "MST": "Mountain Standard Time",
    "MDT": "Mountain Daylight Time",
    "PST": "Pacific Standard Time",
    "PDT": "Pacific Daylight Time",
    "JST": "Japan Standard Time",
}


def zone_named(name: str) -> tzinfo:
    """Return the zone of a name such as `Europe/Paris`, `Z`, `+02:00` or `UTC+2`.

    Raises:
        ExpressionError: when there is no such zone.
    """
    if name in ("Z", "z"):
        return UTC
    match = _OFFSET.fullmatch(name)
    if match:
        return _offset(name, match)
    try:
        if len(name) <= _MAX_NAME_CHARS:
            return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    message = f"unknown time zone `{name[:_MAX_NAME_CHARS]}`; write for example `Europe/Paris`"
    raise ExpressionError(message)


def zone_id(value: datetime) -> str:
    """Return the name of the value's zone: `Europe/Paris`, `+02:00` or `Z`."""
    if isinstance(value.tzinfo, ZoneInfo):
        return value.tzinfo.key or "Z"
    return offset_of(value.utcoffset() or timedelta())


def zone_name(value: datetime, *, full: bool) -> str:
    """Return the short (`CEST`) or full name of the value's zone; offsets name themselves."""
    if not isinstance(value.tzinfo, ZoneInfo):
        return zone_id(value)
    short = value.tzname() or zone_id(value)
    return _FULL_NAMES.get(short, short) if full else short


def _offset(name: str, match: re.Match[str]) -> tzinfo:
    sign, hours, minutes, seconds = match.groups()
    if int(hours) > _MAX_OFFSET_HOURS or int(minutes or 0) > 59 or int(seconds or 0) > 59:
        message = f"`{name}` is no offset from UTC; they go from -18:00 to +18:00"
        raise ExpressionError(message)
    offset = timedelta(hours=int(hours), minutes=int(minutes or 0), seconds=int(seconds or 0))
    return timezone(-offset if sign == "-" else offset)
