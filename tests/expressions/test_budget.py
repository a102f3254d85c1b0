"""Budgets: what is too much is refused before it is made, and quickly."""

import resource
import time

import pytest

from app.expressions import Budget, Environment, compile_template
from tests.expressions.evaluate import fails, text

BIG = "x" * 1_000_000
CONTEXT = {
    "big": BIG,
    "list": list(range(1000)),
    "word": "abc",
    "vars": {"self": "{{ render(vars.self) }}"},
}

HOSTILE = [
    "{{ 1..1000000000000 }}",
    "{{ range(0, 9999999999, 1) }}",
    "{{ range(9999999999, 0, -1) }}",
    "{{ ([1..900000] + [1..900000]) }}{{ 1..900000 }}",
    "{{ big.repeat(1000000) }}",
    "{{ word | indent(99999999999, 'aaaa') }}",
    "{{ word | nindent(1000000000) }}",
    "{{ 'a\nb' | indent(99999999) }}",
    "{{ big | replace({'x': big}) }}",
    "{{ big | replace({'x': '$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0'}, regexp=true) }}",
    "{{ big | regexReplace('', big) }}",
    "{{ list | join(big) }}",
    "{{ nanoId(99999999) }}",
    "{{ 1 | numberFormat('" + "0" * 5000 + "') }}",
    "{{ '1e99999' | number('BIGDECIMAL') }}",
    "{{ 1 | date('" + "yyyy" * 1000 + "') }}",
    "{% set s = 'ab' %}{% for i in 1..60 %}{% set s = s ~ s %}{% endfor %}{{ s }}",
    "{% set s = 'ab' %}{% for i in 1..60 %}{% set s = s + s %}{% endfor %}{{ s }}",
    "{% set l = [1] %}{% for i in 1..60 %}{% set l = l + l %}{% endfor %}{{ l }}",
    "{% set l = [1] %}{% for i in 1..60 %}{% set l = [l, l] %}{% endfor %}{{ l }}",
    "{% set l = [1] %}{% for i in 1..60 %}{% set l = [l, l] %}{% endfor %}{{ l | toJson }}",
    "{% set l = [1] %}{% for i in 1..60 %}{% set l = [l, l] %}{% endfor %}{{ l ~ '' }}",
    "{% set l = [1] %}{% for i in 1..60 %}{% set l = [l, l] %}{% endfor %}{{ l | yaml }}",
    "{% set l = [1] %}{% for i in 1..60 %}{% set l = [l, l] %}{% endfor %}{{ l | toIon }}",
    "{% set l = [1] %}{% for i in 1..60 %}{% set l = [l, l] %}{% endfor %}{{ l | sh }}",
    "{% set l = 1 %}{% for i in 1..60 %}{% set l = [l, l] %}{% endfor %}{{ l | replace({1: 2}) }}",
    "{% set l = [1] %}{% for i in 1..60 %}{% set l = [l, l] %}{% endfor %}{{ render(l) }}",
    "{% set l = 1 %}{% set m = 1 %}{% for i in 1..60 %}"  # noqa: ISC004 - one long template
    "{% set l = [l, l] %}{% set m = [m, m] %}{% endfor %}{{ l == m }}",
    "{% set n = 2 %}{% for i in 1..60 %}{% set n = n * n %}{% endfor %}{{ n }}",
    "{% for a in 1..2000 %}{% for b in 1..2000 %}{% endfor %}{% endfor %}",
    "{% for a in 1..2000 %}{% for b in 1..1000 %}{{ big }}{% endfor %}{% endfor %}",
    "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
    "{{ render(vars.self) }}",
    "{% for i in 1..100000 %}{{ render('{' ~ '{ i }' ~ '}') }}{% endfor %}",
    "{{ big | split('') | join(',') | split('') | join(',') | split('') }}",
]


def _peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@pytest.mark.parametrize("template", HOSTILE)
def test_too_much_is_refused(template: str) -> None:
    started, before = time.monotonic(), _peak_kib()
    fails(template, CONTEXT)
    assert _peak_kib() - before < 300_000
    assert time.monotonic() - started < 10


def test_time_is_limited() -> None:
    env = Environment(budget=Budget(steps=10**12, seconds=0.05))
    started = time.monotonic()
    error = fails(
        "{% for a in 1..100000 %}{% for b in 1..100000 %}{% endfor %}{% endfor %}", {}, env
    )
    assert "seconds" in error.message
    assert time.monotonic() - started < 5


def test_growing_passes_are_refused() -> None:
    fails("{{ render(a) }}", {"a": "{{ a }}{{ a }}"})


def test_many_values_of_the_context_cannot_grow_the_output() -> None:
    template = "{{ big }}" * 50
    assert "longer than" in fails(template, CONTEXT).message
    assert len(text("{{ big }}" * 5, CONTEXT)) == 5 * len(BIG)


def test_budgets_are_per_evaluation() -> None:
    env = Environment(budget=Budget(steps=250))
    template = compile_template("{% for a in 1..100 %}{{ a }}{% endfor %}")
    assert template.render({}, env) == template.render({}, env)
    fails("{% for a in 1..200 %}{% endfor %}", {}, env)


def test_ordinary_work_fits_the_default_budget() -> None:
    rows = [{"id": number, "name": f"row {number}"} for number in range(5_000)]
    template = (
        "{% for r in rows %}{% if r.id % 2 == 0 %}{{ r.name | upper }};{% endif %}{% endfor %}"
    )
    assert len(text(template, {"rows": rows})) > 20_000
    assert len(text("{{ rows | toJson }}", {"rows": rows})) > 100_000
    assert len(text("{{ big | upper | lower }}", CONTEXT)) == len(BIG)


DEEP = [
    "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "{{ " + "[" * 5000 + "]" * 5000 + " }}",
    "{{ " + "{'a':" * 5000 + "1" + "}" * 5000 + " }}",
    "{{ " + "-" * 5000 + "1 }}",
    "{{ " + "not " * 5000 + "1 }}",
    "{{ " + "a ? " * 5000 + "1 }}",
    "{{ " + "1 ? 1 : " * 5000 + "1 }}",
    "{{ " + "a[" * 5000 + "1" + "]" * 5000 + " }}",
    "{{ a" + ".a" * 5000 + " }}",
    "{{ a" + "[0]" * 5000 + " }}",
    "{{ a" + " | upper" * 5000 + " }}",
    "{{ a" + " is null" * 5000 + " }}",
    "{{ " + "f(" * 5000 + ")" * 5000 + " }}",
    "{{ 1" + " + 1" * 5000 + " }}",
    "{{ " + '"#{' * 5000 + "1" + '}"' * 5000 + " }}",
    "{% if true %}" * 5000 + "{% endif %}" * 5000,
    "{% for a in b %}" * 5000,
    "{% if a %}" + "{% elseif b %}" * 5000 + "{% endif %}",
    "{{ 1 }}" * 60_000,
]


@pytest.mark.parametrize("template", DEEP, ids=range(len(DEEP)))
def test_deep_templates_are_refused_or_read(template: str) -> None:
    fails(template, {"a": None})
