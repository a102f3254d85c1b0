"""Whatever the input: only our errors leave the package, and nothing of Python is reachable."""

import contextlib
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import ExpressionError
from app.expressions import (
    FILTERS,
    FUNCTIONS,
    TESTS,
    Budget,
    Environment,
    Pending,
    compile_template,
    references,
    render_deep,
)

ENV = Environment(budget=Budget(steps=20_000, output_chars=100_000, seconds=0.5))
CONTEXT: dict[str, Any] = {
    "a": {"b": [1, 2.5, {"c": "x"}], "n": None, "big": 2**900},
    "s": "text with {{ 1 }} and 'quotes'",
    "l": [3, 1, 2],
    "d": datetime(2024, 2, 29, tzinfo=UTC),
    "day": date(9999, 12, 31),
    "t": timedelta(days=10**6),
    "dec": Decimal("1e-50"),
    "o": object(),
    "none": None,
}

WORDS = [
    *CONTEXT, "1", "0", "-", "2.5", "99999999999", "'x'", '"y"', '"#{', "}", "#", "true", "null",
    "+", "*", "/", "%", "~", "|", "==", "!=", "<", ">", "<=", "??", "???", "..", "and", "or", "not",
    "is", "is not", "contains", "isIn", "?", ":", "(", ")", "[", "]", "{", ",", ".", "=", "in",
    "if", "for", "endif", "endfor", "else", "elseif", "set", "macro", "endmacro", "block",
    "endblock", "filter", "endfilter", "raw", "endraw", "verbatim", "endverbatim", "loop", "\n",
    "{{", "}}", "{%", "%}", "{#", "#}", "{{-", "-}}", "-%}", "'", '"', "\\", "é", "__class__",
    *FILTERS, *FUNCTIONS, *TESTS,
]  # fmt: skip


def survives(template: str) -> None:
    try:
        compiled = compile_template(template)
        compiled.render(CONTEXT, ENV)
        compiled.value(CONTEXT, ENV)
        references(template)
    except (ExpressionError, Pending):
        pass


@given(st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join))
def test_soup_of_tokens(template: str) -> None:
    survives(template)
    survives(f"{{{{ {template} }}}}")
    survives(f"{{% {template} %}}")


@given(st.binary(max_size=200))
def test_random_bytes(content: bytes) -> None:
    survives(content.decode("latin-1"))
    survives("{{" + content.decode("utf-8", "surrogateescape") + "}}")


@given(st.text(max_size=100))
def test_random_text(template: str) -> None:
    survives(template)
    survives(f"{{{{ {template} }}}}")


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.decimals()
    | st.datetimes(timezones=st.none() | st.timezones())
    | st.dates()
    | st.times()
    | st.timedeltas()
    | st.sampled_from([object(), b"bytes", print, int, 1j]),
    lambda children: (
        st.lists(children, max_size=4)
        | st.dictionaries(st.text(max_size=5) | st.integers() | st.none(), children, max_size=4)
    ),
    max_leaves=10,
)


@given(
    st.sampled_from([*FILTERS]),
    VALUES,
    st.lists(VALUES, max_size=4),
)
def test_filters_with_any_values(name: str, subject: object, arguments: list[object]) -> None:
    names = {f"x{index}": argument for index, argument in enumerate(arguments)}
    given_ = f"({', '.join(names)})" if names else ""
    apply(f"{{{{ v | {name}{given_} }}}}", {"v": subject, **names})


@given(st.sampled_from([*FUNCTIONS]), st.lists(VALUES, max_size=4))
def test_functions_with_any_values(name: str, arguments: list[object]) -> None:
    names = {f"x{index}": argument for index, argument in enumerate(arguments)}
    apply(f"{{{{ {name}({', '.join(names)}) }}}}", names)


@given(
    st.sampled_from(
        ["+", "-", "*", "/", "%", "~", "==", "<", ">=", "..", "??", "and", "contains", "isIn"]
    ),
    VALUES,
    VALUES,
)
def test_operators_with_any_values(operator: str, left: object, right: object) -> None:
    apply(f"{{{{ x {operator} y }}}}", {"x": left, "y": right})
    apply("{{ x[y] }}{{ x is empty }}{{ x | toJson }}{{ not x }}{{ -x }}", {"x": left, "y": right})
    apply("{% for e in x %}{{ e }}{{ e.key }}{{ loop.last }}{% endfor %}", {"x": left})


@given(VALUES)
def test_any_value_prints_or_is_refused(value: object) -> None:
    apply("{{ x }}", {"x": value})
    with contextlib.suppress(ExpressionError):
        render_deep(value, CONTEXT, ENV)


def apply(template: str, context: dict[str, Any]) -> None:
    compiled = compile_template(template)
    for run in (compiled.render, compiled.value):
        with contextlib.suppress(ExpressionError, Pending):
            run(context, ENV)


ESCAPES = [
    "{{ ''.__class__ }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ ''['__class__'] }}",
    "{{ []['__len__'] }}",
    "{{ {}.__init__ }}",
    "{{ s.format(1) }}",
    "{{ s.format_map({}) }}",
    "{{ s.encode }}",
    "{{ d.__reduce__() }}",
    "{{ d.tzinfo }}",
    "{{ d.strftime('%Y') }}",
    "{{ a.pop('b') }}",
    "{{ l.append(1) }}",
    "{{ l.__class__ }}",
    "{{ range.__globals__ }}",
    "{{ now.__wrapped__ }}",
    "{{ self }}",
    "{{ self.__init__ }}",
    "{{ loop }}",
    "{{ config }}",
    "{{ request }}",
    "{{ cycler.__init__ }}",
    "{{ lipsum.__globals__ }}",
    "{{ evaluation }}",
    "{{ environment }}",
    "{{ o.__class__ }}",
    "{{ getattr(s, '__class__') }}",
    "{{ __import__('os') }}",
    "{{ eval('1') }}",
    "{{ open('/etc/passwd') }}",
    "{{ s | attr('__class__') }}",
    "{{ s | map('upper') }}",
    "{{ s | className | __class__ }}",
    "{{ max.__self__ }}",
    "{{ (1).__class__ }}",
    "{{ (1).real }}",
    "{{ true.__class__ }}",
    "{{ null.__class__ }}",
    "{% for k in a.__dict__ %}{{ k }}{% endfor %}",
    "{% set x = s.__class__ %}{{ x }}",
    "{% macro m() %}{{ m.__globals__ }}{% endmacro %}{{ m() }}",
    "{{ s.getClass().forName('java.lang.Runtime') }}",
    "{{ ''.class }}",
    "{{ beans }}",
    "{% import os %}",
    "{% include '/etc/passwd' %}",
    "{% debug %}",
    "#{7*7}{{ [].__iter__() }}",
]


@pytest.mark.parametrize("template", ESCAPES)
def test_nothing_of_python_is_reachable(template: str) -> None:
    with pytest.raises(ExpressionError):
        compile_template(template).render(CONTEXT, ENV)


def test_format_strings_are_only_text() -> None:
    template = "{{ s ~ '%s {0.__class__} ${x}' }}"
    assert compile_template(template).render({"s": "%d "}, ENV) == "%d %s {0.__class__} ${x}"
