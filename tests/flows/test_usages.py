"""What templates use, against what the flow has: warnings with a place, and secrets refused."""

import pytest

from app.expressions import check, is_known
from app.flows.parse import parse_entry, parse_flow
from app.flows.tasks import Task
from app.flows.usages import Analyser
from app.plugins.registry import Registry

ANALYSER = Analyser(check, is_known)
TYPES = Registry.load()

FLOW = """id: f
namespace: n
inputs:
  - {id: name, type: STRING}
  - {id: count, type: INT}
  - {id: db.host, type: STRING, required: false}
tasks:
  - id: first
    type: io.kestra.plugin.core.debug.Return
    format: "%s"
  - id: my-task
    type: io.kestra.plugin.core.log.Log
    message: done
"""


def warned(template: str, source: str = FLOW) -> list[str]:
    """Return code, message and way out of what is found in a flow with a template."""
    parsed = parse_flow(source % template, types=TYPES, check=ANALYSER)
    assert parsed.flow is not None, parsed.problems
    return [f"{each.code}: {each.message} ({each.fix})" for each in parsed.problems]


FINE = [
    "{{ inputs.name }}{{ inputs.db.host }}{{ inputs['count'] }}",
    "{{ outputs['my-task'].x }}{{ outputs.first.value }}",
    "{{ inputs.other ?? 'd' }}{{ outputs.other is defined }}{{ inputs.zz | default(1) }}",
    "{{ outputs[taskrun.value] }}{{ inputs[vars.x] }}",
    "{% raw %}{{ inputs.other }}{% endraw %}",
    "{% for inputs in [] %}{{ inputs.other }}{% endfor %}",
]


@pytest.mark.parametrize("template", FINE)
def test_fine(template: str) -> None:
    assert warned(template) == []


NO_TASK = "UNKNOWN_OUTPUT: There is no task `{}` whose outputs could be used ({})"
UNREADABLE = "EXPRESSION: The expression cannot be read: expected an expression but found `}}` ()"

WARNED = [
    ("{{ inputs.nam }}", 'UNKNOWN_INPUT: There is no input `nam` (did you mean "name"?)'),
    ("{{ inputs.zz }}{{ inputs.zz }}", "UNKNOWN_INPUT: There is no input `zz` ()"),
    ("{{ inputs.host }}", 'UNKNOWN_INPUT: There is no input `host` (did you mean "db.host"?)'),
    ("{{ outputs.frist.value }}", NO_TASK.format("frist", 'did you mean "first"?')),
    ("{{ outputs.my-task }}", NO_TASK.format("my", "write outputs['my-task']")),
    ("{{ nope() }}", "UNKNOWN_FUNCTION: There is no function `nope` ()"),
    ("{{ 1 | nope }}", "UNKNOWN_FUNCTION: There is no filter `nope` ()"),
    ("{{ 1 is nope }}", "UNKNOWN_FUNCTION: There is no test `nope` ()"),
    ("{{ 1 + }}", UNREADABLE),
]


@pytest.mark.parametrize(("template", "expected"), WARNED)
def test_warned(template: str, expected: str) -> None:
    assert warned(template) == [expected]


def test_the_place_is_the_one_in_the_document() -> None:
    source = FLOW.replace('"%s"', "|\n      a\n      b {{ inputs.none }}")
    (problem,) = parse_flow(source, types=TYPES, check=ANALYSER).problems
    assert (problem.code, problem.path, problem.line) == ("UNKNOWN_INPUT", "tasks[0].format", 12)
    assert problem.column > 6


def test_generated_tasks_have_outputs() -> None:
    source = """id: f
namespace: n
tasks:
  - id: each
    type: io.kestra.plugin.core.flow.ForEachItem
    items: kestra:///x
    flowId: g
    namespace: n
  - id: log
    type: io.kestra.plugin.core.log.Log
    message: "%s"
"""
    assert warned("{{ outputs.each_merge.subflowOutputs }}{{ outputs.each_items.x }}", source) == []
    assert len(warned("{{ outputs.each_other.x }}", source)) == 1


def test_templated_tasks_may_have_any_id() -> None:
    source = """id: f
namespace: n
tasks:
  - id: t
    type: io.kestra.plugin.core.templating.TemplatedTask
    spec: "type: io.kestra.plugin.core.log.Log"
  - id: log
    type: io.kestra.plugin.core.log.Log
    message: "%s"
"""
    assert warned("{{ outputs.anything.x }}", source) == []


SCRIPT = """id: f
namespace: n
inputs:
  - {id: name, type: STRING}
  - {id: count, type: INT}
tasks:
  - id: s
    type: io.kestra.plugin.scripts.shell.Commands
    env: {NAME: "{{ inputs.name }}"}
    commands:
      - "%s"
"""

TAME = [
    "echo $NAME",
    "echo {{ inputs.count }}",
    "echo '{{ inputs.name | sh }}'",
    "echo {{ inputs.name | length }}",
    "{% if inputs.name == 'x' %}echo{% endif %}",
    "echo {{ outputs.s.vars }}",
]


@pytest.mark.parametrize("command", TAME)
def test_commands_that_nobody_can_change(command: str) -> None:
    assert warned(command, SCRIPT) == []


@pytest.mark.parametrize(
    "command", ["echo {{ inputs.name }}", "echo {{ 'a' ~ inputs.name | upper }}"]
)
def test_inputs_in_scripts_are_told(command: str) -> None:
    (found,) = warned(command, SCRIPT)
    assert found.startswith("SCRIPT_INJECTION: The text of the input `name` becomes part")


SCHEDULE = """
triggers:
  - id: {}
    type: io.kestra.plugin.core.trigger.Schedule
    cron: "@daily"
"""
CONDITION = """
    conditions:
      - type: io.kestra.plugin.core.condition.Expression
        expression: "{{ secret('X') == 'y' }}"
"""

REFUSED = [
    ("labels: {a: \"{{ secret('X') }}\"}", "labels.a"),
    (SCHEDULE.format("t").rstrip() + CONDITION, "triggers[0].conditions[0].expression"),
    (SCHEDULE.format("t{{ secret('X') }}"), "triggers[0].id"),
]


@pytest.mark.parametrize(("more", "path"), REFUSED)
def test_secrets_where_everybody_sees_them_are_refused(more: str, path: str) -> None:
    parsed = parse_flow(FLOW.replace("%s", "x") + more, types=TYPES, check=ANALYSER)
    assert parsed.flow is None
    assert path in {problem.path for problem in parsed.errors}


def test_secrets_in_triggers_themselves_are_fine() -> None:
    more = (
        "triggers:\n  - id: t\n    type: io.kestra.plugin.core.trigger.Webhook\n"
        "    key: \"{{ secret('X') }}\""
    )
    parsed = parse_flow(FLOW.replace("%s", "x") + more, types=TYPES, check=ANALYSER)
    assert parsed.problems == ()


def test_single_entries_know_nothing_of_the_flow() -> None:
    source = "id: t\ntype: io.kestra.plugin.core.log.Log\nmessage: '{{ inputs.x }}{{ no() }}'"
    parsed = parse_entry(source, Task, types=TYPES, check=ANALYSER)
    assert [each.code for each in parsed.problems] == ["UNKNOWN_FUNCTION"]
