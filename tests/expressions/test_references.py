"""What static analysis finds in templates."""

import pytest

from app.errors import ExpressionError
from app.expressions import references


def test_finds_what_is_used() -> None:
    found = references(
        {
            "uri": "{{ inputs.host }}/{{ outputs.first.body['x'] }}?{{ vars.q | urlencode }}",
            "{{ labels.team }}": ["{{ secret('TOKEN') }}", "{{ kv(key='k') ?? trigger.date }}"],
            "number": 5,
            "plain": "no { template",
        }
    )
    assert found.inputs == {"host"}
    assert found.outputs == {"first"}
    assert found.vars == {"q"}
    assert found.labels == {"team"}
    assert found.secrets == {"TOKEN"}
    assert found.kv == {"k"}
    assert found.functions == {"secret", "kv"}
    assert found.filters == {"urlencode"}
    assert found.names == {"inputs", "outputs", "vars", "labels", "trigger"}
    assert found.dynamic == set()


def test_finds_names_in_every_tag() -> None:
    found = references(
        "{% for x in outputs.list.items %}{% if x > inputs.limit %}{{ x }}{% else %}"
        "{{ loop.index }}{% endif %}{% endfor %}{% set y = vars['v'] %}{{ y }}"
        "{% macro m(a, b=inputs.d) %}{{ a }}{% endmacro %}{{ m(inputs.e) }}"
        '{% filter upper %}{{ envs.x }}{% endfilter %}{{ "#{inputs.f}" }}'
    )
    assert found.outputs == {"list"}
    assert found.inputs == {"limit", "d", "e", "f"}
    assert found.vars == {"v"}
    assert found.names == {"outputs", "inputs", "vars", "envs"}
    assert found.functions == set()
    assert found.filters == {"upper"}


@pytest.mark.parametrize(
    ("template", "dynamic"),
    [
        ("{{ outputs[taskrun.value] }}", {"outputs"}),
        ("{{ secret(inputs.key) }}", {"secret"}),
        ("{{ render(vars.x) }}", {"render"}),
        ("{{ kv('a' ~ 'b') }}", {"kv"}),
        ("{{ outputs['a'][0] }}", set()),
    ],
)
def test_tells_what_is_only_known_at_run_time(template: str, dynamic: set[str]) -> None:
    assert references(template).dynamic == dynamic


def test_unreadable_templates_are_errors() -> None:
    with pytest.raises(ExpressionError):
        references(["{{ 1 + }}"])
