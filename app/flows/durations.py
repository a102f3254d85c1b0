"""Durations as Java's `Duration` reads and writes them.

A text is ISO-8601 with days, hours, minutes and seconds (`PT30S`, `P1DT2H`, `PT-4H`); years,
months and weeks are no durations. A number, or the text of one, means seconds.
"""

import re
from datetime import timedelta

_ISO = re.compile(
    r"([-+])?P(?:([-+]?\d{1,18})D)?"
    r"(T(?:([-+]?\d{1,18})H)?(?:([-+]?\d{1,18})M)?(?:([-+]?\d{1,18})(?:[.,](\d{0,9}))?S)?)?",
    re.IGNORECASE | re.ASCII,
)
_NUMBER = re.compile(r"[-+]?\d{1,18}(?:\.\d{1,18})?", re.ASCII)


def parse_duration(value: str | float | timedelta) -> timedelta:
    """Return the duration that a text or a number of seconds means, exact to the microsecond.

    Raises:
        ValueError: the value is no duration, or too long for one.
    """
    if isinstance(value, timedelta):
        return value
    try:
        if isinstance(value, str):
            return _from_text(value.strip())
        return timedelta(seconds=value)
    except OverflowError:
        raise ValueError(f"`{str(value)[:50]}` is too long for a duration") from None


def _from_text(text: str) -> timedelta:
    if _NUMBER.fullmatch(text):
        return timedelta(seconds=float(text))
    match = _ISO.fullmatch(text)
    if match is None or not _has_part(match):
        raise ValueError(
            f"`{text[:50]}` is not a duration; write ISO-8601 (PT30S, P1DT2H) or seconds"
        )
    sign, days, _, hours, minutes, seconds, fraction = match.groups()
    micros = int((fraction or "").ljust(6, "0")[:6])
    if (seconds or "").startswith("-"):
        micros = -micros
    result = timedelta(
        days=int(days or 0),
        hours=int(hours or 0),
        minutes=int(minutes or 0),
        seconds=int(seconds or 0),
        microseconds=micros,
    )
    return -result if sign == "-" else result


def _has_part(match: re.Match[str]) -> bool:
    """Whether something follows `P`, and something follows `T` if it is there."""
    _, days, time, hours, minutes, seconds, _ = match.groups()
    any_time = any(part is not None for part in (hours, minutes, seconds))
    return any_time if time is not None else days is not None


def format_duration(value: timedelta) -> str:
    """Return the text of a duration as Java prints it: hours, minutes, seconds, never days."""
    micros = value // timedelta(microseconds=1)
    if micros == 0:
        return "PT0S"
    sign = "-" if micros < 0 else ""
    seconds, micros = divmod(abs(micros), 1_000_000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    text = "PT"
    if hours:
        text += f"{sign}{hours}H"
    if minutes:
        text += f"{sign}{minutes}M"
    if seconds or micros:
        fraction = f".{micros:06d}".rstrip("0") if micros else ""
        text += f"{sign}{seconds}{fraction}S"
    return text
