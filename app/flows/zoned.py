"""Dates and times of the day that keep the zone they are written in."""

import re
from datetime import datetime, time
from typing import Final

from app.errors import Invalid

_REGION: Final = re.compile(r"\[[^\]]*\]$")
_MAX_CHARS = 100


def read_moment(text: str) -> datetime:
    """Return the date of an ISO 8601 text; a day is its start. Without an offset it has no zone.

    Raises:
        Invalid: the text is no date.
    """
    written = _REGION.sub("", text.strip())
    try:
        return datetime.fromisoformat(written[:_MAX_CHARS])
    except ValueError:
        message = f"`{text[:_MAX_CHARS]}` is no date; write for example 2024-12-31T10:00:00+01:00"
        raise Invalid(message) from None


def read_clock(text: str) -> time:
    """Return the time of the day of a text such as `16:19:12-05:00`.

    Raises:
        Invalid: the text is no time.
    """
    try:
        return time.fromisoformat(text.strip()[:_MAX_CHARS])
    except ValueError:
        message = f"`{text[:_MAX_CHARS]}` is no time; write for example 16:19:12-05:00"
        raise Invalid(message) from None


def zoned_text(moment: datetime) -> str:
    """Return a date as Java prints one with an offset: `2025-01-01T00:00:00+01:00`, or `…Z`."""
    text = moment.isoformat()
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text
