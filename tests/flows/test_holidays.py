"""Public holidays by country and part of it."""

from datetime import date

import pytest

from app.errors import BadRequest
from app.flows.holidays import is_public_holiday

JULY_14 = date(2024, 7, 14)
EPIPHANY = date(2025, 1, 6)


def test_countries_have_their_own_days() -> None:
    assert is_public_holiday(JULY_14, "FR")
    assert is_public_holiday(JULY_14, " fr ")
    assert not is_public_holiday(JULY_14, "DE")


def test_parts_of_a_country_have_more() -> None:
    assert not is_public_holiday(EPIPHANY, "DE")
    assert is_public_holiday(EPIPHANY, "DE", "BY")
    assert is_public_holiday(EPIPHANY, "DE", "de-by")


def test_without_a_country_the_default_is_meant() -> None:
    assert is_public_holiday(date(2024, 7, 4))


@pytest.mark.parametrize(("country", "part"), [("XX", None), ("DE", "XX"), ("../x", None)])
def test_unknown_places_are_refused(country: str, part: str | None) -> None:
    with pytest.raises(BadRequest, match="calendar"):
        is_public_holiday(JULY_14, country, part)
