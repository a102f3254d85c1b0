"""What a flow's templates use, by part of the flow."""

from app.engine.analysis import flow_references
from tests.engine.harness import flow

FLOW = """
id: f
labels: {team: "{{ inputs.team }}"}
inputs:
  - {id: team, type: STRING}
variables: {greeting: "{{ kv('greeting') }}"}
triggers:
  - id: hook
    type: io.kestra.plugin.core.trigger.Webhook
    key: "{{ secret('HOOK') }}"
tasks:
  - id: seq
    type: io.kestra.plugin.core.flow.Sequential
    tasks:
      - id: a
        description: "{{ inputs.never }}"
        type: io.kestra.plugin.core.log.Log
        message: ["{{ outputs.b.value }}", "{{ broken", "{{ read('x.sql') }}"]
  - id: sub
    type: io.kestra.plugin.core.flow.Subflow
    namespace: shop
    flowId: orders
    inputs: {"{{ inputs.key }}": {deep: ["{{ secret('TOKEN') }}"]}}
  - id: dynamic
    type: io.kestra.plugin.core.flow.Subflow
    namespace: shop
    flowId: "{{ inputs.flow }}"
outputs:
  - {id: o, type: STRING, value: "{{ outputs.a.x ?? vars.greeting }}"}
"""


def test_each_part_has_its_own() -> None:
    found = flow_references(flow(FLOW).flow)
    assert found.flow.inputs == {"team"}
    assert found.flow.kv == {"greeting"}
    assert (found.flow.outputs, found.flow.vars) == ({"a"}, {"greeting"})
    assert found.triggers["hook"].secrets == {"HOOK"}
    assert found.tasks["a"].outputs == {"b"}
    assert found.tasks["a"].files == {"x.sql"}
    assert found.tasks["a"].inputs == set()
    assert found.tasks["seq"].outputs == set()
    assert found.tasks["sub"].flows == {"shop.orders"}
    assert found.tasks["sub"].inputs == {"key"}
    assert found.tasks["sub"].secrets == {"TOKEN"}
    assert found.tasks["dynamic"].flows == set()
    assert found.tasks["dynamic"].inputs == {"flow"}
