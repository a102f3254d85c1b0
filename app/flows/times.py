"""Dates, times and instants as Java's `java.time` reads and prints them."""

import re
from datetime import UTC, date, datetime, time

_TIME = re.compile(r"(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_OFFSET = re.compile(r"(.+?)(Z|[+-]\d\d(?::?\d\d)?)(?:\[[^\]]*\])?", re.ASCII | re.IGNORECASE)


def parse_date(text: str) -> date:
    """Return the date that `yyyy-MM-dd` means.

    Raises:
        ValueError: the text is no date.
    """
    if not _DATE.fullmatch(text):
        raise ValueError(f"Text '{text[:50]}' could not be parsed as a date (yyyy-MM-dd)")
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"Text '{text[:50]}' could not be parsed: {error}") from None


def parse_time(text: str) -> time:
    """Return the time of day that `HH:mm[:ss[.fraction]]` means, to the microsecond.

    Raises:
        ValueError: the text is no time.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"Text '{text[:50]}' could not be parsed as a time (HH:mm:ss)")
    hour, minute, second, fraction = match.groups()
    micros = int((fraction or "").ljust(6, "0")[:6])
    try:
        return time(int(hour), int(minute), int(second or 0), micros)
    except ValueError as error:
        raise ValueError(f"Text '{text[:50]}' could not be parsed: {error}") from None


def parse_instant(text: str) -> datetime:
    """Return the instant, in UTC, that a date-time with `Z` or an offset means.

    Raises:
        ValueError: the text is no instant.
    """
    match = _OFFSET.fullmatch(text)
    day, separator, clock = (match.group(1) if match else text).partition("T")
    if match is None or not separator:
        raise ValueError(
            f"Text '{text[:50]}' could not be parsed as an instant (2024-12-31T23:59:59Z)"
        )
    local = datetime.combine(parse_date(day), parse_time(clock))
    offset = match.group(2).upper()
    try:
        if offset == "Z":
            return local.replace(tzinfo=UTC)
        zone = datetime.strptime(offset.replace(":", "").ljust(5, "0"), "%z").tzinfo
        return local.replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"Text '{text[:50]}' could not be parsed as an instant") from None


def format_instant(value: datetime) -> str:
    """Return an instant as Java prints one: UTC, `Z`, a fraction of three or six digits if any."""
    utc = value.astimezone(UTC)
    return utc.replace(microsecond=0, tzinfo=None).isoformat() + _fraction(utc.microsecond) + "Z"


def format_time(value: time) -> str:
    """Return a time of day as Java prints one: no seconds if there are none."""
    text = f"{value.hour:02d}:{value.minute:02d}"
    if value.second or value.microsecond:
        text += f":{value.second:02d}{_fraction(value.microsecond)}"
    return text


def _fraction(micros: int) -> str:
    if micros == 0:
        return ""
    return f".{micros // 1000:03d}" if micros % 1000 == 0 else f".{micros:06d}"
