"""Tags: if, for, set, macro, block, filter; their scopes."""

import pytest

from tests.expressions.evaluate import fails, text

CONTEXT = {
    "two": [1, 2],
    "list": ["a", "b", "c"],
    "map": {"x": 1, "y": 2},
    "none": None,
    "empty": [],
    "word": "abc",
    "inputs": {"n": 5},
}

CASES = [
    ("{% if inputs.n > 3 %}many{% endif %}", "many"),
    ("{% if inputs.n > 9 %}a{% elseif inputs.n > 4 %}b{% else %}c{% endif %}", "b"),
    ("{% if inputs.n > 9 %}a{% elseif inputs.n > 8 %}b{% else %}c{% endif %}", "c"),
    ("{% if inputs.n > 9 %}a{% endif %}", ""),
    ("{% if 'false' %}text{% endif %}", "text"),
    ("{% if 0 %}a{% else %}b{% endif %}", "b"),
    ("{% for x in list %}{{ x }}{% endfor %}", "abc"),
    ("{% for x in list %}{{ loop.index }}{{ loop.revindex }},{% endfor %}", "02,11,20,"),
    (
        "{% for x in list %}{{ loop.first }}{{ loop.last }},{% endfor %}",
        "truefalse,falsefalse,falsetrue,",
    ),
    ("{% for x in list %}{{ loop.length }}{% endfor %}", "333"),
    ("{% for e in map %}{{ e.key }}={{ e.value }};{% endfor %}", "x=1;y=2;"),
    ("{% for e in map %}{{ e }} {% endfor %}", "x=1 y=2 "),
    ("{% for e in map %}{{ e.getKey() }}{% endfor %}", "xy"),
    ("{% for x in empty %}x{% else %}none{% endfor %}", "none"),
    ("{% for x in none %}x{% else %}none{% endfor %}", ""),
    ("{% for x in 1..3 %}{% for y in 1..2 %}{{ x * y }}{% endfor %} {% endfor %}", "12 24 36 "),
    (
        "{% for a in two %}{% for b in two %}{{ loop.index }}{% endfor %}{{ loop.last }}{%endfor%}",
        "01false01true",
    ),
    ("{% set a = 1 %}{{ a }}{% set a = a + 1 %}{{ a }}", "12"),
    ("{% set n = 0 %}{% for x in list %}{% set n = n + 1 %}{% endfor %}{{ n }}", "3"),
    ("{% for x in 1..2 %}{% set s = (s ?? '') ~ x %}{{ s }} {% endfor %}", "1 12 "),
    ("{% for x in 1..2 %}{% set inner = x %}{% endfor %}{{ inner ?? 'gone' }}", "gone"),
    ("{% for inputs in list %}{{ inputs }}{% endfor %}{{ inputs.n }}", "abc5"),
    ("{% for x in list %}{% endfor %}{{ x ?? 'gone' }}", "gone"),
    ("{% if true %}{% set a = 1 %}{% endif %}{{ a }}", "1"),
    (
        "{% macro m(a, b='x') %}[{{ a }}{{ b }}]{% endmacro %}{{ m('1') }}{{ m('1', '2') }}",
        "[1x][12]",
    ),
    ("{{ m(b=2, a=1) }}{% macro m(a, b) %}{{ a }}{{ b }}{% endmacro %}", "12"),
    ("{% macro m(a) %}{{ a is null }}{% endmacro %}{{ m() }}", "true"),
    ("{% macro m(a) %}{{ inputs.n ?? 'alone' }}{% endmacro %}{{ m(1) }}", "alone"),
    ("{% macro m(a) %}{{ a }}{% endmacro %}{{ m('x') | upper }}", "X"),
    ("{% macro a() %}A{% endmacro %}{% macro b() %}{{ a() }}B{% endmacro %}{{ b() }}", "AB"),
    (
        "{% macro m(n) %}{{ n }}{% if n > 0 %}{{ m(n - 1) }}{% endif %}{% endmacro m %}{{ m(3) }}",
        "3210",
    ),
    ("{% block 'title' %}T{% endblock %}-{{ block('title') }}", "T-T"),
    ('{% block title %}{{ inputs.n }}{% endblock title %}{{ block("title") }}', "55"),
    ("{{ block('later') }}{% block later %}L{% endblock %}", "LL"),
    ("{% filter upper %}a{{ inputs.n }}b{% endfilter %}", "A5B"),
    ("{% filter upper | trim %}  a {% endfilter %}", "A"),
    ("{% filter replace({'a': 'b'}) %}banana{% endfilter %}", "bbnbnb"),
]


@pytest.mark.parametrize(("template", "expected"), CASES)
def test_renders(template: str, expected: str) -> None:
    assert text(template, CONTEXT) == expected


ERRORS = [
    ("{% set inputs = 1 %}", "variable of the execution"),
    ("{% for x in word %}{% endfor %}", "not over a text"),
    ("{% for x in 5 %}{% endfor %}", "not over a number"),
    ("{% if none %}{% endif %}", "not null"),
    ("{% if list %}{% endif %}", "not a list"),
    ("{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", "position 2"),
    ("{% macro m(a) %}{% endmacro %}{{ m(c=2) }}", "named argument does not exist: c"),
    ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "calls inside each other"),
    ("{{ block('nope') }}", "no block `nope`"),
    ("{% block b %}{{ block('b') }}{% endblock %}", "calls inside each other"),
    ("{{ nope() }}", "Function or Macro [nope] does not exist"),
    ("{{ 1 | nope }}", "Filter [nope] does not exist"),
    ("{{ 1 is nope }}", "Test [nope] does not exist"),
    ("{{ 'a' | uper }}", "did you mean `upper`?"),
]


@pytest.mark.parametrize(("template", "message"), ERRORS)
def test_fails(template: str, message: str) -> None:
    error = fails(template, CONTEXT)
    assert message in error.message
    assert error.line == 1


def test_unknown_names_in_branches_not_taken_do_no_harm() -> None:
    assert text("{{ true ? 1 : nope() }}{% if false %}{{ x | nope }}{% endif %}") == "1"


def test_a_missing_variable_caught_outside_leaves_scopes_as_they_were() -> None:
    template = "{% block b %}{% for x in [1] %}{{ x.y }}{% endfor %}{% endblock %}"
    lead = "{{ block('b') ?? 'd' }}{% set a = 1 %}{{ a }}{% if false %}"
    assert text(f"{lead}{template}{{% endif %}}") == "d1"


def test_errors_name_the_line_of_the_tag() -> None:
    assert fails("a\n{% for x in [1] %}\n\n{{ 1 / 0 }}{% endfor %}").line == 4
    assert fails("a\n\n{% if null %}{% endif %}").line == 3
    assert fails("\n{% set x = 1 / 0 %}").line == 2
