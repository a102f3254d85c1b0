"""Property values: text, durations, dynamic values and their coercion."""

import contextlib
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, TypeAdapter, ValidationError

from app.flows.durations import format_duration, parse_duration
from app.flows.model import Model
from app.flows.times import format_instant, format_time, parse_date, parse_instant, parse_time
from app.flows.values import Duration, Dynamic, Text, coerce, dynamic_fields, is_template


class Example(Model):
    """A model with properties of every kind."""

    plain: Text = Field("x", max_length=5, pattern="^[a-z0-9.]*$", description="Text.")
    uri: Dynamic[str] = Field("u", description="Dynamic text.")
    count: Dynamic[int] = Field(1, ge=0, description="Dynamic number.")
    wait: Dynamic[Duration] | None = Field(None, description="Dynamic duration.")
    flag: Annotated[Dynamic[bool], Field(description="Dynamic boolean.")] = False
    level: Dynamic[Literal["A", "B"]] = Field("A", description="Dynamic choice.")
    lines: Dynamic[list[str] | str] = Field("x", description="Dynamic text or texts.")
    env: Dynamic[dict[str, str]] | None = Field(None, description="Dynamic map.")
    codes: Dynamic[list[int]] | None = Field(None, description="Dynamic list.")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PT30S", timedelta(seconds=30)),
        ("P1D", timedelta(days=1)),
        ("P1DT2H3M4.5S", timedelta(days=1, hours=2, minutes=3, seconds=4.5)),
        ("PT-4H", timedelta(hours=-4)),
        ("-PT4H", timedelta(hours=-4)),
        ("pt0.25s", timedelta(milliseconds=250)),
        ("PT0,25S", timedelta(milliseconds=250)),
        ("PT-0.5S", timedelta(milliseconds=-500)),
        ("30", timedelta(seconds=30)),
        ("0.5", timedelta(milliseconds=500)),
        (30, timedelta(seconds=30)),
        (0.5, timedelta(milliseconds=500)),
    ],
)
def test_durations(text: str | float, expected: timedelta) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "P1Y", "P1W", "P1M", "PT1", "1H", "P1DT", "x", "PT1S2M", "٣", "9" * 19]
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@pytest.mark.parametrize("value", ["P999999999999D", "9" * 18, 1e300, float("nan"), float("inf")])
def test_a_duration_beyond_the_limits(value: Any) -> None:
    with pytest.raises(ValueError):
        parse_duration(value)


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(), "PT0S"),
        (timedelta(days=1), "PT24H"),
        (timedelta(hours=8, minutes=6, seconds=12.345), "PT8H6M12.345S"),
        (timedelta(hours=-4), "PT-4H"),
        (timedelta(seconds=-1.5), "PT-1.5S"),
        (timedelta(minutes=1), "PT1M"),
    ],
)
def test_durations_are_printed_as_java_does(duration: timedelta, text: str) -> None:
    assert format_duration(duration) == text


@given(st.timedeltas())
def test_a_printed_duration_is_read_back(duration: timedelta) -> None:
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("2019-10-06T18:27:49Z", "2019-10-06T18:27:49Z"),
        ("2019-10-06T18:27Z", "2019-10-06T18:27:00Z"),
        ("2019-10-06T18:27:49.5Z", "2019-10-06T18:27:49.500Z"),
        ("2019-10-06T18:27:49.000250Z", "2019-10-06T18:27:49.000250Z"),
        ("2019-10-06T18:27:49+02:00", "2019-10-06T16:27:49Z"),
        ("2019-10-06T18:27:49-0500", "2019-10-06T23:27:49Z"),
        ("2019-10-06T18:27:49+02:00[Europe/Paris]", "2019-10-06T16:27:49Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
    ],
)
def test_instants(text: str, printed: str) -> None:
    assert format_instant(parse_instant(text)) == printed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Z",
        "2019-10-06",
        "2019-10-06T18:27:49",
        "2019-13-06T18:27:49Z",
        "2019-10-06T25:00:00Z",
        "0001-01-01T00:00:00+12:00",
        "2019-10-06 18:27:49Z",
        "2019-10-06T18:27:49+99:99",
    ],
)
def test_what_is_no_instant(text: str) -> None:
    with pytest.raises(ValueError, match="could not be parsed"):
        parse_instant(text)


def test_dates_and_times() -> None:
    assert parse_date("2024-02-29") == date(2024, 2, 29)
    assert parse_time("10:30") == time(10, 30)
    assert parse_time("10:30:15.123456789") == time(10, 30, 15, 123456)
    assert format_time(time(10, 30)) == "10:30"
    assert format_time(time(10, 30, 5, 500_000)) == "10:30:05.500"


@pytest.mark.parametrize("text", ["2023-02-29", "20240101", "", "2024-1-1"])
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(ValueError, match="could not be parsed"):
        parse_date(text)


