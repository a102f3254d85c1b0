"""Verbs, ends and outages that come at the same moment: no work is lost, none is done twice."""

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from app.engine.turns import Turns
from app.errors import Unavailable
from app.executions import Event, Execution, Kind, State
from app.ports import Claim, FlowKey, LoadedFlow
from tests.engine.fakes import MemoryJournal
from tests.engine.harness import PATIENCE, SERVICE, Engine, flow

CALLER = """
id: caller
tasks:
  - {id: call, type: core.flow.Subflow, namespace: tests, flowId: called, transmitFailed: false}
"""
CALLED = "id: called\ntasks: [{id: wait, type: core.flow.Pause}]\n"
RENEWING = """
id: called
tasks: [{id: wait, type: core.flow.Pause}, {id: fail, type: core.execution.Fail}]
retry: {type: constant, interval: PT0.05S, maxAttempts: 3, behavior: CREATE_NEW_EXECUTION}
"""


async def _child(engine: Engine, parent: str) -> str:
    async with asyncio.timeout(PATIENCE):
        while not (found := await engine.journal.children(parent)):
            await asyncio.sleep(0.001)
    return found[0]


async def _paused_child(engine: Engine, parent: str) -> str:
    child = await _child(engine, parent)
    await engine.until(child, lambda each: each.state is State.PAUSED)
    return child


