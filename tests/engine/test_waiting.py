"""Waiting: retries, time-outs, sleep, pause, kill, parking, and time passing."""

import asyncio

import pytest

from app.errors import Conflict, Invalid, NotFound, TooMany
from app.executions import State
from app.ports import Claim
from tests.engine.harness import PATIENCE, SERVICE, Engine, flow, states

PAUSED = """
    id: paused
    tasks:
      - id: wait
        type: core.flow.Pause
        onResume:
          - {id: reason, type: STRING, defaults: none}
          - {id: count, type: INT, required: false}
      - {id: after, type: core.debug.Return, format: "{{ outputs.wait.onResume.reason }}"}
"""


async def test_retries_have_new_keys_after_definite_answers() -> None:
    loaded = flow("""
        id: retried
        tasks:
          - id: a
            type: test.Effect
            name: definite
            fail: 2
            retry: {type: constant, interval: PT0.01S, maxAttempts: 3}
    """)
    async with Engine(loaded) as engine:
        execution = await engine.run()
    assert execution.state is State.SUCCESS
    run = execution.task_runs["/a"]
    assert SERVICE.keys("definite") == [f"{execution.id}.{run.id}.{n}" for n in (1, 2, 3)]
    assert [each.number for each in run.attempts] == [1, 2, 3]
    assert [moment.state for moment in run.histories] == [
        "CREATED", "RUNNING", "RETRYING", "CREATED", "RUNNING", "RETRYING", "CREATED", "RUNNING",
        "SUCCESS",
    ]  # fmt: skip


async def test_retries_keep_their_key_after_unknown_outcomes() -> None:
    loaded = flow("""
        id: retried
        tasks:
          - id: a
            type: test.Effect
            name: unknown
            unknown: true
            fail: 1
            retry: {type: exponential, interval: PT0.01S, maxInterval: PT1S, maxAttempts: 5}
    """)
    async with Engine(loaded) as engine:
        execution = await engine.run()
    run = execution.task_runs["/a"]
    assert SERVICE.keys("unknown") == [f"{execution.id}.{run.id}.1"] * 2
    assert [call[2] for call in SERVICE.calls if call[0] == "unknown"] == [1, 2]


async def test_retries_end_at_the_maximum_and_errors_follow() -> None:
    loaded = flow("""
        id: exhausted
        tasks:
          - id: a
            type: test.Effect
            name: exhausted
            fail: 100
            allowFailure: true
            retry: {type: random, minInterval: PT0S, maxInterval: PT0.01S, maxAttempt: 4}
          - {id: b, type: core.debug.Return, format: "x"}
    """)
    async with Engine(loaded) as engine:
        execution = await engine.run()
    assert len(SERVICE.keys("exhausted")) == 4
    assert states(execution) == {"/a": "WARNING", "/b": "SUCCESS"}


async def test_a_retry_of_the_flow_holds_for_its_tasks() -> None:
    loaded = flow("""
        id: inherited
        retry: {type: constant, interval: PT0.001S, maxAttempts: 2}
        tasks:
          - id: s
            type: core.flow.Sequential
            tasks:
              - {id: a, type: test.Effect, name: inherited, fail: 1}
    """)
    async with Engine(loaded) as engine:
        execution = await engine.run()
    assert execution.state is State.SUCCESS
    assert len(SERVICE.keys("inherited")) == 2


async def test_a_failed_subflow_is_started_anew() -> None:
    child = flow("""
        id: child
        tasks:
          - {id: a, type: test.Effect, name: subflow, fail: 1}
    """)
    parent = flow("""
        id: parent
        tasks:
          - id: sub
            type: core.flow.Subflow
            namespace: tests
            flowId: child
            retry: {type: constant, interval: PT0.001S, maxAttempts: 3}
    """)
    async with Engine(parent, child) as engine:
        execution = await engine.run("parent")
    assert execution.state is State.SUCCESS
    assert len(execution.task_runs["/sub"].attempts) == 2
    assert len(engine.journal.events) == 3


