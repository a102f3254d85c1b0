"""Where a template uses what, and whether it is guarded or printed."""

import pytest

from app.errors import ExpressionError
from app.expressions import Use, check, is_known, uses


def used(template: str, kind: str) -> dict[str, Use]:
    return {use.name: use for use in uses(template) if use.kind == kind}


def test_places_are_told() -> None:
    template = "one\n  {{ inputs.a }}\n{% if outputs['b'].c %}{{ secret('K') }}{% endif %}"
    assert (used(template, "inputs")["a"].line, used(template, "outputs")["b"].line) == (2, 3)
    assert used(template, "secrets")["K"].column > 20


GUARDED = [
    "{{ inputs.a ?? 'd' }}",
    "{{ inputs.a.b.c ??? 'd' }}",
    "{{ 'x' ?? inputs.a ?? 'd' }}",
    "{{ inputs.a | default('d') }}",
    "{{ inputs.a | upper | default('d') }}",
    "{{ inputs.a is defined }}",
    "{% if inputs.a is defined %}{{ inputs.a }}{% endif %}",
    "{{ inputs.a is not defined ? 'x' : inputs.a }}",
    "{{ (inputs.a ~ 'x') ?? 'd' }}",
]


@pytest.mark.parametrize("template", GUARDED)
def test_guarded(template: str) -> None:
    assert used(template, "inputs")["a"].guarded


UNGUARDED = ["{{ inputs.a }}", "{{ 'd' ?? inputs.a }}", "{{ x | default(inputs.a) }}"]


@pytest.mark.parametrize("template", UNGUARDED)
def test_unguarded(template: str) -> None:
    assert not used(template, "inputs")["a"].guarded


PRINTED = [
    "echo {{ inputs.a }}",
    "echo {{ inputs.a | upper }}",
    "{% if x %}{{ inputs.a ~ 'b' }}{% endif %}",
    "{{ x == 1 ? inputs.a : 'b' }}",
    "{{ x ?? inputs.a }}",
    "{{ inputs.a.b[0] }}",
    "{{ f(inputs.a) }}",
    "{{ \"x #{inputs.a}\" }}",
]  # fmt: skip


@pytest.mark.parametrize("template", PRINTED)
def test_printed(template: str) -> None:
    assert used(template, "inputs")["a"].printed


SILENT = [
    "{% if inputs.a %}x{% endif %}",
    "{{ inputs.a == 1 }}",
    "{{ inputs.a ? 'b' : 'c' }}",
    "{{ inputs.a | sh }}",
    "{{ inputs.a | upper | escapeChar('shell') }}",
    "{{ inputs.a | length }}",
    "{{ inputs.a is empty }}",
    "{{ outputs.x[inputs.a] }}",
    "{% for x in inputs.a %}{% endfor %}",
    "{{ inputs.a and true }}",
]


@pytest.mark.parametrize("template", SILENT)
def test_not_printed(template: str) -> None:
    assert not used(template, "inputs")["a"].printed


def test_files_and_flows() -> None:
    template = (
        "{{ read('a/b.sql') }}{{ fileSize(path='c') }}{{ read('kestra:///x') }}{{ read(x) }}"
        "{{ subflow('ns', 'f') }}{{ subflow(x, 'f') }}"
    )
    assert set(used(template, "files")) == {"a/b.sql", "c"}
    assert set(used(template, "flows")) == {"ns.f"}
    assert set(used(template, "dynamic")) == {"read", "subflow"}


def test_unknown_names() -> None:
    template = (
        "{{ nope() }}{{ x | nofilter }}{{ x is notest }}{% macro m() %}{% endmacro %}{{ m() }}"
    )
    unknown = {(use.kind, use.name) for use in uses(template) if not is_known(use)}
    assert unknown == {("functions", "nope"), ("filters", "nofilter"), ("tests", "notest")}
    known = "{{ now() | upper }}{{ x is empty }}{% block b %}{% endblock %}{{ block('b') }}"
    assert all(is_known(use) for use in uses(known))


def test_check_tells_what_cannot_be_read() -> None:
    assert list(check("plain")) == []
    assert isinstance(check("{{ 1 + }}"), ExpressionError)
    assert isinstance(check("{{ " + "(" * 5_000 + " }}"), ExpressionError)
    assert isinstance(check("{{ x" + ".a" * 50_000 + " }}"), tuple | ExpressionError)
