"""`checks`: what an execution is about to start with may forbid it."""

import pytest

from app.errors import Invalid
from app.executions import State
from tests.engine.harness import Engine, flow

CHECKED = """
    id: checked
    inputs:
      - {id: n, type: INT}
    checks:
      - {condition: "{{ inputs.n > 0 }}", message: "{{ inputs.n }} is too small"}
      - {when: "{{ inputs.n < 10 }}", message: large, behavior: FAIL_EXECUTION, style: WARNING}
      - {condition: "{{ inputs.n != 5 }}", message: five, behavior: CREATE_EXECUTION}
    tasks:
      - {id: a, type: core.debug.Return, format: "x"}
    afterExecution:
      - {id: b, type: core.debug.Return, format: "{{ execution.state }}"}
"""


@pytest.mark.parametrize(("n", "state"), [(1, "SUCCESS"), (5, "SUCCESS"), (11, "FAILED")])
async def test_the_checks_decide(n: int, state: str) -> None:
    async with Engine(flow(CHECKED)) as engine:
        made = await engine.create(inputs={"n": n})
        execution = await engine.until(made, lambda each: each.over)
    assert execution.state == state
    assert execution.reason == ("large" if state == "FAILED" else None)
    assert ("/a" in execution.task_runs) == (state == "SUCCESS")
    assert execution.task_runs["/b"].outputs == {"value": state}


async def test_the_strictest_check_wins_and_nothing_is_created() -> None:
    async with Engine(flow(CHECKED.replace("< 10", "< -10"))) as engine:
        with pytest.raises(Invalid, match="-1 is too small"):
            await engine.create(inputs={"n": -1})
        assert engine.journal.events == {}


async def test_a_check_that_cannot_be_evaluated_blocks() -> None:
    source = CHECKED.replace("inputs.n < 10", "inputs.unknown.thing")
    async with Engine(flow(source)) as engine:
        with pytest.raises(Invalid, match="Failed to evaluate"):
            await engine.create(inputs={"n": 1})


async def test_a_subflow_that_is_blocked_fails_its_task() -> None:
    parent = flow("""
        id: parent
        tasks:
          - {id: sub, type: core.flow.Subflow, namespace: tests, flowId: checked, inputs: {n: 0}}
    """)
    async with Engine(parent, flow(CHECKED)) as engine:
        execution = await engine.run("parent")
    assert execution.state is State.FAILED
    assert "too small" in (execution.task_runs["/sub"].error or "")
