"""Cron dates: against a clock that is asked second by second, and over the jumps of the clock."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.flows.cron import Cron, parse_cron
from app.flows.cron_dates import next_date, previous_date

PARIS = ZoneInfo("Europe/Paris")
ZONES = st.sampled_from(
    [UTC, PARIS, *map(ZoneInfo, ("America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"))]
)
CRONS = st.builds(
    "{} {} {} {} {}".format,
    st.sampled_from(["*", "0", "30", "*/15", "5,50", "59"]),
    st.sampled_from(["*", "2", "*/6", "1-3", "0,23"]),
    st.sampled_from(["*", "1", "29", "31", "10-12"]),
    st.sampled_from(["*", "3", "10-11", "FEB"]),
    st.sampled_from(["*", "SUN", "1-5", "0,6"]),
).map(parse_cron)
# Around the days on which the clocks of these zones jump, and any other day.
INSTANTS = st.one_of(
    st.datetimes(datetime.fromisoformat("2024-03-29"), datetime.fromisoformat("2024-04-08")),
    st.datetimes(datetime.fromisoformat("2024-10-04"), datetime.fromisoformat("2024-11-04")),
    st.datetimes(datetime.fromisoformat("2000-01-01"), datetime.fromisoformat("2090-01-01")),
).map(lambda naive: naive.replace(tzinfo=UTC))


def shows(cron: Cron, there: datetime) -> bool:
    """Whether the clock shows a time that the expression allows."""
    days = there.day in cron.days, there.isoweekday() % 7 in cron.weekdays
    on_day = all(days) if cron.any_day or cron.any_weekday else any(days)
    in_day = there.hour in cron.hours and there.minute in cron.minutes
    return there.month in cron.months and on_day and in_day and there.second in cron.seconds


@given(CRONS, INSTANTS, ZONES)
def test_dates_are_what_the_clock_shows(cron: Cron, after: datetime, zone: ZoneInfo) -> None:
    found = next_date(cron, after, zone)
    if found is None:
        return
    assert found > after
    there = found.astimezone(zone)
    before = (found.astimezone(UTC) - timedelta(seconds=1)).astimezone(zone)
    jumped = before.utcoffset() != there.utcoffset()
    assert shows(cron, there) or jumped  # the end of a gap stands for what lay in it
    assert there.fold == 0  # a time that is shown twice counts once


@given(CRONS, INSTANTS, ZONES)
def test_previous_and_next_are_each_others_inverse(
    cron: Cron, after: datetime, zone: ZoneInfo
) -> None:
    first = next_date(cron, after, zone)
    second = None if first is None else next_date(cron, first, zone)
    if first is not None and second is not None:
        assert previous_date(cron, second, zone) == first


@given(CRONS, INSTANTS, ZONES)
def test_no_date_is_left_out(cron: Cron, after: datetime, zone: ZoneInfo) -> None:
    """Minute by minute over five hours: what the clock shows first is a date."""
    after = after.replace(second=0, microsecond=0)
    found, seen = set(), after
    while (date := next_date(cron, seen, zone)) and date <= after + timedelta(hours=5):
        found.add(date.astimezone(UTC))
        seen = date
    for minute in range(1, 301):
        instant = after + timedelta(minutes=minute)
        there = instant.astimezone(zone)
        if shows(cron, there) and not there.fold:
            assert instant in found


@pytest.mark.parametrize(
    ("text", "after", "dates"),
    [
        ("30 2 * * *", "2024-03-30T12:00", ["2024-03-31T03:00+02:00", "2024-04-01T02:30+02:00"]),
        ("*/20 2 * * *", "2024-03-30T12:00", ["2024-03-31T03:00+02:00", "2024-04-01T02:00+02:00"]),
        ("30 2 * * *", "2024-10-26T12:00", ["2024-10-27T02:30+02:00", "2024-10-28T02:30+01:00"]),
        ("0 0 13 * FRI", "2024-05-01T00:00", ["2024-05-03T00:00+02:00", "2024-05-10T00:00+02:00"]),
        ("0 0 29 2 *", "2025-01-01T00:00", ["2028-02-29T00:00+01:00", "2032-02-29T00:00+01:00"]),
        ("@monthly", "2024-05-05T00:00", ["2024-06-01T00:00+02:00", "2024-07-01T00:00+02:00"]),
    ],
)
def test_dates_in_paris(text: str, after: str, dates: list[str]) -> None:
    date = datetime.fromisoformat(after).replace(tzinfo=PARIS)
    for wanted in dates:
        found = next_date(parse_cron(text), date, PARIS)
        assert found is not None
        assert found.isoformat(timespec="minutes") == wanted
        date = found


def test_some_expressions_have_no_dates() -> None:
    never = parse_cron("0 0 30 2 *")
    assert next_date(never, datetime(2024, 1, 1, tzinfo=UTC), UTC) is None
    assert previous_date(never, datetime(2024, 1, 1, tzinfo=UTC), UTC) is None


def test_seconds() -> None:
    cron = parse_cron("*/20 * * * * *", with_seconds=True)
    first = next_date(cron, datetime(2024, 1, 1, 0, 0, 30, 5, tzinfo=UTC), UTC)
    assert first == datetime(2024, 1, 1, 0, 0, 40, tzinfo=UTC)
