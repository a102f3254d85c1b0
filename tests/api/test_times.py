"""Times and durations of the API."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.answers import encoded
from app.api.times import checked_start, duration, instant, read_duration, read_instant
from app.errors import BadRequest
from app.flows.durations import format_duration

SECOND = 1_000_000


@given(st.integers(0, 10**15))
def test_durations_are_printed_as_java_prints_them(micros: int) -> None:
    assert duration(micros) == format_duration(timedelta(microseconds=micros))


@given(st.integers(0, 4_000_000_000 * SECOND))
def test_moments_survive(at: int) -> None:
    text = encoded(instant(at)).decode().strip('"')
    assert text.endswith("Z")
    assert read_instant(text, "x") == at


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("1970-01-01T00:00:01Z", SECOND),
        ("1970-01-01T02:00:01+02:00", SECOND),
        ("1970-01-01T02:00:01 02:00", SECOND),  # a plus sign that nobody escaped
        ("1970-01-01T00:00:01", SECOND),
        ("1970-01-02", 86_400 * SECOND),
    ],
)
def test_moments_are_read(text: str, at: int) -> None:
    assert read_instant(text, "x") == at


@pytest.mark.parametrize(
    "text", ["", "now", "1970", "1970-13-01T00:00:00Z", "0000-00-00", "9" * 99]
)
def test_other_texts_are_no_moments(text: str) -> None:
    with pytest.raises(BadRequest, match="startDate"):
        read_instant(text, "startDate")


def test_durations_are_read_within_limits() -> None:
    assert read_duration("PT1.5S", "x") == 1_500_000
    assert read_duration("P1D", "x") == 86_400 * SECOND
    for text in ("", "P", "-PT1S", "P99999999D", "P999999999999D", "soon"):
        with pytest.raises(BadRequest, match="timeout"):
            read_duration(text, "timeout")


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (read_instant, read_duration):
        try:
            read(text, "x")
        except BadRequest:
            continue


def test_a_period_has_a_first_date() -> None:
    assert checked_start(0, "x") == 0
    with pytest.raises(BadRequest, match="startDate: the period begins before the year 2"):
        checked_start(read_instant("0001-12-31T23:59:59Z", "x"), "startDate")
