"""Pauses and approvals: before, how they end, what follows."""

from typing import Any

import pytest

from app.errors import Invalid
from app.executions import Execution, State
from tests.engine.harness import Engine, flow, states


def moments(execution: Execution, path: Any) -> list[str]:
    return [moment.state.value for moment in execution.task_runs[path].histories]


async def paused(engine: Engine, **new: Any) -> str:
    made = await engine.create(**new)
    await engine.until(made, lambda execution: execution.state is State.PAUSED)
    return made


@pytest.mark.parametrize(
    ("end", "state", "run", "after"),
    [
        ("pauseDuration: PT0.02S", "SUCCESS", "SUCCESS", True),
        ("pauseDuration: PT0.02S, behavior: WARN", "WARNING", "WARNING", True),
        ("pauseDuration: PT0.02S, behavior: FAIL", "FAILED", "FAILED", False),
        ("pauseDuration: PT0.02S, behavior: CANCEL", "CANCELLED", "CANCELLED", False),
        ("timeout: PT0.02S", "FAILED", "FAILED", False),
        ("delay: '{{ \"PT0.02S\" }}'", "SUCCESS", "SUCCESS", True),
    ],
)
async def test_a_pause_ends_by_itself(end: str, state: str, run: str, after: bool) -> None:
    loaded = flow(f"""
        id: ending
        tasks:
          - id: group
            type: core.flow.Sequential
            tasks:
              - {{id: pause, type: core.flow.Pause, {end}}}
          - {{id: after, type: core.debug.Return, format: x}}
    """)
    async with Engine(loaded) as engine:
        execution = await engine.run()
    assert execution.state is State(state)
    assert execution.task_runs["/group/pause"].state is State(run)
    assert ("/after" in execution.task_runs) is after
    expected = ["CREATED", "RUNNING", "PAUSED", run]
    if run == "SUCCESS":
        expected.insert(3, "RUNNING")
    assert moments(execution, "/group/pause") == expected


async def test_a_task_runs_before_the_pause() -> None:
    loaded = flow("""
        id: telling
        tasks:
          - id: pause
            type: core.flow.Pause
            onPause: {id: tell, type: core.debug.Return, format: "please"}
          - id: again
            type: core.flow.Pause
            onPause: [{id: fails, type: core.execution.Fail}]
    """)
    async with Engine(loaded) as engine:
        made = await paused(engine)
        assert states(engine.journal.execution(made)) == {
            "/pause": "PAUSED", "/pause/tell": "SUCCESS",
        }  # fmt: skip
        await engine.commands.resume("main", made)
        execution = await engine.end(made)
    assert states(execution)["/again"] == "FAILED"


APPROVAL = """
    id: asking
    tasks:
      - id: ask
        type: core.flow.Approval
        {more}
        inputs: [{{id: budget, type: INT, defaults: 5}}]
        onWait: [{{id: wait, type: core.debug.Return, format: x}}]
        onApprove:
          - id: approved
            type: core.debug.Return
            format: "{{{{ outputs.ask.inputs.budget ?? '-' }}}}"
        onDeny: [{{id: denied, type: core.debug.Return, format: "{{{{ outputs.ask.comment }}}}"}}]
      - {{id: after, type: core.debug.Return, format: "{{{{ outputs.ask.decision }}}}"}}
"""


async def decided(more: str, inputs: dict[str, Any]) -> Execution:
    async with Engine(flow(APPROVAL.format(more=more))) as engine:
        made = await paused(engine)
        await engine.commands.resume("main", made, inputs)
        return await engine.end(made)


async def test_an_approval_goes_on() -> None:
    execution = await decided("approveBehavior: CONTINUE", {"budget": 7})
    assert execution.state is State.SUCCESS
    assert execution.task_runs["/ask/approved"].outputs == {"value": "7"}
    assert execution.task_runs["/after"].outputs == {"value": "APPROVED"}
    outputs = execution.task_runs["/ask"].outputs or {}
    assert outputs["auto"] is False
    assert outputs["url"].endswith(execution.id)
    execution = await decided("approveBehavior: SUCCEED", {})
    assert execution.state is State.SUCCESS
    assert "/after" not in execution.task_runs


async def test_a_denial_cancels_unless_told_otherwise() -> None:
    denial = {"decision": "DENIED", "comment": "too much"}
    execution = await decided("commentRequired: ON_DENY", denial)
    assert execution.state is State.CANCELLED
    assert execution.task_runs["/ask/denied"].outputs == {"value": "too much"}
    assert execution.task_runs["/ask"].state is State.CANCELLED
    execution = await decided("denyBehavior: WARN", denial)
    assert execution.state is State.WARNING
    assert execution.task_runs["/after"].outputs == {"value": "DENIED"}
    execution = await decided("commentRequired: ON_DENY", {"decision": "DENIED"})
    assert "needs a comment" in (execution.task_runs["/ask"].error or "")


async def test_an_approval_expires_or_comes_at_once() -> None:
    async with Engine(flow(APPROVAL.format(more="timeout: PT0.01S"))) as engine:
        execution = await engine.run()
    assert execution.state is State.CANCELLED
    assert (execution.task_runs["/ask"].outputs or {})["decision"] == "EXPIRED"
    async with Engine(flow(APPROVAL.format(more="autoApprove: '{{ 1 == 1 }}'"))) as engine:
        execution = await engine.run()
    assert "/ask/wait" not in execution.task_runs
    assert execution.task_runs["/after"].outputs == {"value": "APPROVED"}


async def test_only_the_two_decisions_are_taken() -> None:
    async with Engine(flow(APPROVAL.format(more="autoApprove: false"))) as engine:
        made = await paused(engine)
        with pytest.raises(Invalid, match="decision"):
            await engine.commands.resume("main", made, {"decision": "MAYBE"})
