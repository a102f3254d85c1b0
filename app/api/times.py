"""Times of the API: RFC 3339 in UTC, durations as Java prints them; inside all are microseconds."""

from datetime import UTC, datetime, timedelta

from app.errors import BadRequest
from app.flows.durations import parse_duration
from app.flows.times import parse_instant

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FIRST = (datetime(2, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND


def instant(at: int) -> datetime:
    """Return the moment `at` (µs since the epoch); the JSON encoder prints it with a `Z`."""
    return _EPOCH + timedelta(microseconds=at)


def duration(micros: int) -> str:
    """Return a length of time (µs) as Java's `Duration` prints it: `PT1M2.5S`."""
    seconds, micros = divmod(max(micros, 0), 1_000_000)
    text = ""
    if seconds >= 60:
        minutes, seconds = divmod(seconds, 60)
        hours, minutes = divmod(minutes, 60)
        text = (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes else "")
    if micros:
        fraction = f"{micros:06d}".rstrip("0")
        return f"PT{text}{seconds}.{fraction}S"
    if seconds or not text:
        return f"PT{text}{seconds}S"
    return f"PT{text}"


def read_instant(text: str, name: str) -> int:
    """Return the µs since the epoch that a date-time parameter means; a date means its start.

    Raises:
        BadRequest: when it is no date-time.
    """
    # In a query a plus sign means a blank, and clients forget it in `+02:00`.
    written = text.strip().replace(" ", "+")
    try:
        moment = parse_instant(_completed(written))
    except ValueError as error:
        message = f"{name}: {error}"
        raise BadRequest(message) from None
    return (moment - _EPOCH) // _MICROSECOND


def checked_start(since: int, name: str) -> int:
    """Return where a period starts (µs), given or computed from its end.

    Raises:
        BadRequest: when the stretch that it lies in may begin before the first date there is.
    """
    if since < _FIRST:
        message = f"{name}: the period begins before the year 2"
        raise BadRequest(message)
    return since


def _completed(text: str) -> str:
    if len(text) == len("2024-12-31"):
        return f"{text}T00:00:00Z"
    return text if _has_zone(text) else f"{text}Z"


def _has_zone(text: str) -> bool:
    clock = text.partition("T")[2]
    return clock[-1:] in ("Z", "z", "]") or "+" in clock or "-" in clock


def read_duration(text: str, name: str) -> int:
    """Return the µs that a duration parameter means, between nothing and a century.

    Raises:
        BadRequest: when it is no duration.
    """
    try:
        length = parse_duration(text)
    except ValueError as error:
        message = f"{name}: {error}"
        raise BadRequest(message) from None
    if not timedelta(0) <= length <= timedelta(days=36525):
        message = f"{name}: {text} is not between PT0S and P36525D"
        raise BadRequest(message)
    return length // _MICROSECOND
