"""Functions: numbers, identifiers, formats, rendering of texts, outputs of loops."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from app.executions import State
from app.expressions import Environment
from tests.expressions.evaluate import fails, text, value

CONTEXT: dict[str, Any] = {
    "none": None,
    "vars": {
        "greeting": "Hello {{ inputs.name }}",
        "twice": "{{ vars.greeting }}!",
        "map": {"{{ 'k' }}": ["{{ inputs.name }}", 1]},
    },
    "inputs": {"name": "Ada", "data": "{{ inputs.name }}"},
    "envs": {"home": "/h", "blank": ""},
    "yaml": "a: 1\nb: [x, ~, 1.5, true, 2024-01-01, '7', 0x10]\nc: &c {d: e}\nf: *c\n",
    "outputs": {
        "fetch": {"a": {"x": {"body": 1}, "y": {"body": 2}}, "b": {"x": {"body": 3}}},
        "count": {"x": {"value": 10}, "y": {"value": 20}},
        "loop": [{"outputs": {"n": 1}}, {"outputs": {}}, {}],
        "up": {"done": True},
    },
    "taskrun": {"value": "y", "iteration": 1},
    "parents": [{"taskrun": {"value": "a"}}],
    "task": {"id": "count"},
    "tasks": {
        "one": {"state": State.FAILED},
        "two": {"v": {"state": "FAILED"}, "w": {"state": "SUCCESS"}},
        "three": {"state": "success"},
    },
}

VALUES = [
    ("max(1, 3, 2)", 3),
    ("min(1.5, 1, 2)", 1),
    ("max(none, 1)", 1),
    ("max()", None),
    ("max('a', 'b')", "b"),
    ("range(1, 3)", [1, 2, 3]),
    ("range(0, 10, 5)", [0, 5, 10]),
    ("range(start='a', end='c')", ["a", "b", "c"]),
    ("fromJson('{\"a\": [1, 2.5, null, true]}')", {"a": [1, 2.5, None, True]}),
    ("json('[1]')[0]", 1),
    ("fromJson(none)", None),
    ("yaml(yaml).b", ["x", None, 1.5, True, "2024-01-01", "7", 16]),
    ("yaml(yaml).f.d", "e"),
    ("yaml('')", None),
    ("yaml(none)", None),
    ("fromIon('{a: 1, b: \"x\"}').a", 1),
    ("fromIon('1 2 3', allRows=true)", [1, 2, 3]),
    ("fromIon('')", None),
    ("fromIon(none)", None),
    ("env('home')", "/h"),
    ("env('blank', 'd')", "d"),
    ("env('nope', default='d')", "d"),
    ("randomInt(5, 6)", 5),
    ("randomInt(5, 5)", 5),
    ("uuid().length()", 36),
    ("id().length()", 22),
    ("ksuid().length()", 27),
    ("nanoId().length()", 21),
    ("nanoId(5, 'a')", "aaaaa"),
    ("printContext().inputs.name", "Ada"),
    ("vars.greeting", "Hello {{ inputs.name }}"),
    ("render(vars.greeting)", "Hello Ada"),
    ("render(vars.twice)", "Hello Ada!"),
    ("renderOnce(vars.twice)", "Hello {{ inputs.name }}!"),
    ("render(vars.twice, recursive=false)", "Hello {{ inputs.name }}!"),
    ("render(toRender=vars.map)", {"k": ["Ada", 1]}),
    ("render([1, 'a', none])", [1, "a", None]),
    ("render(5)", 5),
    ("render(none)", None),
    ("render('{% raw %}{{ x }}{% endraw %}')", "{{ x }}"),
    ("render(inputs.data)", "Ada"),
    ("render('{{ 1 + }}') ?? 'never'", None),
    ("currentEachOutput(outputs.fetch).body", 2),
    ("loopOutputs(outputs.loop, 'n')", [1, None, None]),
    (
        "tasksWithState('failed')",
        [{"taskId": "one", "state": "FAILED"}, {"taskId": "two", "state": "FAILED", "value": "v"}],
    ),
]


@pytest.mark.parametrize(("expression", "expected"), VALUES)
def test_value(expression: str, expected: object) -> None:
    if "never" in expression:
        assert "expected an expression" in str(fails(f"{{{{ {expression} }}}}", CONTEXT))
        return
    assert value(f"{{{{ {expression} }}}}", CONTEXT) == expected


ERRORS = [
    "max(1, 'a')",
    "max(a=1)",
    "range(1)",
    "fromJson()",
    "fromJson(1)",
    "fromJson('{')",
    "yaml('a: [')",
    "yaml('a: *b')",
    "yaml('a: &x [*x]')",
    "fromIon('{a 1}')",
    "fromIon('[1')",
    "randomInt(1)",
    "randomInt('1', '2')",
    "randomInt(5, 1)",
    "nanoId(5000)",
    "nanoId(1, '')",
    "uuid(1)",
    "render()",
    "render('a', 'yes')",
    "currentEachOutput(1)",
    "currentEachOutput({})",
    "loopOutputs(1, 'a')",
    "tasksWithState()",
    "parentOutput(7)",
]


@pytest.mark.parametrize("expression", ERRORS)
def test_error(expression: str) -> None:
    fails(f"{{{{ {expression} }}}}", CONTEXT)


def test_identifiers_differ() -> None:
    assert text("{{ id() }}") != text("{{ id() }}")
    assert re.fullmatch(r"[0-9A-Za-z]{22}", text("{{ id() }}"))


def test_render_sees_variables_of_the_template() -> None:
    nested = {"t": "{{ x }}-{{ y }}-{{ loop.index }} "}
    body = "{% for x in 1..2 %}{% set y = x * 10 %}{{ render(t) }}{% endfor %}"
    assert text(body, nested) == "1-10-0 2-20-1 "


def test_iteration_output() -> None:
    flat = {**CONTEXT, "parents": []}
    assert value("{{ iterationOutput() }}", flat) == 10
    assert value("{{ iterationOutput('count', 1) }}", flat) == 20
    assert value("{{ iterationOutput('nope') }}", flat) is None
    fails("{{ iterationOutput('count', 5) }}", flat)
    fails("{{ iterationOutput() }}", {**flat, "taskrun": {}})


def test_parent_output() -> None:
    parents = [{"taskrun": {"value": "x"}, "task": {"id": "count"}}, {"outputs": {"top": 1}}]
    context = {**CONTEXT, "parents": parents, "parent": parents[0]}
    assert value("{{ parentOutput() }}", context) == {"value": 10}
    assert value("{{ parentOutput(0).top }}", context) == 1


def test_recursive_rendering_of_old_servers() -> None:
    env = Environment(recursive=True)
    context = {"a": "{{ b }}", "b": "{{ c }}", "c": "end", "raw": "{% raw %}{{ a }}{% endraw %}"}
    assert text("{{ a }}", context, env) == "end"
    assert text("{{ raw }} {{ a }}", context, env) == "{{ a }} end"
    assert value("{{ a }}", context, env) == "end"
    assert "[render] does not exist" in str(fails("{{ render(a) }}", context, env))


def test_rendering_without_end_is_refused() -> None:
    loop = {"a": "{{ b }}", "b": "{{ a }}"}
    assert "Too many rendering attempts" in str(fails("{{ render(a) }}", loop))
    nested = {"vars": {"a": "{{ render(vars.b) }}", "b": "{{ render(vars.a) }}"}}
    assert "inside each other" in str(fails("{{ render(vars.a) }}", nested))
    growing = {"a": "{{ a }}{{ a }}"}
    fails("{{ render(a) }}", growing)


ION = [
    ("null", None),
    ("null.int", None),
    ("true", True),
    ("-12", -12),
    ("0x1F", 31),
    ("0b101", 5),
    ("1_000", 1000),
    ("1.5", Decimal("1.5")),
    ("15d-1", Decimal("1.5")),
    ("1.5e0", 1.5),
    ("nan", None),
    ("+inf", float("inf")),
    ('"a\\"b\\n\\x41\\u00e9"', 'a"b\nAé'),
    ("'''long ''' '''text'''", "long text"),
    ("symbol", "symbol"),
    ("'quoted symbol'", "quoted symbol"),
    ("2024-03-09", date(2024, 3, 9)),
    ("2024T", date(2024, 1, 1)),
    ("2024-03T", date(2024, 3, 1)),
    ("2024", 2024),
    ("2024-03-09T10:00:01.5Z", datetime(2024, 3, 9, 10, 0, 1, 500000, tzinfo=UTC)),
    ('ZonedDateTime::"2024-03-09T10:00:00Z"', datetime(2024, 3, 9, 10, tzinfo=UTC)),
    ('LocalDate::"2024-03-09"', date(2024, 3, 9)),
    ("other::5", 5),
    ("[1, [2], {a: 3, 'b c': 4, \"d\": 5,}]", [1, [2], {"a": 3, "b c": 4, "d": 5}]),
    ("(1 a (2))", [1, "a", [2]]),
    ("{{ aGVsbG8= }}", "aGVsbG8="),
    ("// comment\n/* more */ 1", 1),
]


@pytest.mark.parametrize(("ion", "expected"), ION)
def test_reads_ion(ion: str, expected: object) -> None:
    result = value("{{ fromIon(x) }}", {"x": ion})
    if ion == "nan":
        assert result != result
    else:
        assert result == expected
        assert type(result) is type(expected)


WRITTEN = [
    ({"a": 1, "b c": "x", "null": None}, "{a:1,'b c':\"x\",'null':null}"),
    ([1.5, 2.0, 1e10, True], "[1.5e0,2e0,1.0E10,true]"),
    (Decimal("1.50"), "1.50"),
    (Decimal(5), "5."),
    ('a\n"b', '"a\\n\\"b"'),
    (date(2024, 3, 9), 'LocalDate::"2024-03-09"'),
    (datetime(2024, 3, 9, tzinfo=UTC), 'ZonedDateTime::"2024-03-09T00:00:00Z"'),
]


@pytest.mark.parametrize(("given", "expected"), WRITTEN)
def test_writes_ion(given: object, expected: str) -> None:
    assert text("{{ x | toIon }}", {"x": given}) == expected


YAML = [
    ("text", "text\n"),
    (1, "1\n"),
    (None, "null\n"),
    ([], "[]\n"),
    ({}, "{}\n"),
    ("true", '"true"\n'),
    ("12", '"12"\n'),
    ("a: b", '"a: b"\n'),
    ("- a", '"- a"\n'),
    ("", '""\n'),
    ("a\nb", "|-\n  a\n  b\n"),
    ("a\nb\n", "|\n  a\n  b\n"),
    ("a\x01", '"a\\u0001"\n'),
    (["x", 1], " - x\n - 1\n"),
    (
        {"a": 1, "b": None, "c": {"d": [1, {"e": 2, "f": 3}]}},
        "a: 1\nc:\n  d:\n   - 1\n   - e: 2\n     f: 3\n",
    ),
    ({"k y": "l1\nl2", "z": []}, "k y: |-\n  l1\n  l2\nz: []\n"),
    ([[1, 2], []], " -  - 1\n    - 2\n - []\n"),
]


@pytest.mark.parametrize(("given", "expected"), YAML)
def test_writes_yaml(given: object, expected: str) -> None:
    written = text("{{ x | yaml }}", {"x": given})
    assert written == expected
    if given not in (None, {}) and not (isinstance(given, dict) and None in given.values()):
        assert value("{{ yaml(x | yaml) }}", {"x": given}) == given
