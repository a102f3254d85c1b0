"""Dates: named formats, Java patterns, reading, zones, adding, timestamps."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.expressions import Environment
from tests.expressions.evaluate import fails, text, value

MOMENT = datetime(2024, 3, 9, 21, 4, 5, 123456, tzinfo=timezone(timedelta(hours=1)))
CONTEXT: dict[str, Any] = {
    "zoned": MOMENT,
    "instant": datetime(2024, 3, 9, 20, 4, 5, 123456, tzinfo=UTC),
    "local": datetime.fromisoformat("2024-03-09T21:04:05"),
    "day": date(2024, 3, 9),
}
PARIS = "timeZone='Europe/Paris'"

FORMATS = [
    ("iso", "2024-03-09T21:04:05.123456+01:00"),
    ("iso_milli", "2024-03-09T21:04:05.123+01:00"),
    ("iso_sec", "2024-03-09T21:04:05+01:00"),
    ("sql", "2024-03-09 21:04:05.123456"),
    ("sql_seq", "2024-03-09 21:04:05"),
    ("iso_date_time", "2024-03-09T21:04:05.123456+01:00[Europe/Paris]"),
    ("iso_zoned_date_time", "2024-03-09T21:04:05.123456+01:00[Europe/Paris]"),
    ("iso_local_date_time", "2024-03-09T21:04:05.123456"),
    ("iso_date", "2024-03-09+01:00"),
    ("iso_local_date", "2024-03-09"),
    ("iso_time", "21:04:05.123456+01:00"),
    ("iso_offset_time", "21:04:05.123456+01:00"),
    ("iso_local_time", "21:04:05.123456"),
    ("iso_instant", "2024-03-09T20:04:05.123456Z"),
    ("iso_ordinal_date", "2024-069+01:00"),
    ("iso_week_date", "2024-W10-6+01:00"),
    ("rfc_1123_date_time", "Sat, 9 Mar 2024 21:04:05 +0100"),
    ("full", "Saturday, March 9, 2024 at 9:04:05\u202fPM Central European Standard Time"),
    ("long", "March 9, 2024 at 9:04:05\u202fPM CET"),
    ("medium", "Mar 9, 2024, 9:04:05\u202fPM"),
    ("short", "3/9/24, 9:04\u202fPM"),
    ("yyyy-MM-dd", "2024-03-09"),
    ("yy M d", "24 3 9"),
    ("y D", "2024 69"),
    ("MMM MMMM MMMMM LLL", "Mar March M Mar"),
    ("E EEEE EEEEE e", "Sat Saturday S 7"),
    ("H HH k h hh K a", "21 21 21 9 09 9 PM"),
    ("m:s S SSS SSSSSSSSS", "4:5 1 123 123456000"),
    ("Q QQ QQQ QQQQ", "1 01 Q1 1st quarter"),
    ("w W YYYY", "10 2 2024"),
    ("A n N", "75845123 123456000 75845123456000"),
    ("X XX XXX x xx Z ZZZZZ", "+01 +0100 +01:00 +01 +0100 +0100 +01:00"),
    ("VV z O OOOO", "Europe/Paris CET GMT+1 GMT+01:00"),
    ("G GGGG", "AD Anno Domini"),
    ("'T' '' [HH]", "T ' 21"),
    ("d/M é", "9/3 é"),
]


@pytest.mark.parametrize(("form", "expected"), FORMATS)
def test_formats(form: str, expected: str) -> None:
    quoted = form.replace('"', '\\"')
    assert text(f'{{{{ zoned | date("{quoted}", {PARIS}) }}}}', CONTEXT) == expected


READ = [
    ("zoned | date(timeZone='Europe/Paris')", "2024-03-09T21:04:05.123456+01:00"),
    ("zoned | date", "2024-03-09T20:04:05.123456Z"),
    ("instant | date('iso_sec', 'UTC')", "2024-03-09T20:04:05Z"),
    (f"local | date('iso_sec', {PARIS})", "2024-03-09T21:04:05+01:00"),
    (f"day | date('iso_sec', {PARIS})", "2024-03-09T12:00:00+01:00"),
    (f"'2024-03-09' | date('iso_sec', {PARIS})", "2024-03-09T00:00:00+01:00"),
    (f"'2024-03-09T10:00' | date('iso_sec', {PARIS})", "2024-03-09T10:00:00+01:00"),
    ("'2024-03-09T10:00Z' | date('iso_sec')", "2024-03-09T10:00:00Z"),
    ("'2024-03-09T10:00:00.123456789+05:30' | date", "2024-03-09T04:30:00.123456Z"),
    ("'2024-07-01T10:00[Europe/Paris]' | date('iso_sec')", "2024-07-01T08:00:00Z"),
    ("1710000000 | date('iso_sec')", "2024-03-09T16:00:00Z"),
    ("'July 4, 2001' | date('yyyy-MM-dd', existingFormat='MMMM d, yyyy')", "2001-07-04"),
    (
        "'4 juil. 2001' | date('sql_seq', existingFormat='d MMM yyyy', locale='fr')",
        "2001-07-04 00:00:00",
    ),
    (
        "'20240309T1005' | date('sql_seq', existingFormat=\"yyyyMMdd'T'HHmm\")",
        "2024-03-09 10:05:00",
    ),
    (
        "'09/03/24 9:05 PM' | date('sql_seq', existingFormat='dd/MM/yy h:mm a')",
        "2024-03-09 21:05:00",
    ),
    ("'2024-069' | date('iso_local_date', existingFormat='yyyy-DDD')", "2024-03-09"),
    (
        "'2024-03-09 10:00 +0200' | date('iso_sec', existingFormat='yyyy-MM-dd HH:mm Z')",
        "2024-03-09T08:00:00Z",
    ),
    (
        "'2024-03-09 10' | date('iso_sec', existingFormat='yyyy-MM-dd[ HH][:mm]')",
        "2024-03-09T10:00:00Z",
    ),
    (
        "'Sat, 9 Mar 2024 20:00:00 GMT' | date('iso_sec', existingFormat='rfc_1123_date_time')",
        "2024-03-09T20:00:00Z",
    ),
    ("zoned | date('EEEE d MMMM', locale='fr_FR')", "samedi 9 mars"),
    ("zoned | date('EEEE', locale='de')", "Samstag"),
    ("zoned | date('EEEE d MMMM yyyy', locale='pl')", "sobota 9 marca 2024"),
    ("zoned | date('d. MMM', locale='sv-SE')", "9. mars"),
    ("zoned | date('short', locale='en_GB')", "09/03/2024, 20:04"),
    ("zoned | date('long', locale='fr-CA')", "9 mars 2024 à 20 h 04 min 05 s Z"),
    ("zoned | date('MMMM', locale='fr_ZZ')", "mars"),
    ("zoned | date('MMMM', locale='JA')", "3月"),
    (
        "'8 września 2013' | date('sql_seq', existingFormat='d MMMM yyyy', locale='pl')",
        "2013-09-08 00:00:00",
    ),
    ("zoned | dateAdd(1500, 'NANOS', 'SSSSSS')", "123457"),
    ("zoned | date('iso_sec', timeZone='+05:30')", "2024-03-10T01:34:05+05:30"),
    ("zoned | date('XXX', timeZone='Z')", "Z"),
    ("zoned | date('VV', timeZone='GMT-2')", "-02:00"),
    ("'2024-01-31' | dateAdd(1, 'MONTHS', 'iso_local_date')", "2024-02-29"),
    ("'2024-02-29' | dateAdd(-1, 'YEARS', format='iso_local_date')", "2023-02-28"),
    ("'2024-02-29' | dateAdd(1, 'weeks', 'iso_local_date')", "2024-03-07"),
    ("'2024-02-29' | dateAdd(1, 'DECADES', 'iso_local_date')", "2034-02-28"),
    ("'2024-03-09T10:00Z' | dateAdd(90, 'MINUTES', 'iso_sec')", "2024-03-09T11:30:00Z"),
    (f"'2024-03-30T12:00' | dateAdd(1, 'DAYS', 'iso_sec', {PARIS})", "2024-03-31T12:00:00+02:00"),
    (f"'2024-03-30T12:00' | dateAdd(24, 'HOURS', 'iso_sec', {PARIS})", "2024-03-31T13:00:00+02:00"),
    ("zoned | timestamp", "1710014645"),
    ("zoned | timestampMilli", "1710014645123"),
    ("zoned | timestampMicro", "1710014645000123456"),
    ("zoned | timestampNano", "1710014645123456000"),
    (f"'2024-03-09 01' | timestamp({PARIS}, existingFormat='yyyy-MM-dd HH')", "1709942400"),
]


@pytest.mark.parametrize(("expression", "expected"), READ)
def test_reads_and_moves(expression: str, expected: str) -> None:
    assert text(f"{{{{ {expression} }}}}", CONTEXT) == expected


ERRORS = [
    "'nonsense' | date",
    "'2024-13-01' | date",
    "'2024-02-30' | date",
    "true | date",
    "1.5 | date",
    "[] | date",
    "99999999999999 | date",
    "zoned | date('bbb')",
    'zoned | date("\'open")',
    "zoned | date('{}')",
    "zoned | date(5)",
    "zoned | date('y', timeZone='Nowhere/City')",
    "zoned | date('y', timeZone='../../etc/passwd')",
    "zoned | date('y', timeZone='Europe')",
    "zoned | date('y', timeZone='+99:00')",
    "zoned | date('y', locale='xx')",
    "zoned | date('y', locale='../../etc/passwd')",
    "zoned | date('y', locale='fr_FR_FR_FR_FR_FR_FR_FR_FR')",
    "'1111111111111111!' | date(existingFormat='" + "[y]" * 40 + "')",
    "'aaaaaaaaaaaaaaaa!' | date(existingFormat='" + "zVV" * 40 + "')",
    "zoned | date('yyyyyyyyyyyyyyyyyyyyyyyyyyy')",
    "'12' | date(existingFormat='HH')",
    "'x' | date(existingFormat='yyyy-MM-dd')",
    "'2024' | date(existingFormat='yyyy[')",
    "zoned | dateAdd(1)",
    "zoned | dateAdd(1, 'FORTNIGHTS')",
    "zoned | dateAdd('a', 'DAYS')",
    "zoned | dateAdd(100000, 'YEARS')",
    "zoned | dateAdd(99999999999, 'DAYS')",
]


@pytest.mark.parametrize("expression", ERRORS)
def test_error(expression: str) -> None:
    fails(f"{{{{ {expression} }}}}", CONTEXT)


def test_now_is_the_clock_of_the_environment() -> None:
    env = Environment(clock=lambda: MOMENT, zone=ZoneInfo("Asia/Tokyo"))
    assert text("{{ now() }}", env=env) == "2024-03-10T05:04:05.123456+09:00"
    assert text("{{ now('yyyy') }}", env=env) == "2024"
    assert text("{{ now(format='iso_sec', timeZone='UTC') }}", env=env) == "2024-03-09T20:04:05Z"


CONDITIONS = [
    ("isDateBefore('2024-01-01T00:00:00Z', '2024-01-01T00:00:00-01:00')", True),
    ("isDateAfter('2024-01-01', '2024-01-01')", False),
    ("isDateBetween(zoned, '2024-03-01T00:00:00Z', '2024-04-01T00:00:00Z')", True),
    ("dayOfWeek('2025-01-06T00:30:00+02:00')", "MONDAY"),
    ("dayOfMonth('2025-01-06')", 6),
    ("monthOfYear(zoned)", 3),
    ("hourOfDay('2025-01-06T14:30:00+02:00')", 14),
    ("isWeekend('2024-03-09')", True),
    ("isWeekend('2024-03-11')", False),
    ("isDayWeekInMonth('2024-03-11', 'MONDAY', 'SECOND')", True),
    ("isDayWeekInMonth('2024-03-25', 'monday', 'LAST')", True),
    ("isDayWeekInMonth('2024-03-18', 'MONDAY', 'LAST')", False),
    ("isDayWeekInMonth('2024-03-12', 'MONDAY', 'SECOND')", False),
    ("isLastWorkingDay('2024-03-29')", True),
    ("isLastWorkingDay('2024-03-31')", False),
    ("isLastWorkingDay('2024-03-30', 'SATURDAY, FRIDAY')", True),
]


@pytest.mark.parametrize(("expression", "expected"), CONDITIONS)
def test_conditions(expression: str, expected: object) -> None:
    assert value(f"{{{{ {expression} }}}}", CONTEXT) == expected