async def test_subflows_are_limited_in_depth_and_number() -> None:
    loop = flow("""
        id: loop
        tasks:
          - {id: sub, type: core.flow.Subflow, namespace: tests, flowId: other}
    """)
    other = flow("""
        id: other
        tasks:
          - {id: sub, type: core.flow.Subflow, namespace: tests, flowId: loop}
    """)
    async with Engine(loop, other, subflow_depth=3) as engine:
        execution = await engine.run("loop")
        assert execution.state is State.FAILED
        assert len(engine.journal.events) == 4
    async with Engine(loop, other, descendants=2) as engine:
        await engine.run("loop")
        assert len(engine.journal.events) == 3


async def test_a_timeout_fails_the_attempt() -> None:
    loaded = flow("""
        id: slow
        tasks:
          - {id: a, type: test.Effect, name: slow, hang: true, timeout: PT0.02S}
    """)
    async with Engine(loaded) as engine:
        execution = await engine.run()
    assert execution.state is State.FAILED
    assert "timeout of 0.02 s" in (execution.task_runs["/a"].error or "")


async def test_a_fault_in_a_task_type_fails_its_task() -> None:
    loaded = flow("""
        id: broken
        tasks:
          - {id: a, type: test.Broken}
    """)
    async with Engine(loaded) as engine:
        execution = await engine.run()
    assert execution.state is State.FAILED
    assert execution.task_runs["/a"].error == "ZeroDivisionError in test.Broken: oh"


async def test_on_lost_fail_never_sends_twice() -> None:
    loaded = flow("""
        id: once
        tasks:
          - id: a
            type: test.Effect
            name: once
            unknown: true
            fail: 5
            onLost: fail
            retry: {type: constant, interval: PT0.001S, maxAttempts: 5}
    """)
    async with Engine(loaded) as engine:
        execution = await engine.run()
    assert execution.state is State.FAILED
    assert len(SERVICE.keys("once")) == 1


async def test_sleep_short_and_long() -> None:
    loaded = flow("""
        id: sleepy
        tasks:
          - {id: short, type: core.flow.Sleep, duration: "{{ 'PT0.01S' }}"}
          - {id: long, type: core.flow.Sleep, duration: PT1H}
          - {id: after, type: core.debug.Return, format: "x"}
    """)
    async with Engine(loaded) as engine:
        made = await engine.create()
        await engine.until(made, lambda e: "/long" in e.task_runs)
        async with asyncio.timeout(PATIENCE):
            while engine.executor.count():
                await asyncio.sleep(0.001)
        assert engine.journal.rows[made]["parked"]
        engine.clock.advance(3601)
        execution = await engine.end(made)
    assert states(execution) == {"/short": "SUCCESS", "/long": "SUCCESS", "/after": "SUCCESS"}


async def test_pause_leaves_memory_and_resumes_with_inputs() -> None:
    async with Engine(flow(PAUSED)) as engine:
        made = await engine.create()
        await engine.until(made, lambda e: e.state is State.PAUSED)
        async with asyncio.timeout(PATIENCE):
            while engine.executor.count():
                await asyncio.sleep(0.001)
        with pytest.raises(Invalid, match="count"):
            await engine.commands.resume("main", made, {"count": "many"})
        await engine.commands.resume("main", made, {"reason": "go"})
        execution = await engine.end(made)
        with pytest.raises(Conflict):
            await engine.commands.resume("main", made, {})
    assert execution.task_runs["/after"].outputs == {"value": "go"}
    assert [moment.state for moment in execution.histories] == [
        "CREATED", "RUNNING", "PAUSED", "RESTARTED", "RUNNING", "SUCCESS",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("how", "state"),
    [
        ("delay: PT1H", State.SUCCESS),
        ("timeout: PT1H", State.FAILED),
        ("pauseDuration: PT1H\n        behavior: WARN", State.WARNING),
    ],
)
async def test_a_pause_ends_by_itself(how: str, state: State) -> None:
    loaded = flow(f"""
    id: paused
    tasks:
      - id: wait
        type: core.flow.Pause
        {how}
    """)
    async with Engine(loaded) as engine:
        made = await engine.create()
        await engine.until(made, lambda e: e.state is State.PAUSED)
        engine.clock.advance(3601)
        execution = await engine.end(made)
    assert execution.state is state


