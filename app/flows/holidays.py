"""Public holidays of a country, and of a part of it."""

import functools
from datetime import date
from typing import Any

from app.errors import BadRequest

DEFAULT_COUNTRY = "US"
"""Whose holidays are meant when no country is named."""


def is_public_holiday(
    day: date, country: str | None = None, sub_division: str | None = None
) -> bool:
    """Whether `day` is a public holiday.

    The first call loads the calendars of a country, which takes some tenths of a second.

    Args:
        day: The day.
        country: An ISO 3166-1 alpha-2 code in any case.
        sub_division: The second part of an ISO 3166-2 code (`BY`), or all of it (`DE-BY`).

    Raises:
        BadRequest: when there is no calendar of the country or the part of it.
    """
    code = (country or DEFAULT_COUNTRY).strip().upper()
    part = (sub_division or "").strip().upper().removeprefix(f"{code}-") or None
    return day in _calendar(code, part)


@functools.lru_cache(maxsize=64)
def _calendar(country: str, sub_division: str | None) -> Any:
    import holidays  # noqa: PLC0415 - 10 MB of calendars that few flows ask for

    try:
        return holidays.country_holidays(country, subdiv=sub_division)
    except NotImplementedError:
        place = f"{country}-{sub_division}" if sub_division else country
        message = f"there is no calendar of public holidays for `{place}`"
        raise BadRequest(message) from None