async def _parked(engine: Engine, execution: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while engine.executor.find(execution) is not None:
            await asyncio.sleep(0.001)


class SlowJournal(MemoryJournal):
    """Who waits for a commit hears of it later."""

    delay = 0.0

    def append(
        self, execution: Execution, events: Sequence[Event], **more: Any
    ) -> asyncio.Future[Any]:
        inner = super().append(execution, events, **more)
        outer = asyncio.get_running_loop().create_future()

        def tell() -> None:
            if not outer.done():
                outer.set_result(None)

        delay, later = self.delay, asyncio.get_running_loop().call_later
        inner.add_done_callback(lambda _: later(delay, tell))
        return outer


# -- a journal that cannot be read ----------------------------------------------------------------


async def test_a_journal_that_cannot_be_read_holds_up_no_other() -> None:
    hangs = flow("id: hangs\ntasks: [{id: t, type: test.Effect, name: hangs, hang: true}]\n")
    async with Engine(hangs) as engine:
        both = [await engine.create(), await engine.create()]
        for each in both:
            await engine.until(each, lambda found: bool(found.task_runs))
    poison, other = sorted(both)
    engine.journal.events[poison][-1].data.pop("task")
    async with Engine(hangs, journal=engine.journal) as engine:
        await asyncio.wait_for(engine.executor.recovery.recovered.wait(), PATIENCE)
        assert engine.executor.find(other) is not None


# -- callers that wait ----------------------------------------------------------------------------


async def test_a_caller_goes_on_when_nothing_takes_the_place_of_what_is_to_be_retried() -> None:
    async with Engine(flow(CALLER), flow(RENEWING)) as engine:
        made = await engine.create("caller")
        child = await _paused_child(engine, made)
        engine.flows.flows["tests", "called"] = flow(f"{RENEWING}disabled: true\n")
        await engine.commands.resume("main", child)
        assert (await engine.end(made)).state is State.SUCCESS


async def test_a_caller_goes_on_when_what_it_started_cannot() -> None:
    async with Engine(flow(CALLER), flow(CALLED), park_after=0.0) as engine:
        made = await engine.create("caller")
        child = await _paused_child(engine, made)
        await _parked(engine, child)
        await _parked(engine, made)
        del engine.flows.flows["tests", "called"]
        await asyncio.gather(engine.commands.resume("main", child), return_exceptions=True)
        assert (await engine.end(made)).state is State.SUCCESS


async def test_a_caller_is_woken_after_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Engine(flow(CALLER), flow(CALLED), park_after=0.0, repair=0.05) as engine:
        made = await engine.create("caller")
        child = await _paused_child(engine, made)
        await _parked(engine, made)
        read, failed = engine.journal.read, list[str]()

        async def dark(wanted: str) -> list[Event]:
            if wanted == made and not failed:
                failed.append(wanted)
                raise Unavailable
            return await read(wanted)

        monkeypatch.setattr(engine.journal, "read", dark)
        await engine.commands.resume("main", child)
        assert (await engine.end(made)).state is State.SUCCESS


async def test_a_kill_is_told_although_who_asked_for_it_gave_up() -> None:
    journal = HeldJournal(lambda event: event.to is State.KILLED)
    async with Engine(flow(CALLER), flow(CALLED), journal=journal) as engine:
        made = await engine.create("caller")
        child = await _paused_child(engine, made)
        killing = asyncio.create_task(engine.commands.kill("main", child))
        await engine.until(child, lambda each: each.state is State.KILLED)
        killing.cancel()
        await asyncio.wait([killing])
        assert killing.cancelled()
        journal.let()
        assert (await engine.end(child)).state is State.KILLED
        assert (await engine.end(made)).state is State.SUCCESS


class HeldJournal(MemoryJournal):
    """Tells of the first event that `holds` only when it is let."""

    def __init__(self, holds: Callable[[Event], bool]) -> None:
        super().__init__()
        self._holds = holds
        self._held: asyncio.Future[Any] | None = None

    def append(
        self, execution: Execution, events: Sequence[Event], **more: Any
    ) -> asyncio.Future[Any]:
        future = super().append(execution, events, **more)
        if self._held is None and any(map(self._holds, events)):
            self._held = future = asyncio.get_running_loop().create_future()
        return future

    def let(self) -> None:
        """Tell of it."""
        assert self._held is not None
        self._held.set_result(None)


class LateJournal(MemoryJournal):
    """What is written is durable a while later."""

    def _commit(self, *arguments: Any) -> None:
        commit = super()._commit
        asyncio.get_running_loop().call_later(0.01, lambda: commit(*arguments))


async def test_of_two_with_one_key_one_starts_a_subflow() -> None:
    async with Engine(flow(CALLER), flow(CALLED), journal=LateJournal()) as engine:
        claim = Claim("main", "request", "key", "body")
        both = await asyncio.gather(*(engine.create("caller", claim=claim) for _ in range(2)))
        child = await _paused_child(engine, both[0])
        await asyncio.sleep(0.05)
        assert sorted(engine.journal.events) == sorted({*both, child})


async def test_what_is_refused_restarts_no_subflow(monkeypatch: pytest.MonkeyPatch) -> None:
    caller = CALLER.replace("transmitFailed: false", "restartBehavior: RETRY_FAILED")
    called = "id: called\ntasks: [{id: fail, type: core.execution.Fail}]\n"
    async with Engine(flow(caller), flow(called), journal=LateJournal()) as engine:
        made = await engine.create("caller")
        assert (await engine.end(made)).state is State.FAILED
        (child,) = engine.journal.events.keys() - {made}
        before, commit = len(engine.journal.events[child]), MemoryJournal._commit

        def refuse(journal: MemoryJournal, execution: Execution, *arguments: Any) -> None:
            events: list[Event] = arguments[1]
            execution.refused |= any(event.kind is Kind.STARTED for event in events)
            commit(journal, execution, *arguments)

        monkeypatch.setattr(MemoryJournal, "_commit", refuse)
        await engine.commands.restart("main", made)
        async with asyncio.timeout(PATIENCE):
            while engine.executor.find(made) is not None:
                await asyncio.sleep(0.001)
        await asyncio.sleep(0.05)
        assert len(engine.journal.events[child]) == before


async def test_what_was_read_before_a_kill_starts_no_subflow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    flows = flow(CALLER), flow(CALLED)
    async with Engine(*flows) as engine:
        made = await engine.create("caller")
        child = await _paused_child(engine, made)
    journal, held, asked = engine.journal, asyncio.Event(), list[str]()
    del journal.events[child], journal.rows[child], journal.events[made][3:]
    life = Engine(*flows, journal=journal)
    at = life.flows.at

    async def slow(tenant: str, namespace: str, flow_id: str, **which: Any) -> LoadedFlow:
        asked.append(flow_id)
        if len(asked) == 1:
            await held.wait()
        return await at(tenant, namespace, flow_id, **which)

    monkeypatch.setattr(life.flows, "at", slow)
    loading = asyncio.create_task(life.executor.load_all([made]))
    while not asked:
        await asyncio.sleep(0)
    await life.commands.kill("main", made)
    held.set()
    await loading
    await asyncio.sleep(0.01)
    assert list(journal.events) == [made]
    await life.executor.stop(drain=0)


# -- kills and exits ------------------------------------------------------------------------------


async def test_a_kill_reaches_a_child_that_is_about_to_be_retried() -> None:
    journal, called = SlowJournal(), flow(RENEWING.replace("PT0.05S", "PT1H"))
    async with Engine(flow(CALLER), called, journal=journal) as engine:
        made = await engine.create("caller")
        child = await _paused_child(engine, made)
        append, committed = journal.append, journal.read
        ending: list[asyncio.Future[Any]] = []

        def slow(execution: Execution, events: Sequence[Event], **more: Any) -> asyncio.Future[Any]:
            ends = execution.id == child and execution.state is State.RETRIED and not ending
            journal.delay = 0.05 if ends else 0.0
            future = append(execution, events, **more)
            if ends:
                ending.append(future)
            return future

        async def read(wanted: str) -> list[Event]:
            """Return what is durable: not the end of the child as long as that is on its way."""
            events = await committed(wanted)
            late = bool(ending) and not ending[0].done()
            return [each for each in events if not (late and each.to is State.RETRIED)]

        journal.append, journal.read = slow, read  # type: ignore[method-assign, assignment]
        await engine.commands.resume("main", child)
        while not ending:
            await asyncio.sleep(0)
        await engine.commands.kill("main", made)
        await engine.until(child, lambda each: each.over)
        engine.clock.advance(3601)
        await asyncio.sleep(0.05)
        assert sorted(journal.events) == sorted([made, child])


EXITS = """
id: exits
tasks:
  - id: both
    type: core.flow.Parallel
    tasks:
      - {id: call, type: core.flow.Subflow, namespace: tests, flowId: called}
      - id: then
        type: core.flow.Sequential
        tasks:
          - {id: rest, type: core.flow.Sleep, duration: PT0.02S}
          - {id: leave, type: test.Leave, state: FAILED}
"""


async def test_a_child_that_is_made_during_an_exit_does_not_begin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    take = Turns.take

    async def take_until_it_exits(turns: Turns, tenant: str) -> None:
        await take(turns, tenant)
        if turns is engine.commands._creation._turns and engine.journal.events:
            live = next(iter(engine.executor._live.values()))
            while live.barrier is None:
                await asyncio.sleep(0)

    monkeypatch.setattr(Turns, "take", take_until_it_exits)
    async with Engine(flow(EXITS), flow(CALLED)) as engine:
        made = await engine.create("exits")
        assert (await engine.end(made)).state is State.FAILED
        await asyncio.sleep(0.02)
        assert list(engine.journal.events) == [made]


AFTER = """
id: after
tasks: [{id: work, type: test.Effect, name: work}]
afterExecution: [{id: leave, type: test.Leave, state: SUCCESS}]
"""


async def test_an_exit_after_the_end_is_no_fault_of_the_engine() -> None:
    async with Engine(flow(AFTER)) as engine:
        made = await engine.create()
        await engine.until(made, lambda each: each.over)
        assert engine.executor.recovery.repairs == 0


DIRECTORY = """
id: directory
tasks:
  - id: dir
    type: core.flow.WorkingDirectory
    tasks: [{id: write, type: test.Writes, hang: true}]
"""


async def test_the_directory_of_what_was_killed_is_removed(tmp_path: Path) -> None:
    async with Engine(flow(DIRECTORY), work=tmp_path) as engine:
        made = await engine.create()
        async with asyncio.timeout(PATIENCE):
            while not await asyncio.to_thread(lambda: list(tmp_path.rglob("file"))):
                await asyncio.sleep(0.001)
            await engine.commands.kill("main", made)
            while await asyncio.to_thread(os.listdir, tmp_path):
                await asyncio.sleep(0.001)


# -- outages --------------------------------------------------------------------------------------

QUEUES = """
id: queues
concurrency: {limit: 1, behavior: QUEUE}
tasks: [{id: wait, type: core.flow.Pause}]
"""


async def test_a_short_outage_fails_no_execution(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Engine(flow(QUEUES), repair=0.05) as engine:
        first, second = await engine.create(), await engine.create()
        await engine.until(second, lambda each: each.state is State.QUEUED)
        holds, failed = engine.journal.slots.holds, list[str]()

        async def dark(wanted: str) -> bool:
            if not failed:
                failed.append(wanted)
                raise Unavailable
            return await holds(wanted)

        monkeypatch.setattr(engine.journal.slots, "holds", dark)
        await engine.commands.resume("main", first)
        await engine.until(second, lambda each: each.state in (State.PAUSED, State.FAILED))
        assert failed
        assert engine.journal.execution(second).state is State.PAUSED


async def test_a_short_outage_takes_no_retry_away(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Engine(flow(RENEWING)) as engine:
        made = await engine.create()
        await engine.until(made, lambda each: each.state is State.PAUSED)
        read, failed = engine.journal.read, list[str]()

        async def dark(wanted: str) -> list[Event]:
            if wanted not in engine.journal.events and not failed:
                failed.append(wanted)
                raise Unavailable
            return await read(wanted)

        monkeypatch.setattr(engine.journal, "read", dark)
        await engine.commands.resume("main", made)
        async with asyncio.timeout(PATIENCE):
            while len(engine.journal.events) < 2:
                await asyncio.sleep(0.001)


async def test_a_short_outage_lets_nobody_past_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Engine(flow(QUEUES), repair=0.05) as engine:
        await engine.until(await engine.create(), lambda each: each.state is State.PAUSED)
        current, asked = engine.flows.current, list[str]()

        async def dark(tenant: str, namespace: str, flow_id: str) -> LoadedFlow:
            asked.append(flow_id)
            if len(asked) == 2:  # the first one asks for the flow, this one for its limit
                raise Unavailable
            return await current(tenant, namespace, flow_id)

        monkeypatch.setattr(engine.flows, "current", dark)
        made = await engine.create()
        await engine.until(made, lambda each: each.state is not State.CREATED)
        assert engine.journal.execution(made).state is State.QUEUED


# -- pauses, queues, restarts ---------------------------------------------------------------------

ONE = "id: {0}\ntasks: [{{id: t, type: test.Effect, name: {0}{1}}}]\n"


async def test_what_is_paused_begins_nothing_when_its_turn_comes() -> None:
    flows = flow(ONE.format("blocks", ", hang: true")), flow(ONE.format("stands", ""))
    async with Engine(*flows, task_runs=1) as engine:
        first = await engine.create("blocks")
        await engine.until(first, lambda each: bool(each.task_runs))
        second = await engine.create("stands")
        await engine.until(second, lambda each: each.state is State.RUNNING)
        await asyncio.sleep(0.01)
        await engine.commands.pause("main", second)
        await engine.commands.kill("main", first)
        await asyncio.sleep(0.02)
        assert not SERVICE.keys("stands")
        await engine.commands.resume("main", second)
        assert (await engine.end(second)).state is State.SUCCESS


async def test_what_is_killed_while_it_is_let_in_takes_no_slot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Engine(flow(QUEUES)) as engine:
        first, second = await engine.create(), await engine.create()
        await engine.until(second, lambda each: each.state is State.QUEUED)
        rule, killed = engine.executor.admission.rule, list[Execution]()

        async def killed_meanwhile(key: FlowKey) -> Any:
            found = await rule(key)
            if not killed:
                killed.append(await engine.commands.kill("main", second))
            return found

        monkeypatch.setattr(engine.executor.admission, "rule", killed_meanwhile)
        await engine.commands.force_run("main", second)
        assert set(engine.journal.slots.slots) == {first}


FAILS_ONCE = """
id: fails
tasks: [{id: t, type: test.Effect, name: fails_once, fail: 1}, {id: p, type: core.flow.Pause}]
afterExecution: [{id: hang, type: test.Effect, name: hang, hang: true}]
"""


async def test_the_end_before_a_restart_is_not_told_again() -> None:
    async with Engine(flow(FAILS_ONCE)) as engine:
        made = await engine.create()
        assert (await engine.end(made)).state is State.FAILED
        await engine.commands.restart("main", made)
        assert not engine.executor.finished.future(made).done()


SIDE_BY_SIDE = EXITS.replace("id: exits", "id: caller").replace(
    "{id: leave, type: test.Leave, state: FAILED}", "{id: ask, type: core.flow.Pause}"
)


async def test_a_copy_waits_for_no_child_of_the_original() -> None:
    async with Engine(flow(SIDE_BY_SIDE), flow(CALLED)) as engine:
        made = await engine.create("caller")
        child = await _paused_child(engine, made)
        source = await engine.until(made, lambda each: each.state is State.PAUSED)
        ask = next(run for run in source.task_runs.values() if run.task == "ask")
        copy = await engine.commands.replay("main", made, task_run_id=ask.id)
        await engine.until(copy.id, lambda each: each.state is State.PAUSED)
        await engine.commands.resume("main", copy.id)
        for each in {child, await _paused_child(engine, copy.id)}:
            await engine.commands.resume("main", each)
        assert (await engine.end(copy.id)).state is State.SUCCESS


DEEP = """
id: deep
tasks:
  - id: outer
    type: core.flow.Parallel
    tasks:
      - id: inner
        type: core.flow.Parallel
        tasks:
          - {id: late, type: test.Effect, name: late}
          - {id: other, type: test.Effect, name: other, hang: true}
      - {id: third, type: test.Effect, name: third, hang: true}
"""


async def test_no_effect_begins_while_a_kill_reaches_the_walk() -> None:
    journal = HeldJournal(lambda event: event.path.endswith("/late"))
    async with Engine(flow(DEEP), journal=journal) as engine:
        made = await engine.create()
        await engine.until(made, lambda each: len(each.task_runs) == 5)
        live = engine.executor.find(made)
        killing = asyncio.create_task(engine.commands.kill("main", made))
        while live is not None and not live.execution.state.terminal:
            await asyncio.sleep(0)
        journal.let()
        await killing
        await asyncio.sleep(0.01)
        assert not SERVICE.keys("late")


async def test_nothing_is_taken_up_once_the_engine_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = flow(
        "id: w\ntasks: [{id: wait, type: core.flow.Pause},"
        " {id: t, type: test.Effect, name: stopped, hang: true}]\n"
    )
    async with Engine(waits, park_after=0.0) as engine:
        made = await engine.create()
        await engine.until(made, lambda each: each.state is State.PAUSED)
        await _parked(engine, made)
        read = engine.journal.read

        async def slow(wanted: str) -> list[Event]:
            await asyncio.sleep(0.05)
            return await read(wanted)

        monkeypatch.setattr(engine.journal, "read", slow)
        resuming = asyncio.create_task(engine.commands.resume("main", made))
        await asyncio.sleep(0.01)
        await engine.executor.stop(drain=0)
        await asyncio.gather(resuming, return_exceptions=True)
        await asyncio.sleep(0.05)
        assert engine.executor.find(made) is None
