"""Dates, times and durations as Java writes them.

Kestra's date values are Java's. Here a `datetime` whose zone is `datetime.UTC` itself is an
*instant*, one with another zone a *zoned date-time*, one without zone a *local date-time*; `date`,
`time` and `timedelta` are what they say.
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_MICROSECOND = timedelta(microseconds=1)
Temporal = date | time | timedelta


def is_instant(value: datetime) -> bool:
    """Tell whether the value is a point in time without a place: its zone is `datetime.UTC`."""
    return value.tzinfo is UTC


def temporal_text(value: Temporal) -> str:
    """Return what Java's `toString` writes: `2013-09-08T16:19+02:00`, `PT5S`, `2013-09-08`.

    Zero seconds are left out except from instants; fractions have 3 or 6 digits; a zone with a name
    follows in brackets.
    """
    if isinstance(value, timedelta):
        return duration_text(value)
    if isinstance(value, time):
        return _clock_text(value)
    if not isinstance(value, datetime):
        return value.isoformat()
    if is_instant(value):
        return instant_text(value)
    text = f"{value.date().isoformat()}T{_clock_text(value.time())}"
    if value.tzinfo is None:
        return text
    name = f"[{value.tzinfo.key}]" if isinstance(value.tzinfo, ZoneInfo) else ""
    return f"{text}{offset_text(value)}{name}"


def temporal_json(value: Temporal) -> str:
    """Return what stands in JSON: ISO-8601 with seconds and offset, without the zone's name."""
    if isinstance(value, timedelta):
        return duration_text(value)
    if isinstance(value, datetime):
        if is_instant(value):
            return instant_text(value)
        clock = _long_clock_text(value.time())
        return f"{value.date().isoformat()}T{clock}{offset_text(value)}"
    return _long_clock_text(value) if isinstance(value, time) else value.isoformat()


def instant_text(value: datetime) -> str:
    """Return an instant in UTC with seconds and a `Z`: `2013-09-08T14:19:00Z`."""
    utc = value.astimezone(UTC)
    seconds = utc.strftime("%H:%M:%S")
    return f"{utc.date().isoformat()}T{seconds}{_fraction(utc.microsecond)}Z"


def duration_text(value: timedelta) -> str:
    """Return a duration as Java's `Duration.toString`: hours, minutes and seconds, no days."""
    total = value // _MICROSECOND
    if total == 0:
        return "PT0S"
    sign = "-" if total < 0 else ""
    seconds, micros = divmod(abs(total), 1_000_000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{sign}{amount}{unit}" for amount, unit in ((hours, "H"), (minutes, "M")) if amount]
    if seconds or micros:
        fraction = f".{micros:06d}".rstrip("0") if micros else ""
        parts.append(f"{sign}{seconds}{fraction}S")
    return f"PT{''.join(parts)}"


def offset_text(value: datetime, zero: str = "Z") -> str:
    """Return the offset from UTC: `+02:00`, seconds only when there are any; none when local."""
    offset = value.utcoffset()
    if offset is None:
        return ""
    return offset_of(offset, zero)


def offset_of(offset: timedelta, zero: str = "Z") -> str:
    """Return an offset as `+02:00`, or `zero` for none."""
    seconds = int(offset.total_seconds())
    if not seconds:
        return zero
    minutes, rest = divmod(abs(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    tail = f":{rest:02d}" if rest else ""
    return f"{'-' if seconds < 0 else '+'}{hours:02d}:{minutes:02d}{tail}"


def _clock_text(value: time) -> str:
    text = f"{value.hour:02d}:{value.minute:02d}"
    if value.second or value.microsecond:
        text += f":{value.second:02d}{_fraction(value.microsecond)}"
    return text


def _long_clock_text(value: time) -> str:
    text = f"{value.hour:02d}:{value.minute:02d}:{value.second:02d}"
    return f"{text}.{value.microsecond:06d}".rstrip("0") if value.microsecond else text


def _fraction(micros: int) -> str:
    if not micros:
        return ""
    return f".{micros // 1000:03d}" if micros % 1000 == 0 else f".{micros:06d}"