@pytest.mark.parametrize("text", ["24:00", "1:30", "", "10:30:61", "10:30Z"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="could not be parsed"):
        parse_time(text)


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_printed_instant_is_read_back(moment: datetime) -> None:
    assert parse_instant(format_instant(moment)) == moment


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("{{ x }}", True),
        ("a {% if x %}b{% endif %}", True),
        ("{ x }", False),
        ("", False),
        (3, False),
        (["a", ["{{ b }}"]], True),
        ({"a": {"{{ k }}": 1}}, True),
        ({"a": ["b", 1, None]}, False),
    ],
)
def test_templates_are_seen_anywhere(value: Any, expected: bool) -> None:
    assert is_template(value) is expected


def test_templates_are_kept_and_others_validated() -> None:
    example = Example(
        uri="{{ u }}",
        count="{{ n }}",
        wait="{{ w }}",
        flag="{{ f }}",
        level="{{ l }}",
        lines=["{{ a }}"],
        env={"{{ k }}": "v"},
        codes="{{ c }}",
    )
    kept = example.model_dump(mode="json")
    assert (kept["count"], kept["wait"], kept["codes"]) == ("{{ n }}", "{{ w }}", "{{ c }}")
    assert kept["env"] == {"{{ k }}": "v"}


@pytest.mark.parametrize(
    ("values", "location"),
    [
        ({"count": "x"}, ("count",)),
        ({"count": -1}, ("count",)),
        ({"wait": "soon"}, ("wait",)),
        ({"level": "C"}, ("level",)),
        ({"codes": ["x"]}, ("codes", 0)),
        ({"plain": "abcdef"}, ("plain",)),
        ({"plain": "A"}, ("plain",)),
        ({"plain": [1]}, ("plain",)),
        ({"wait": True}, ("wait",)),
    ],
)
def test_what_holds_no_template_is_validated_at_once(
    values: dict[str, Any], location: tuple[str, ...]
) -> None:
    with pytest.raises(ValidationError) as caught:
        Example(**values)
    assert caught.value.errors()[0]["loc"] == location


def test_numbers_and_booleans_are_taken_by_their_text() -> None:
    example = Example(plain=1.5, uri=True, lines=[1, False], env={"a": 1})
    assert (example.plain, example.uri) == ("1.5", "true")
    assert (example.lines, example.env) == (["1", "false"], {"a": "1"})


def test_dynamic_fields_are_found() -> None:
    assert set(dynamic_fields(Example)) == {
        "uri", "count", "wait", "flag", "level", "lines", "env", "codes",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "rendered", "value"),
    [
        ("uri", 3, "3"),
        ("uri", "{{ never rendered twice }}", "{{ never rendered twice }}"),
        ("count", "3", 3),
        ("count", 3, 3),
        ("wait", "PT1S", timedelta(seconds=1)),
        ("wait", 2, timedelta(seconds=2)),
        ("wait", None, None),
        ("wait", "", None),
        ("wait", " \n", None),
        ("wait", "null", None),
        ("flag", "true", True),
        ("flag", "false", False),
        ("level", "B", "B"),
        ("lines", "[1]", "[1]"),
        ("lines", ["a", 1], ["a", "1"]),
        ("env", '{"a": 1}', {"a": "1"}),
        ("codes", "[1, 2]", [1, 2]),
        ("codes", " [1,\n 2] ", [1, 2]),
        ("codes", '["1"]', [1]),
        ("codes", ["1", 2], [1, 2]),
    ],
)
def test_rendered_values_are_coerced(name: str, rendered: Any, value: Any) -> None:
    assert coerce(dynamic_fields(Example)[name], rendered) == value


@pytest.mark.parametrize(
    ("name", "rendered"),
    [
        ("count", "x"),
        ("count", "{{ x }}"),
        ("count", ""),
        ("count", "null"),
        ("wait", "soon"),
        ("level", "C"),
        ("codes", "[" * 100_000),
        ("codes", '"text"'),
        ("codes", "{}"),
        ("env", "[]"),
        ("uri", {}),
    ],
)
def test_what_cannot_be_coerced(name: str, rendered: Any) -> None:
    with pytest.raises(ValidationError):
        coerce(dynamic_fields(Example)[name], rendered)


def test_constraints_hold_for_rendered_values() -> None:
    with pytest.raises(ValidationError):
        coerce(dynamic_fields(Example)["count"], "-1")


@given(st.sampled_from(sorted(dynamic_fields(Example))), st.text(max_size=30))
def test_coercion_only_raises_its_error(name: str, rendered: str) -> None:
    adapter: TypeAdapter[Any] = dynamic_fields(Example)[name]
    with contextlib.suppress(ValidationError):
        coerce(adapter, rendered)
