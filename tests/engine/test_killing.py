"""Kills of executions that have started others."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from app.engine import cascades
from app.engine.turns import Turns
from app.errors import Conflict
from app.executions import Event, Execution, State
from tests.engine.fakes import MemoryJournal
from tests.engine.harness import PATIENCE, Engine, flow

CALLER = """
id: caller
tasks: [{id: call, type: core.flow.Subflow, namespace: tests, flowId: called}]
"""
CALLED = """
id: called
tasks:
  - {id: wait, type: core.flow.Pause}
  - {id: more, type: test.Effect, name: more}
"""


async def test_a_kill_that_a_crash_cuts_short_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    flows, journal = (flow(CALLER), flow(CALLED)), MemoryJournal()
    async with Engine(*flows, journal=journal) as engine:
        made = await engine.create("caller")
        child = await _child(engine, made)
        children = journal.children

        async def hang(_: str) -> list[str]:
            await asyncio.Event().wait()
            return []

        monkeypatch.setattr(journal, "children", hang)
        killing = asyncio.create_task(engine.commands.kill("main", made))
        await engine.end(made)
        assert not journal.execution(child).state.terminal
    killing.cancel()
    monkeypatch.setattr(journal, "children", children)
    async with Engine(*flows, journal=journal) as engine:
        assert (await engine.end(child)).state is State.KILLED
        assert (await engine.executor.get(made)).state is State.KILLED


class LateJournal(MemoryJournal):
    """What is written is durable a while later."""

    def _commit(self, *arguments: Any) -> None:
        commit = super()._commit
        asyncio.get_running_loop().call_later(0.01, lambda: commit(*arguments))


async def test_a_kill_looks_for_children_once_they_are_durable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    journal, seen = LateJournal(), []
    children = journal.children

    async def look(parent: str) -> list[str]:
        seen.append(journal.execution(parent).state)
        return await children(parent)

    async with Engine(flow(CALLER), flow(CALLED), journal=journal) as engine:
        made = await engine.create("caller")
        await _child(engine, made)
        monkeypatch.setattr(journal, "children", look)
        await engine.commands.kill("main", made)
        await engine.end(made)
        assert set(seen) == {State.KILLED}


async def test_a_kill_goes_on_when_that_of_a_child_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Engine(flow(CALLER), flow(CALLED), repair=0.05) as engine:
        made = await engine.create("caller")
        child = await _child(engine, made)
        append, refused = engine.journal.append, list[str]()

        def refuse(execution: Execution, *events: Any, **more: Any) -> asyncio.Future[Any]:
            if execution.id == child and execution.state is State.KILLED and len(refused) < 2:
                refused.append(child)
                execution.refused = True  # as after an outage, by what was queued before
            return append(execution, *events, **more)

        monkeypatch.setattr(engine.journal, "append", refuse)
        await engine.commands.kill("main", made)
        assert engine.journal.execution(child).state is State.KILLED
        assert refused


TWICE = """
id: caller
tasks:
  - id: both
    type: core.flow.Parallel
    tasks:
      - {id: one, type: core.flow.Subflow, namespace: tests, flowId: called}
      - {id: two, type: core.flow.Subflow, namespace: tests, flowId: called}
