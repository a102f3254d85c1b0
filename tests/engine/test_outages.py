"""What an execution needs does not answer for a while: it waits, and holds up no other."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from app.engine import recovery
from app.engine.live import Live
from app.engine.subflows import SubflowCalls
from app.errors import Conflict, Unavailable
from app.executions import Event, State
from app.ports import LoadedFlow
from tests.engine.harness import PATIENCE, Engine, flow

HANGS = "id: hangs\ntasks: [{id: t, type: test.Effect, name: hangs, hang: true}]\n"
OTHER = HANGS.replace("id: hangs", "id: other")
QUEUES = """
id: queues
concurrency: {limit: 1, behavior: QUEUE}
tasks: [{id: wait, type: core.flow.Pause}]
"""
WAITS = """
id: waits
tasks: [{id: wait, type: core.flow.Pause, delay: PT0.1S}, {id: log, type: core.log.Log, message: a}]
"""
PARKS = WAITS.replace("PT0.1S", "PT1H")
"""Waits until the clock is moved on: however slow the machine is, it is not over before."""
CALLER = """
id: caller
tasks: [{id: call, type: core.flow.Subflow, namespace: tests, flowId: called}]
"""
CALLED = "id: called\ntasks: [{id: log, type: core.log.Log, message: hi}]\n"


def lacking(loaded: LoadedFlow) -> LoadedFlow:
    return replace(loaded, lacking="the repository is not open yet")


async def test_what_lacks_its_plugin_defaults_begins_once_they_are_there() -> None:
    async with Engine(flow(WAITS), repair=0.05) as engine:
        made = await engine.create("waits")
    async with Engine(lacking(flow(WAITS)), journal=engine.journal, repair=0.05) as engine:
        with pytest.raises(Unavailable, match="plugin defaults"):
            await engine.create("waits")
        with pytest.raises(TimeoutError):
            await engine.end(made, 0.3)
        engine.flows.flows["tests", "waits"] = flow(WAITS)
        assert (await engine.end(made)).state is State.SUCCESS


async def test_what_lacks_them_is_tried_with_every_sweep_and_is_not_lost() -> None:
    async with Engine(flow(WAITS)) as engine:
        made = await engine.create("waits")
    life = Engine(lacking(flow(WAITS)), journal=engine.journal, repair=0.02)
    left = _departures(life)
    async with life as engine, asyncio.timeout(PATIENCE):
        while len(left) < 10:
            await asyncio.sleep(0.01)
        assert engine.executor.recovery.repairs == 0
        engine.executor.recovery._repair_at = engine.clock.now() + 3600_000_000
        engine.flows.flows["tests", "waits"] = flow(WAITS)
        assert (await engine.end(made)).state is State.SUCCESS


async def test_what_lacks_them_is_not_tried_whenever_another_is_due(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Engine(flow(WAITS)) as engine:
        await engine.create("waits")
    life = Engine(lacking(flow(WAITS)), journal=engine.journal, sweep=3600, repair=3600)
    swept, left, due = asyncio.Event(), _departures(life), life.journal.due

    async def look(now: int, limit: int = 1000) -> list[str]:
        swept.set()
        return await due(now, limit)

    monkeypatch.setattr(life.journal, "due", look)
    async with life as engine, asyncio.timeout(PATIENCE):
        await engine.executor.recovery.recovered.wait()
        for _ in range(5):
            swept.clear()
            while not swept.is_set():
                engine.executor.recovery.due_at(engine.clock.now())
                await asyncio.sleep(0.001)
        assert len(left) <= 2


def _departures(engine: Engine) -> list[str]:
    """List the executions that leave memory."""
    leave, left = engine.executor._leave, list[str]()

    def count(live: Live, **more: Any) -> None:
        left.append(live.id)
        leave(live, **more)

    engine.executor._leave = count  # type: ignore[method-assign]
    return left


async def test_what_was_held_while_it_lacked_them_goes_on_with_the_next_sweep() -> None:
    async with Engine(flow(WAITS)) as engine:
        made = await engine.create("waits")
    life = Engine(lacking(flow(WAITS)), journal=engine.journal, repair=3600)
    async with life as engine:
        async with engine.executor.holding(made):
            await asyncio.sleep(0.05)
            engine.flows.flows["tests", "waits"] = flow(WAITS)
        assert (await engine.end(made)).state is State.SUCCESS


async def test_what_is_due_and_lacks_them_is_tried_once_a_sweep(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Engine(flow(PARKS), park_after=0.0) as engine:
        made = await engine.create("waits")
        async with asyncio.timeout(PATIENCE):
            while not engine.journal.rows[made]["parked"]:
                await asyncio.sleep(0.001)
    engine.clock.advance(3601)
    life = Engine(
        lacking(flow(PARKS)), journal=engine.journal, clock=engine.clock, sweep=3600, repair=3600
    )
    due, looks = engine.journal.due, list[int]()

    async def look(now: int, limit: int = 1000) -> list[str]:
        looks.append(now)
        return await due(now, limit)

    monkeypatch.setattr(engine.journal, "due", look)
    async with life as engine:
        await engine.executor.recovery.recovered.wait()
        await asyncio.sleep(0.05)
        assert len(looks) <= 2


async def test_what_is_due_and_lacks_them_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    other = PARKS.replace("id: waits", "id: other")
    async with Engine(flow(PARKS), flow(other), park_after=0.0) as engine:
        await engine.create("waits")
        made = await engine.create("other")
        async with asyncio.timeout(PATIENCE):
            while not all(row["parked"] for row in engine.journal.rows.values()):
                await asyncio.sleep(0.001)
    engine.clock.advance(3601)
    monkeypatch.setattr(recovery, "_DUE", 1)
    life = Engine(
        lacking(flow(PARKS)), flow(other), journal=engine.journal, clock=engine.clock, repair=3600
    )
    async with life as engine:
        assert (await engine.end(made)).state is State.SUCCESS


async def test_it_can_be_killed_meanwhile() -> None:
    async with Engine(flow(WAITS)) as engine:
        made = await engine.create("waits")
    async with Engine(lacking(flow(WAITS)), journal=engine.journal) as engine:
        await asyncio.wait_for(engine.commands.kill("main", made), PATIENCE)
        assert (await engine.executor.get(made)).state is State.KILLED


async def test_it_leaves_again_once_nobody_holds_it() -> None:
    async with Engine(flow(WAITS)) as engine:
        made = await engine.create("waits")
    life = Engine(lacking(flow(WAITS)), journal=engine.journal)
    async with asyncio.timeout(PATIENCE), life.executor.holding(made) as live:
        await asyncio.sleep(0.01)
        assert not live.left
    assert life.executor.find(made) is None


async def test_a_flow_that_cannot_be_read_now_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Engine(flow(HANGS), flow(OTHER)) as engine:
        made = [await engine.create(name) for name in ("hangs", "other", "hangs", "other")]
    life = Engine(flow(HANGS), flow(OTHER), journal=engine.journal, sweep=0.05)
    at, dark = life.flows.at, {"hangs"}

    async def look(tenant: str, namespace: str, flow_id: str, **which: Any) -> LoadedFlow:
        if flow_id in dark:
            raise Unavailable
        return await at(tenant, namespace, flow_id, **which)

    monkeypatch.setattr(life.flows, "at", look)
    async with life as engine:
        await asyncio.wait_for(engine.executor.recovery.recovered.wait(), PATIENCE)
        found = [engine.executor.find(each) is not None for each in made]
        assert found == [False, True, False, True]
        dark.clear()
        async with asyncio.timeout(PATIENCE):
            while not all(engine.executor.find(each) for each in made):
                await asyncio.sleep(0.01)


@pytest.mark.parametrize("dark", ["current", "at"])
async def test_a_queue_that_cannot_be_read_now_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch, dark: str
) -> None:
    async with Engine(flow(QUEUES), flow(HANGS)) as engine:
        await engine.create("queues")
        second, other = await engine.create("queues"), await engine.create("hangs")
        await engine.until(second, lambda each: each.state is State.QUEUED)
        await engine.until(other, lambda each: bool(each.task_runs))
    life = Engine(flow(QUEUES), flow(HANGS), journal=engine.journal, sweep=0.05)
    engine.journal.slots.slots[second].running = dark == "at"
    read = getattr(life.flows, dark)

    async def look(tenant: str, namespace: str, flow_id: str, **which: Any) -> LoadedFlow:
        if flow_id == "queues":
            raise Unavailable
        found: LoadedFlow = await read(tenant, namespace, flow_id, **which)
        return found

    monkeypatch.setattr(life.flows, dark, look)
    async with life as engine:
        await asyncio.wait_for(engine.executor.recovery.recovered.wait(), PATIENCE)
        assert engine.executor.find(other) is not None


async def test_a_start_waits_for_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Engine(flow(CALLER), flow(CALLED)) as engine:
        current, asked = engine.flows.current, list[str]()

        async def dark(tenant: str, namespace: str, flow_id: str) -> LoadedFlow:
            asked.append(flow_id)
            if asked.count("called") == 1:
                raise Unavailable
            return await current(tenant, namespace, flow_id)

        monkeypatch.setattr(engine.flows, "current", dark)
        made = await engine.create("caller")
        assert (await engine.end(made)).state is State.SUCCESS
        assert asked.count("called") > 1


@pytest.mark.parametrize("verb", ["ended", "render"])
async def test_a_call_waits_for_what_it_started_to_be_read(
    monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    caller = CALLER.replace("called}", "called, outputs: {said: '{{ flow.id }}'}}")
    asked = _fail_once(monkeypatch, verb)
    async with Engine(flow(caller), flow(CALLED)) as engine:
        ended = await engine.end(await engine.create("caller"))
        assert ended.state is State.SUCCESS
        assert len(asked) > 1


@pytest.mark.parametrize("verb", ["ended", "restart"])
async def test_a_restart_waits_for_what_was_started_before_to_be_read(
    monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    caller = CALLER.replace("called}", "called, restartBehavior: RETRY_FAILED}")
    called = f"id: called\ntasks: [{{id: t, type: test.Effect, name: dark-{verb}, fail: 1}}]\n"
    async with Engine(flow(caller), flow(called)) as engine:
        made = await engine.create("caller")
        assert (await engine.end(made)).state is State.FAILED
        asked = _fail_once(monkeypatch, verb)
        await engine.commands.restart("main", made)
        assert (await engine.end(made)).state is State.SUCCESS
        assert len(asked) > 1
        assert len(engine.journal.events) == 2


def _fail_once(monkeypatch: pytest.MonkeyPatch, verb: str) -> list[str]:
    """Let a verb of subflows fail the first time, as in an outage; list the calls of it."""
    work, asked = getattr(SubflowCalls, verb), list[str]()

    async def dark(*arguments: Any) -> Any:
        asked.append(verb)
        if len(asked) == 1:
            raise Unavailable
        return await work(*arguments)

    monkeypatch.setattr(SubflowCalls, verb, dark)
    return asked


async def test_of_two_with_one_id_one_begins() -> None:
    async with Engine(flow(HANGS)) as engine:
        both = [engine.create("hangs", id="one") for _ in range(2)]
        _, refused = await asyncio.gather(*both, return_exceptions=True)
        assert isinstance(refused, Conflict)
        live = engine.executor.find("one")
        assert live is not None
        assert not live.left


async def test_what_a_newer_version_wrote_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Engine(flow(HANGS)) as engine:
        newer, other = sorted([await engine.create(), await engine.create()])
    read_many = engine.journal.read_many

    async def read(ids: Sequence[str]) -> Mapping[str, Sequence[Event]]:
        if newer in ids:
            raise Conflict
        return await read_many(ids)

    monkeypatch.setattr(engine.journal, "read_many", read)
    async with Engine(flow(HANGS), journal=engine.journal) as engine:
        await asyncio.wait_for(engine.executor.recovery.recovered.wait(), PATIENCE)
        assert engine.executor.find(other) is not None
        assert engine.executor.find(newer) is None
