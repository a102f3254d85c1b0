"""Time zones by the names that flows use: regions, offsets, offsets after `UTC` or `GMT`."""

import functools
import re
import zoneinfo
from datetime import UTC, timedelta, timezone, tzinfo
from typing import Final

_OFFSET: Final = re.compile(r"(?:UTC|GMT|UT)?([+-])(\d{1,2})(?::?(\d{2}))?", re.ASCII)
_MAX_HOURS = 18


@functools.lru_cache(maxsize=1024)
def zone_named(name: str) -> tzinfo:
    """Return the zone of a name such as `Europe/Paris`, `Z`, `+02:00` or `UTC+2`.

    Raises:
        ValueError: when there is no such zone.
    """
    if name in ("Z", "z"):
        return UTC
    if (match := _OFFSET.fullmatch(name)) is not None:
        sign, hours, minutes = match.groups()
        offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
        if offset > timedelta(hours=_MAX_HOURS):
            raise ValueError(f"'{name}' is not a valid time-zone ID")
        return timezone(-offset if sign == "-" else offset)
    try:
        return zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        raise ValueError(f"'{name}' is not a valid time-zone ID") from None
