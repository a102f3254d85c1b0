"""What happens after the end: `afterExecution`, listeners, new executions of retries."""

import asyncio
from typing import Any

import pytest

from app.errors import Conflict
from app.executions import Execution, State
from tests.engine.fakes import FakeClock, MemoryJournal
from tests.engine.harness import PATIENCE, SERVICE, Engine, flow, states

AFTER = """
    id: after
    tasks:
      - {id: a, type: test.Effect, name: NAME, fail: FAIL}
    afterExecution:
      - {id: told, type: core.debug.Return, format: "{{ execution.state }}"}
      - {id: bad, type: core.execution.Fail, runIf: "{{ execution.state == 'FAILED' }}"}
      - {id: slow, type: test.Effect, name: "NAME-after"}
"""


def after(name: str, fail: int = 0) -> Any:
    return flow(AFTER.replace("NAME", name).replace("fail: FAIL", f"fail: {fail}"))


async def over(engine: Engine, made: str) -> Execution:
    return await engine.until(made, lambda each: each.over)


async def test_tasks_run_after_the_end_and_change_nothing() -> None:
    async with Engine(after("told")) as engine:
        made = await engine.create()
        assert (await engine.end(made)).state is State.SUCCESS
        execution = await over(engine, made)
        assert (await engine.executor.get(made)).over
    assert execution.state is State.SUCCESS
    assert execution.task_runs["/told"].outputs == {"value": "SUCCESS"}
    assert states(execution) == {
        "/a": "SUCCESS", "/told": "SUCCESS", "/bad": "SKIPPED", "/slow": "SUCCESS",
    }  # fmt: skip
    assert [moment.state for moment in execution.histories] == ["CREATED", "RUNNING", "SUCCESS"]


async def test_a_failure_after_the_end_stops_what_follows_only() -> None:
    async with Engine(after("failed", fail=1)) as engine:
        made = await engine.create()
        assert (await engine.end(made)).state is State.FAILED
        execution = await over(engine, made)
    assert execution.task_runs["/told"].outputs == {"value": "FAILED"}
    assert states(execution) == {"/a": "FAILED", "/told": "SUCCESS", "/bad": "FAILED"}


async def test_the_end_is_told_before_what_comes_after_it() -> None:
    loaded = flow("""
        id: slow
        tasks:
          - {id: a, type: core.debug.Return, format: "x"}
        afterExecution:
          - {id: b, type: test.Effect, name: slow-after, hang: true}
    """)
    parent = flow("""
        id: parent
        tasks:
          - {id: sub, type: core.flow.Subflow, namespace: tests, flowId: slow}
    """)
    async with Engine(loaded, parent) as engine:
        made = await engine.create("slow")
        assert not (await engine.end(made)).over
        assert not (await engine.end(made)).over  # and again, for one who asks later
        with pytest.raises(Conflict, match="ended"):
            await engine.commands.kill("main", made)
        assert (await engine.run("parent")).state is State.SUCCESS


async def test_a_kill_is_followed_by_them_too() -> None:
    loaded = flow("""
        id: killed
        tasks:
          - {id: a, type: test.Effect, name: killed-a, hang: true}
        afterExecution:
          - {id: b, type: core.debug.Return, format: "{{ execution.state }}"}
    """)
    async with Engine(loaded) as engine:
        made = await engine.create()
        await engine.until(made, lambda each: "/a" in each.task_runs)
        await engine.commands.kill("main", made)
        execution = await over(engine, made)
    assert states(execution) == {"/a": "KILLED", "/b": "SUCCESS"}
    assert execution.task_runs["/b"].outputs == {"value": "KILLED"}


async def test_listeners_run_when_their_conditions_hold() -> None:
    loaded = flow("""
        id: heard
        tasks:
          - {id: a, type: core.debug.Return, format: "x"}
        listeners:
          - conditions:
              - {type: io.kestra.plugin.core.condition.ExecutionStatus, in: [SUCCESS]}
            tasks:
              - {id: yes, type: core.debug.Return, format: "x"}
          - conditions:
              - {type: io.kestra.plugin.core.condition.ExecutionStatus, in: [FAILED]}
            tasks:
              - {id: no, type: core.debug.Return, format: "x"}
    """)
    async with Engine(loaded) as engine:
        made = await engine.create()
        execution = await over(engine, made)
    assert states(execution) == {"/a": "SUCCESS", "/yes": "SUCCESS"}