async def test_nothing_new_starts_while_paused() -> None:
    loaded = flow("""
        id: paused
        tasks:
          - id: p
            type: core.flow.Parallel
            tasks:
              - {id: wait, type: core.flow.Pause}
              - id: s
                type: core.flow.Sequential
                tasks:
                  - {id: a, type: test.Effect, name: gated}
                  - {id: b, type: test.Effect, name: gated}
    """)
    async with Engine(loaded) as engine:
        made = await engine.create()
        async with asyncio.timeout(PATIENCE):
            await engine.until(made, lambda e: e.state is State.PAUSED)
            while engine.executor.count():
                await asyncio.sleep(0.001)
        before = engine.journal.execution(made)
        assert "/p/s/b" not in before.task_runs
        await engine.commands.resume("main", made)
        execution = await engine.end(made)
    assert execution.state is State.SUCCESS
    assert "/p/s/b" in execution.task_runs


async def test_kill_ends_everything_at_once() -> None:
    child = flow(PAUSED)
    parent = flow("""
        id: parent
        tasks:
          - id: p
            type: core.flow.Parallel
            tasks:
              - {id: a, type: test.Effect, name: killed, hang: true}
              - {id: sub, type: core.flow.Subflow, namespace: tests, flowId: paused}
              - {id: w, type: core.flow.Sleep, duration: PT1H}
    """)
    async with Engine(parent, child) as engine:
        made = await engine.create("parent")
        execution = await engine.until(made, lambda e: len(e.task_runs) == 4)
        children = await engine.journal.children(made)
        await engine.until(
            made, lambda e: "/p/sub" in e.task_runs and e.task_runs["/p/sub"].outputs
        )
        children = await engine.journal.children(made)
        await engine.commands.kill("main", made)
        execution = await engine.end(made)
        with pytest.raises(Conflict):
            await engine.commands.kill("main", made)
        assert len(children) == 1
        assert engine.journal.execution(children[0]).state is State.KILLED
        assert SERVICE.running == 0
    assert execution.state is State.KILLED
    assert set(states(execution).values()) == {"KILLED"}


async def test_idempotency_keys_make_one_execution() -> None:
    loaded = flow("""
        id: once
        tasks:
          - {id: a, type: core.debug.Return, format: "x"}
    """)
    claim = Claim("main", "tests/once", "k", "h")
    async with Engine(loaded) as engine:
        made = await asyncio.gather(*(engine.create(claim=claim) for _ in range(5)))
        assert len(set(made)) == 1
        with pytest.raises(Conflict, match="another body"):
            await engine.create(claim=claim._replace(body_hash="other"))
    assert len(engine.journal.events) == 1


async def test_what_cannot_be_created_is_refused() -> None:
    loaded = flow("""
        id: f
        inputs:
          - {id: n, type: INT}
        tasks:
          - {id: a, type: core.debug.Return, format: "x"}
    """)
    off = flow("""
        id: off
        disabled: true
        tasks:
          - {id: a, type: core.debug.Return, format: "x"}
    """)
    async with Engine(loaded, off) as engine:
        with pytest.raises(NotFound):
            await engine.create("nothing")
        with pytest.raises(Invalid, match="`n`"):
            await engine.create("f")
        with pytest.raises(Conflict, match="disabled"):
            await engine.create("off")
        with pytest.raises(Invalid, match=r"system\."):
            await engine.create("f", inputs={"n": 1}, labels=[("system.x", "y")])
    async with Engine(loaded, executions=0) as full:
        with pytest.raises(TooMany):
            await full.create("f", inputs={"n": 1})
    assert engine.journal.events == {}
