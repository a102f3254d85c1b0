"""Restarts: what flowables keep, what they run again."""

from typing import Any

import pytest

from app.executions import Execution, Kind, State
from tests.engine.harness import SERVICE, Engine, flow, states


async def restarted(engine: Engine, execution: Execution) -> Execution:
    await engine.commands.restart("main", execution.id)
    return await engine.end(execution.id)


CHILD = """
    id: child
    inputs:
      - {id: name, type: STRING}
    tasks:
      - {id: once, type: test.Effect, name: "{{ inputs.name }}-once"}
      - {id: flaky, type: test.Effect, name: "{{ inputs.name }}", fail: 1}
"""

PARENT = """
    id: parent
    tasks:
      - id: sub
        type: core.flow.Subflow
        namespace: tests
        flowId: child
        restartBehavior: %s
        inputs: {name: %s}
"""


@pytest.mark.parametrize(("behavior", "children"), [("RETRY_FAILED", 1), ("NEW_EXECUTION", 2)])
async def test_a_restart_goes_on_with_the_subflow_or_starts_another(
    behavior: str, children: int
) -> None:
    SERVICE.failures.clear()
    name = f"restart-{behavior}"
    async with Engine(flow(PARENT % (behavior, name)), flow(CHILD)) as engine:
        first = await engine.run("parent")
        assert first.state is State.FAILED
        again = await restarted(engine, first)
        assert len(engine.journal.events) == 1 + children
    assert again.state is State.SUCCESS
    assert len(again.task_runs["/sub"].attempts) == 2
    assert len(SERVICE.keys(f"{name}-once")) == children


async def test_a_loop_goes_on_in_its_round() -> None:
    SERVICE.failures.clear()
    loaded = flow("""
        id: looping
        tasks:
          - id: until
            type: core.flow.LoopUntil
            condition: "{{ outputs.until.iterationCount == 2 }}"
            checkFrequency: {interval: PT0.001S}
            tasks:
              - {id: count, type: test.Effect, name: loop-count}
              - {id: flaky, type: test.Effect, name: loop-flaky, fail: 1}
          - id: each
            type: core.flow.Loop
            values: [a, b]
            concurrencyLimit: 1
            outputs: [{id: v, type: STRING, value: "{{ item.value }}"}]
            tasks:
              - {id: fails, type: test.Effect, name: "each-{{ item.value }}", fail: 1}
    """)
    async with Engine(loaded) as engine:
        execution = await engine.run()
        seen = [states(execution)]
        for _ in range(3):
            execution = await restarted(engine, execution)
            seen.append(states(execution))
    assert seen[0] == {
        "/until": "FAILED",
        "/until[0]/count": "SUCCESS",
        "/until[0]/flaky": "FAILED",
    }
    assert seen[1]["/until"] == "SUCCESS"
    assert seen[1]["/each[0]/fails"] == "FAILED"
    assert (seen[2]["/each[0]/fails"], seen[2]["/each[1]/fails"]) == ("SUCCESS", "FAILED")
    assert execution.state is State.SUCCESS
    assert len(SERVICE.keys("loop-count")) == 2
    outputs: Any = execution.task_runs["/each"].outputs
    assert [each["outputs"]["v"] for each in outputs["outputs"]] == ["a", "b"]


async def test_what_was_left_by_an_exit_starts_again() -> None:
    loaded = flow("""
        id: leaving
        tasks:
          - id: group
            type: core.flow.Sequential
            tasks:
              - {id: leave, type: test.Leave, state: FAILED}
    """)
    async with Engine(loaded) as engine:
        execution = await engine.run()
        execution = await restarted(engine, execution)
    assert (execution.state, execution.attempt) == (State.FAILED, 2)
    assert len(execution.task_runs["/group/leave"].attempts) == 2


async def test_an_event_of_a_restart_is_all_it_takes() -> None:
    """Task runs in RESTARTED start again, those in RUNNING are walked, missing ones made."""
    loaded = flow("""
        id: by_hand
        tasks:
          - {id: kept, type: test.Effect, name: by-hand-kept}
          - id: group
            type: core.flow.If
            condition: "{{ execution.state == 'RUNNING' }}"
            then:
              - {id: again, type: test.Effect, name: by-hand-again}
              - {id: dropped, type: test.Effect, name: by-hand-dropped}
    """)
    async with Engine(loaded) as engine:
        made = (await engine.run()).id
        events = await engine.journal.read(made)
    execution = engine.journal.execution(made)
    runs = {"/group": "RUNNING", "/group/again": "RESTARTED"}
    event = type(events[0])(
        Kind.RESTARTED,
        events[-1].at,
        to=State.RESTARTED,
        data={"runs": runs, "dropped": ["/group/dropped"]},
    )
    execution.apply(event)
    engine.journal.events[made].append(event)
    engine.journal.rows[made] |= {"open": True, "parked": False}
    async with Engine(loaded, journal=engine.journal) as second:
        execution = await second.until(made, lambda each: each.over)
    assert execution.state is State.SUCCESS
    calls = [len(SERVICE.keys(f"by-hand-{name}")) for name in ("kept", "again", "dropped")]
    assert calls == [1, 2, 2]
    again = execution.task_runs["/group/again"]
    assert [attempt.number for attempt in again.attempts] == [1, 2]
    assert [moment.state.value for moment in again.histories] == [
        "CREATED", "RUNNING", "SUCCESS", "RESTARTED", "RUNNING", "SUCCESS",
    ]  # fmt: skip