"""


async def test_a_kill_leaves_what_a_newer_version_wrote_and_reaches_all_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cascades, "_AT_ONCE", 1)
    async with Engine(flow(TWICE), flow(CALLED)) as engine:
        made = await engine.create("caller")
        async with asyncio.timeout(PATIENCE):
            while len(found := await engine.journal.children(made)) < 2:
                await asyncio.sleep(0.001)
        newer, other = found
        read = engine.journal.read

        async def look(execution_id: str) -> list[Event]:
            if execution_id == newer:
                raise Conflict
            return await read(execution_id)

        monkeypatch.setattr(engine.journal, "read", look)
        await engine.commands.kill("main", made)
        ended = await engine.until(made, lambda each: each.over)
        assert (ended.state, ended.reason) == (State.KILLED, None)
        assert engine.journal.execution(other).state is State.KILLED
        assert not engine.journal.execution(newer).state.terminal


async def test_what_was_killed_can_be_deleted_at_once() -> None:
    async with Engine(flow(CALLER), flow(CALLED)) as engine:
        made = await engine.create("caller")
        child = await _child(engine, made)
        await engine.commands.kill("main", made)
        assert (await engine.executor.get(made)).over
        assert (await engine.executor.get(child)).over


async def _child(engine: Engine, parent: str) -> str:
    async with asyncio.timeout(PATIENCE):
        while not (found := await engine.journal.children(parent)):
            await asyncio.sleep(0.001)
    return found[0]


async def test_what_a_flow_trigger_started_because_of_it_goes_on() -> None:
    async with Engine(flow(CALLER), flow(CALLED)) as engine:
        made = await engine.create("caller")
        await _child(engine, made)
        about = {"id": "t", "type": "Flow", "variables": {"executionId": made}}
        heard = await engine.create("called", trigger=about, chain=1)
        await engine.commands.kill("main", made)
        assert not (await engine.executor.get(heard)).state.terminal


AFTER = """
id: after
tasks: [{id: wait, type: core.flow.Pause}]
afterExecution: [{id: call, type: core.flow.Subflow, namespace: tests, flowId: called}]
"""


async def test_what_runs_after_a_kill_is_not_killed() -> None:
    async with Engine(flow(AFTER), flow(CALLED)) as engine:
        made = await engine.create("after")
        await _paused(engine, made)
        await engine.commands.kill("main", made)
        child = await _child(engine, made)
        assert not (await engine.executor.get(child)).state.terminal
    async with Engine(flow(AFTER), flow(CALLED), journal=engine.journal) as engine:
        assert not (await engine.executor.get(child)).state.terminal
        await engine.executor.recovery.recovered.wait()
        assert not (await engine.executor.get(child)).state.terminal


async def test_a_child_that_is_made_during_the_kill_does_not_begin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    take, killing = Turns.take, []

    async def take_while_it_is_killed(turns: Turns, tenant: str) -> None:
        await take(turns, tenant)
        if engine.journal.events and not killing:
            (caller,) = engine.journal.events
            killing.append(asyncio.create_task(engine.commands.kill("main", caller)))
            with suppress(asyncio.CancelledError):  # it takes some turns until this is cancelled
                await asyncio.Event().wait()

    monkeypatch.setattr(Turns, "take", take_while_it_is_killed)
    async with Engine(flow(CALLER), flow(CALLED)) as engine:
        made = await engine.create("caller")
        assert (await engine.end(made)).state is State.KILLED
        await killing[0]
        assert list(engine.journal.events) == [made]


RENEWING = """
id: called
tasks: [{id: fail, type: core.execution.Fail}]
retry: {type: constant, interval: INTERVAL, maxAttempts: 3, behavior: CREATE_NEW_EXECUTION}
"""


async def test_a_kill_leaves_nothing_to_retry() -> None:
    async with Engine(flow(CALLER), flow(RENEWING.replace("INTERVAL", "PT1H"))) as engine:
        made = await engine.create("caller")
        child = await _child(engine, made)
        while (await engine.executor.get(child)).state is not State.RETRIED:
            await asyncio.sleep(0.001)
        await engine.commands.kill("main", made)
        assert (await engine.executor.get(child)).over
        assert sorted(engine.journal.events) == sorted([made, child])


async def test_a_kill_reaches_what_took_the_place_of_a_child() -> None:
    renewing = RENEWING.replace("INTERVAL", "PT0.01S")
    renewing = renewing.replace("tasks: [", "tasks: [{id: wait, type: core.flow.Pause}, ")
    async with Engine(flow(CALLER), flow(renewing)) as engine:
        made = await engine.create("caller")
        child = await _child(engine, made)
        await _paused(engine, child)
        await engine.commands.resume("main", child)
        while len(engine.journal.events) < 3:
            await asyncio.sleep(0.001)
        (renewed,) = engine.journal.events.keys() - {made, child}
        await _paused(engine, renewed)
        await engine.commands.kill("main", made)
        assert (await engine.executor.get(renewed)).state is State.KILLED


async def _paused(engine: Engine, execution: str) -> None:
    while (await engine.executor.get(execution)).state is not State.PAUSED:
        await asyncio.sleep(0.001)
