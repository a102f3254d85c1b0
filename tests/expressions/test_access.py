"""Attributes, items and methods: what exists, what is missing, what is refused."""

from collections import ChainMap
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.errors import MissingVariable
from tests.expressions.evaluate import fails, text, value

PARIS = datetime(2024, 2, 29, 13, 5, 6, 789000, tzinfo=ZoneInfo("Europe/Paris"))
CONTEXT: dict[str, Any] = {
    "map": {"a": {"b": 1}, "my-key": 2, "1": "one", "keys": "own", "size": "mine"},
    "numbered": {1: "one"},
    "list": ["x", "y", "z"],
    "nested": [{"id": "n0"}, {"id": "n1"}],
    "word": "Hello World",
    "date": PARIS,
    "instant": datetime(2024, 1, 1, tzinfo=UTC),
    "duration": timedelta(hours=25),
    "key": "a",
    "index": 1,
    "proxy": MappingProxyType({"a": MappingProxyType({"b": 2})}),
    "none": None,
}

FOUND = [
    ("map.a.b", 1),
    ("map['a']['b']", 1),
    ("map[key].b", 1),
    ("map['my-key']", 2),
    ("map['1']", "one"),
    ("map.keys", "own"),
    ("map.size", "mine"),
    ("map.size()", 5),
    ("numbered[1]", "one"),
    ("proxy.a.b", 2),
    ("list[0]", "x"),
    ("list['1']", "y"),
    ("list[index]", "y"),
    ("nested[index].id", "n1"),
    ("list.size", 3),
    ("list.first", "x"),
    ("list.getLast()", "z"),
    ("list.get(1)", "y"),
    ("list.indexOf('z')", 2),
    ("list.subList(0, 2)", ["x", "y"]),
    ("list.isEmpty()", False),
    ("map.get('nope')", None),
    ("map.getOrDefault('nope', 7)", 7),
    ("map.containsKey('a')", True),
    ("map.keySet().size()", 5),
    ("numbered.values()", ["one"]),
    ("numbered.entrySet()[0].value", "one"),
    ("word.length", 11),
    ("word.length()", 11),
    ("word.empty", False),
    ("word.toUpperCase()", "HELLO WORLD"),
    ("word.substring(6)", "World"),
    ("word.substring(0, 5)", "Hello"),
    ("word.replace('l', 'L')", "HeLLo WorLd"),
    ("word.replaceAll('(o)', '<$1>')", "Hell<o> W<o>rld"),
    ("word.replaceFirst('o', '0')", "Hell0 World"),
    ("word.split(' ')", ["Hello", "World"]),
    ("word.split('o', 2)", ["Hell", " World"]),
    ("word.startsWith('He')", True),
    ("word.matches('H.*d')", True),
    ("word.equalsIgnoreCase('hello world')", True),
    ("word.indexOf('W')", 6),
    ("word.charAt(4)", "o"),
    ("word.concat('!')", "Hello World!"),
    ("word.repeat(2)", "Hello WorldHello World"),
    ("'  x '.trim()", "x"),
    ("'abc'.length", 3),
    ("date.year", 2024),
    ("date.getMonthValue()", 2),
    ("date.month", "FEBRUARY"),
    ("date.dayOfWeek", "THURSDAY"),
    ("date.hour", 13),
    ("date.nano", 789000000),
    ("date.plusDays(1).getDayOfMonth()", 1),
    ("date.plusYears(1).getDayOfMonth()", 28),
    ("date.minusHours(14).getDayOfMonth()", 28),
    ("date.isAfter(instant)", True),
    ("instant.epochSecond", 1704067200),
    ("instant.toEpochMilli()", 1704067200000),
    ("duration.toHours()", 25),
    ("duration.seconds", 90000),
    ("(1).toString()", "1"),
    ("list.toString()", "[x, y, z]"),
]


@pytest.mark.parametrize(("expression", "expected"), FOUND)
def test_found(expression: str, expected: object) -> None:
    assert value(f"{{{{ {expression} }}}}", CONTEXT) == expected


MISSING = [
    "map.nope",
    "map.a.b.c",
    "map['nope']",
    "map[none]",
    "map[true]",
    "list[3]",
    "list[-1]",
    "list['x']",
    "list.nope",
    "none.a",
    "none['a']",
    "none.size()",
    "word.nope",
    "date.nope",
    "word.__class__",
    "list.append",
    "map.__class__.__mro__",
    "date.tzinfo",
    "nested.id",
]


@pytest.mark.parametrize("expression", MISSING)
def test_missing(expression: str) -> None:
    with pytest.raises(MissingVariable):
        text(f"{{{{ {expression} }}}}", CONTEXT)
    assert text(f"{{{{ {expression} ?? 'd' }}}}", CONTEXT) == "d"


REFUSED = [
    "map[1]",
    "word.nope()",
    "word.length(1)",
    "word.format('x')",
    "word.encode()",
    "word.__class__()",
    "word.getClass()",
    "list.append(1)",
    "list.get(9)",
    "word.substring(20)",
    "word.substring(3, 1)",
    "word.charAt(99)",
    "[].first()",
    "date.replace(1)",
    "word.repeat(100000000)",
]


@pytest.mark.parametrize("expression", REFUSED)
def test_refused(expression: str) -> None:
    error = fails(
        f"{{{{ ({expression}) }}}}" if expression[0] != "[" else "{{ ([]).first() }}", CONTEXT
    )
    assert not isinstance(error, MissingVariable)


def test_any_mapping_is_a_context() -> None:
    context = ChainMap({"a": {"b": 1}}, {"c": 2})
    assert text("{{ a.b }}{{ c }}", context) == "12"
    assert value("{{ a.b }}", context) == 1


def test_strange_objects_are_refused() -> None:
    context = {"thing": object()}
    assert "type object" in str(fails("{{ thing }}", context))
    with pytest.raises(MissingVariable):
        text("{{ thing.__class__ }}", context)


def test_what_is_missing_is_told_when_somebody_asks() -> None:
    error = fails("one\n{{ inputs.a.b }}", {"inputs": {}})
    assert isinstance(error, MissingVariable)
    shown = "Unable to find `a` used in the expression `{{ inputs.a.b }}` at line 2"
    assert (error.message, str(error), error.line) == (shown, shown, 2)
    assert error.details == {"line": 2, "column": error.column}
    inner = fails("{{ render(vars.t) }}", {"vars": {"t": "{{ inputs.a }}"}, "inputs": {}})
    assert isinstance(inner, MissingVariable)
    assert "in the rendered text: Unable to find `a`" in inner.message
    assert text("{{ render(vars.t) ?? 'd' }}", {"vars": {"t": "{{ x }}"}}) == "d"