async def test_a_crash_at_any_point_runs_each_of_them_once() -> None:
    for crash in range(1, 12):
        SERVICE.failures.clear()
        name = f"crash-{crash}"
        loaded = after(name)
        journal, clock = MemoryJournal(crash_at=crash), FakeClock()
        async with Engine(loaded, journal=journal, clock=clock) as engine:
            making = asyncio.create_task(engine.create())
            async with asyncio.timeout(PATIENCE):
                await asyncio.wait(
                    [making, asyncio.create_task(journal.crashed.wait())],
                    return_when=asyncio.FIRST_COMPLETED,
                )
                while not journal.crashed.is_set() and not all_over(journal):
                    await asyncio.sleep(0.001)
            making.cancel()
        journal.crash_at = None
        journal.crashed.clear()
        if not journal.events:
            continue
        async with Engine(loaded, journal=journal, clock=clock) as engine:
            execution = await over(engine, next(iter(journal.events)))
        assert execution.state is State.SUCCESS
        assert len(states(execution)) == 4
        assert len({*SERVICE.keys(f"{name}-after")}) == 1


def all_over(journal: MemoryJournal) -> bool:
    return bool(journal.events) and all(journal.execution(each).over for each in journal.events)


ANEW = """
    id: anew
    retry: {type: constant, interval: INTERVAL, maxAttempts: 3, behavior: CREATE_NEW_EXECUTION}
    inputs:
      - {id: n, type: INT}
    labels: {team: a}
    tasks:
      - {id: a, type: test.Effect, name: NAME, fail: 2}
"""


async def test_a_retry_makes_new_executions() -> None:
    loaded = flow(ANEW.replace("INTERVAL", "PT0.01S").replace("NAME", "anew"))
    async with Engine(loaded) as engine:
        first = await engine.create(inputs={"n": 7})
        async with asyncio.timeout(PATIENCE):
            while len(engine.journal.events) < 3 or not all_over(engine.journal):
                await asyncio.sleep(0.001)
        made = [engine.journal.execution(each) for each in engine.journal.events]
    assert [each.state for each in made] == ["RETRIED", "RETRIED", "SUCCESS"]
    assert [each.attempt for each in made] == [1, 2, 3]
    assert [each.original_id for each in made] == [None, first, first]
    assert [each.parent_id for each in made] == [None, made[0].id, made[1].id]
    assert all(each.inputs == {"n": 7} for each in made)
    assert all(each.labels == made[0].labels for each in made)


async def test_the_last_attempt_fails() -> None:
    source = ANEW.replace("INTERVAL", "PT0.01S").replace("NAME", "anew-fails")
    async with Engine(flow(source.replace("fail: 2", "fail: 100"))) as engine:
        await engine.create(inputs={"n": 7})
        async with asyncio.timeout(PATIENCE):
            while len(engine.journal.events) < 3 or not all_over(engine.journal):
                await asyncio.sleep(0.001)
        made = [engine.journal.execution(each).state for each in engine.journal.events]
    assert made == ["RETRIED", "RETRIED", "FAILED"]


async def test_a_new_execution_is_made_once_after_a_long_wait_and_a_crash() -> None:
    loaded = flow(ANEW.replace("INTERVAL", "PT1H").replace("NAME", "anew-late"))
    journal, clock = MemoryJournal(), FakeClock()
    async with Engine(loaded, journal=journal, clock=clock) as engine:
        first = await engine.create(inputs={"n": 1})
        await engine.end(first)
        async with asyncio.timeout(PATIENCE):
            while engine.executor.count():
                await asyncio.sleep(0.001)
        assert len(journal.events) == 1
    clock.advance(3601)
    async with Engine(loaded, journal=journal, clock=clock) as engine:
        await engine.until(first, lambda each: each.over)
        assert len(journal.events) == 2


async def test_a_subflow_is_what_its_last_retry_makes_of_it() -> None:
    child = flow(ANEW.replace("INTERVAL", "PT0.01S").replace("NAME", "anew-child"))
    parent = flow("""
        id: parent
        tasks:
          - id: sub
            type: core.flow.Subflow
            namespace: tests
            flowId: anew
            inputs: {n: 3}
    """)
    async with Engine(parent, child) as engine:
        execution = await engine.run("parent")
    assert execution.state is State.SUCCESS
    assert len(engine.journal.events) == 4
