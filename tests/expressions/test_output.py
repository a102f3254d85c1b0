"""What is printed of every kind of value, and what native values templates give."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.executions import State
from app.expressions import render_deep, truthy
from app.expressions.java_numbers import Float32
from tests.expressions.evaluate import DEFAULT, fails, text, value

PARIS = ZoneInfo("Europe/Paris")

PRINTED: list[tuple[Any, str]] = [
    (None, ""),
    (True, "true"),
    (100, "100"),
    (-(2**70), str(-(2**70))),
    (1.0, "1.0"),
    (0.1, "0.1"),
    (1e7, "1.0E7"),
    (9999999.0, "9999999.0"),
    (123456789.125, "1.23456789125E8"),
    (1e-3, "0.001"),
    (1e-4, "1.0E-4"),
    (-0.0, "-0.0"),
    (float("nan"), "NaN"),
    (float("-inf"), "-Infinity"),
    (Float32(0.1), "0.1"),
    (Float32(1.123), "1.123"),
    (Decimal("1E+3"), "1000"),
    (Decimal("1.50"), "1.50"),
    ("text", "text"),
    ([1, "a", None, 1.5, True], '[1,"a",null,1.5,true]'),
    ((1, 2), "[1,2]"),
    ({1}, "[1]"),
    ({"a": 1, "b": None, "c": [None]}, '{"a":1,"c":[null]}'),
    ({1: "x", 1.5: "y"}, '{"1":"x","1.5":"y"}'),
    ({"a": {"b": {}}, "c": []}, '{"a":{"b":{}},"c":[]}'),
    (
        {"a": 'quote " back \\ slash / tab \t é \x01'},
        '{"a":"quote \\" back \\\\ slash / tab \\t é \\u0001"}',
    ),
    ({"n": float("nan"), "f": 1e10, "g": Float32(0.1)}, '{"n":"NaN","f":1.0E10,"g":0.1}'),
    (datetime(2013, 9, 8, 16, 19, tzinfo=timezone(timedelta(hours=2))), "2013-09-08T16:19+02:00"),
    (datetime(2013, 9, 8, 16, 19, 12, tzinfo=PARIS), "2013-09-08T16:19:12+02:00[Europe/Paris]"),
    (datetime(2013, 9, 8, 14, 19, tzinfo=UTC), "2013-09-08T14:19:00Z"),
    (datetime(2013, 9, 8, 14, 19, 1, 500000, tzinfo=UTC), "2013-09-08T14:19:01.500Z"),
    (datetime.fromisoformat("2013-09-08T14:19:00.000001"), "2013-09-08T14:19:00.000001"),
    (date(2013, 9, 8), "2013-09-08"),
    (time(9, 5), "09:05"),
    (timedelta(seconds=5), "PT5S"),
    (timedelta(days=1, minutes=1, microseconds=500000), "PT24H1M0.5S"),
    (timedelta(), "PT0S"),
    ([datetime(2013, 9, 8, 16, 19, tzinfo=PARIS)], '["2013-09-08T16:19:00+02:00"]'),
    ([datetime(2013, 9, 8, 14, 19, 0, 120000, tzinfo=UTC)], '["2013-09-08T14:19:00.120Z"]'),
    ([timedelta(seconds=90), Decimal("1E+2"), State.SUCCESS], '["PT1M30S",100,"SUCCESS"]'),
    (State.FAILED, "FAILED"),
]


@pytest.mark.parametrize(("given", "printed"), PRINTED)
def test_prints(given: object, printed: str) -> None:
    assert text("{{ x }}", {"x": given}) == printed
    assert text("[{{ x }}]", {"x": given}) == f"[{printed}]"


NATIVE: list[tuple[str, Any]] = [
    ("{{ x }}", {"a": [1]}),
    ("{{ x.a[0] + 1 }}", 2),
    ("{{ none }}", None),
    ("{{ 1.5 }}", 1.5),
    ("{{ true }}", True),
    ("a{{ x.a }}b", "a[1]b"),
    ("{{ 1 }}{{ 2 }}", "12"),
    ("{% if true %}1{% endif %}", "1"),
    (" {{ 1 }}", " 1"),
    ("text", "text"),
]


@pytest.mark.parametrize(("template", "expected"), NATIVE)
def test_native_value(template: str, expected: object) -> None:
    result = value(template, {"x": {"a": [1]}})
    assert result == expected
    assert type(result) is type(expected)


def test_state_compares_with_text() -> None:
    context = {"execution": {"state": State.FAILED}}
    assert text("{{ execution.state == 'FAILED' }}", context) == "true"
    assert text("{{ execution.state ~ '!' }}", context) == "FAILED!"


TRUTH = [
    (None, False),
    ("", False),
    ("false", False),
    ("0", False),
    ("-0", False),
    ("0.0", True),
    ("False", True),
    (" ", True),
    ("null", True),
    ("[]", True),
    ("no", True),
    ("true", True),
]


@pytest.mark.parametrize(("given", "expected"), TRUTH)
def test_truth(given: str | None, expected: bool) -> None:
    assert truthy(given) is expected


def test_deep_rendering() -> None:
    template = {
        "{{ k }}": ["{{ n }}", {"x": "{{ k }}{{ n }}"}],
        "same": 1,
        "number": 5,
        "flag": False,
        "nothing": None,
        "plain": "as { it } is",
    }
    rendered = render_deep(template, {"k": "same", "n": 1}, DEFAULT)
    assert rendered == {
        "same": ["1", {"x": "same1"}],
        "number": 5,
        "flag": False,
        "nothing": None,
        "plain": "as { it } is",
    }


def test_deep_rendering_keeps_order_and_the_first_of_equal_keys() -> None:
    rendered = render_deep({"b": 1, "{{ 'a' }}": 2, "a": 3}, {}, DEFAULT)
    assert list(rendered.items()) == [("b", 1), ("a", 2)]


def test_values_nested_too_deeply_are_refused() -> None:
    deep: object = 1
    for _ in range(500):
        deep = [deep]
    assert "nested" in str(fails("{{ x }}", {"x": deep}))
    assert "nested" in str(fails("{{ x ~ '' }}", {"x": deep}))
    assert "nested" in str(fails("{{ x == y }}", {"x": deep, "y": [deep[0]]}))  # type: ignore[index]  # a list
