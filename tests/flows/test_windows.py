"""Windows of time: where they lie, what is remembered in them, when they are over."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.flows.preconditions import TimeWindow
from app.flows.upstream import Window
from app.flows.windows import Frame, current, frame_of, frame_of_second, remembering

NOW = datetime(2024, 5, 1, 10, 37, 12, 500, tzinfo=UTC)


def at(clock: str, day: int = 1) -> datetime:
    return datetime.combine(date(2024, 5, day), time.fromisoformat(clock), UTC)


@pytest.mark.parametrize(
    ("window", "start", "end"),
    [
        ({}, at("00:00"), at("23:59:59.999")),
        ({"window": "PT6H"}, at("10:00"), at("15:59:59.999")),
        ({"window": "PT15M"}, at("10:30"), at("10:44:59.999")),
        ({"window": "PT1H", "windowAdvance": "PT-4H"}, at("06:00"), at("06:59:59.999")),
        ({"window": "PT30S"}, at("10:37:12"), at("10:37:41.999")),
        (
            {"type": "DAILY_TIME_WINDOW", "startTime": "09:00:00", "endTime": "11:00:00"},
            at("09:00"),
            at("11:00"),
        ),
        (
            {"type": "DAILY_TIME_WINDOW", "startTime": "22:00:00", "endTime": "11:00:00"},
            at("22:00", 30).replace(month=4),
            at("11:00"),
        ),
        ({"type": "DAILY_TIME_DEADLINE", "deadline": "09:00:00"}, at("00:00"), at("09:00")),
        ({"type": "SLIDING_WINDOW", "window": "PT1H"}, NOW, NOW + timedelta(hours=1)),
    ],
)
def test_where_windows_lie(window: dict[str, str], start: datetime, end: datetime) -> None:
    assert frame_of(TimeWindow.model_validate(window)).span(NOW) == (start, end)


@pytest.mark.parametrize(
    ("window", "kind"),
    [
        ({"deadline": "09:00:00"}, "daily"),
        ({"from": "08:00:00", "to": "09:00:00"}, "daily"),
        ({"every": "PT1H", "offset": "PT5M"}, "aligned"),
        ({"lookback": "PT1H"}, "lookback"),
        ({}, "always"),
    ],
)
def test_the_second_form(window: dict[str, str], kind: str) -> None:
    assert frame_of_second(Window.model_validate(window)).kind == kind


def test_results_are_forgotten_with_their_window() -> None:
    frame = Frame("aligned", timedelta(hours=1))
    memory = remembering(current(frame, None, NOW), {"a": "x"}, {"a": 1}, NOW)
    assert current(frame, memory, NOW + timedelta(minutes=10)).results == {"a": "x"}
    later = current(frame, memory, NOW + timedelta(minutes=30))
    assert later.results == {}
    assert later.start == at("11:00")


def test_a_deadline_that_has_passed_keeps_nothing() -> None:
    frame = Frame("daily", end=time(9))
    memory = remembering(current(frame, None, NOW), {"a": "x"}, {}, NOW)
    assert memory.results == {}
    assert memory.expired(NOW)


def test_a_lookback_forgets_one_result_after_the_other() -> None:
    frame = Frame("lookback", timedelta(minutes=10))
    memory = remembering(current(frame, None, NOW), {"a": "x"}, {}, NOW)
    later = NOW + timedelta(minutes=6)
    memory = remembering(current(frame, memory, later), {"b": "y"}, {}, later)
    assert set(memory.results) == {"a", "b"}
    assert set(current(frame, memory, NOW + timedelta(minutes=11)).results) == {"b"}


@given(
    st.timedeltas(timedelta(seconds=1), timedelta(days=40)),
    st.datetimes(datetime.fromisoformat("2000-01-01"), datetime.fromisoformat("2090-01-01")),
)
def test_aligned_windows_hold_their_time(length: timedelta, naive: datetime) -> None:
    now = naive.replace(tzinfo=UTC)
    start, end = Frame("aligned", length).span(now)
    assert start <= now
    assert end - start == length - timedelta(milliseconds=1)
