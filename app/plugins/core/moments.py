"""Moments as properties of tasks have them: texts of ISO 8601, with a zone or in UTC."""

from datetime import UTC, datetime, timedelta

from app.flows.times import parse_date, parse_instant
from app.plugins.api import TaskFailed

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def moment(text: str | None, name: str) -> int | None:
    """Return the µs since the epoch that a text means; a date is its beginning, nothing is None.

    Raises:
        TaskFailed: when it is no moment; the message has the property's name.
    """
    written = (text or "").strip()
    if not written:
        return None
    for attempt in (written, f"{written}Z"):
        try:
            return (parse_instant(attempt) - _EPOCH) // _MICROSECOND
        except ValueError:
            continue
    try:
        day = parse_date(written)
    except ValueError:
        message = f"`{name}` is {written[:50]!r}: write a moment such as 2024-12-31T23:59:59Z"
        raise TaskFailed(message) from None
    return (datetime(day.year, day.month, day.day, tzinfo=UTC) - _EPOCH) // _MICROSECOND
