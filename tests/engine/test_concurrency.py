"""`concurrency`: who runs, who queues, and that no slot is lost or given twice."""

import asyncio
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import Invalid
from app.executions import State
from tests.engine.fakes import FakeClock, MemoryJournal
from tests.engine.harness import PATIENCE, SERVICE, Engine, flow

QUEUE = """
    id: limited
    concurrency: {limit: LIMIT, behavior: BEHAVIOR}
    tasks:
      - {id: wait, type: core.flow.Pause}
      - {id: done, type: core.debug.Return, format: "x"}
"""


def limited(limit: int = 1, behavior: str = "QUEUE") -> str:
    return QUEUE.replace("LIMIT", str(limit)).replace("BEHAVIOR", behavior)


async def settled(engine: Engine, wanted: Counter[str], timeout: float = PATIENCE) -> None:
    """Wait until that many executions are in these states."""
    async with asyncio.timeout(timeout):
        while count(engine) != wanted:
            await asyncio.sleep(0.001)


def count(engine: Engine) -> Counter[str]:
    journal = engine.journal
    return Counter(journal.execution(each).state.value for each in journal.events)


async def test_what_is_above_the_limit_queues_outside_of_memory() -> None:
    async with Engine(flow(limited(2))) as engine:
        made = [await engine.create() for _ in range(5)]
        await settled(engine, Counter(PAUSED=2, QUEUED=3))
        async with asyncio.timeout(PATIENCE):
            while engine.executor.count():
                await asyncio.sleep(0.001)
        for ended in range(1, 6):
            await engine.commands.resume("main", made[ended - 1])
            left = 5 - ended
            wanted = Counter(SUCCESS=ended, PAUSED=min(2, left), QUEUED=max(0, left - 2))
            await settled(engine, +wanted)
        queued = engine.journal.execution(made[4])
    assert [each.state for each in queued.histories][:3] == ["CREATED", "QUEUED", "RUNNING"]
    assert engine.journal.slots.slots == {}


@pytest.mark.parametrize(("behavior", "state"), [("CANCEL", "CANCELLED"), ("FAIL", "FAILED")])
async def test_what_is_above_the_limit_ends(behavior: str, state: str) -> None:
    async with Engine(flow(limited(1, behavior))) as engine:
        first = await engine.create()
        await settled(engine, Counter(PAUSED=1))
        second = await engine.run()
        assert second.state == state
        assert second.task_runs == {}
        await engine.commands.kill("main", first)
        third = await engine.create()
        await engine.until(third, lambda each: each.state is State.PAUSED)
        assert engine.journal.slots.slots.keys() == {third}


async def test_a_killed_one_leaves_the_queue() -> None:
    async with Engine(flow(limited())) as engine:
        first, second, third = [await engine.create() for _ in range(3)]
        await settled(engine, Counter(PAUSED=1, QUEUED=2))
        await engine.commands.kill("main", second)
        await settled(engine, Counter(PAUSED=1, QUEUED=1, KILLED=1))
        await engine.commands.kill("main", first)
        await engine.until(third, lambda each: each.state is State.PAUSED)
        assert engine.journal.execution(second).state is State.KILLED


async def test_unqueue_and_force_run_ignore_the_limit() -> None:
    async with Engine(flow(limited())) as engine:
        made = [await engine.create() for _ in range(5)]
        await settled(engine, Counter(PAUSED=1, QUEUED=4))
        await engine.commands.unqueue("main", made[2])
        await engine.commands.force_run("main", made[3])
        await settled(engine, Counter(PAUSED=3, QUEUED=2))
        with pytest.raises(Invalid, match="not QUEUED"):
            await engine.commands.unqueue("main", made[2])
        with pytest.raises(Invalid, match="SUCCESS"):
            await engine.commands.unqueue("main", made[1], state=State.SUCCESS)
        await engine.commands.unqueue("main", made[1], state=State.CANCELLED)
        await engine.commands.resume("main", made[0])
        await engine.commands.resume("main", made[2])
        await settled(engine, Counter(SUCCESS=2, PAUSED=1, QUEUED=1, CANCELLED=1))
        await engine.commands.resume("main", made[3])
        await settled(engine, Counter(SUCCESS=3, PAUSED=1, CANCELLED=1))


async def test_a_raised_limit_lets_more_in() -> None:
    async with Engine(flow(limited()), repair=0.01) as engine:
        for _ in range(4):
            await engine.create()
        await settled(engine, Counter(PAUSED=1, QUEUED=3))
        engine.flows.flows["tests", "limited"] = flow(limited(3))
        await settled(engine, Counter(PAUSED=3, QUEUED=1))
        free = limited().replace("concurrency: {limit: 1, behavior: QUEUE}", "description: free")
        engine.flows.flows["tests", "limited"] = flow(free)
        await settled(engine, Counter(PAUSED=4))


async def test_one_that_waits_for_a_retry_does_not_count() -> None:
    loaded = flow("""
        id: limited
        concurrency: {limit: 1}
        tasks:
          - id: a
            type: test.Effect
            name: retrying
            fail: 100
            retry: {type: constant, interval: PT1H}
    """)
    async with Engine(loaded) as engine:
        for ended in (1, 2):
            await engine.create()
            await settled(engine, Counter(RETRYING=ended))


async def test_a_planned_one_waits_for_its_date_then_for_a_slot() -> None:
    clock = FakeClock()
    async with Engine(flow(limited()), clock=clock) as engine:
        planned = await engine.create(schedule_date=clock.now() + 3_600_000_000)
        first = await engine.create()
        await settled(engine, Counter(PAUSED=1, CREATED=1))
        async with asyncio.timeout(PATIENCE):
            while engine.executor.count():
                await asyncio.sleep(0.001)
        clock.advance(3601)
        await settled(engine, Counter(PAUSED=1, QUEUED=1))
        await engine.commands.kill("main", first)
        await engine.until(planned, lambda each: each.state is State.PAUSED)


async def test_a_planned_one_can_be_killed_or_run_at_once() -> None:
    clock = FakeClock()
    loaded = flow("""
        id: planned
        tasks:
          - {id: a, type: core.debug.Return, format: "x"}
    """)
    async with Engine(loaded, clock=clock) as engine:
        one, two = [
            await engine.create(schedule_date=clock.now() + 3_600_000_000) for _ in range(2)
        ]
        await engine.commands.kill("main", one)
        await engine.commands.force_run("main", two)
        assert (await engine.end(two)).state is State.SUCCESS
        assert (await engine.end(one)).state is State.KILLED


async def test_a_restarted_execution_counts_but_never_waits() -> None:
    loaded = flow("""
        id: limited
        concurrency: {limit: 1}
        tasks:
          - {id: a, type: test.Effect, name: restarted, fail: 1}
          - {id: wait, type: core.flow.Pause}
    """)
    SERVICE.failures.clear()
    async with Engine(loaded) as engine:
        first = await engine.run()
        assert first.state is State.FAILED
        await engine.create()
        await settled(engine, Counter(FAILED=1, PAUSED=1))
        await engine.commands.restart("main", first.id)
        await settled(engine, Counter(PAUSED=2))
        third = await engine.create()
        await settled(engine, Counter(PAUSED=2, QUEUED=1))
        await engine.commands.resume("main", first.id)
        await settled(engine, Counter(SUCCESS=1, PAUSED=1, QUEUED=1))
        assert engine.journal.execution(third).state is State.QUEUED


RUNS = """
    id: limited
    concurrency: {limit: 2}
    tasks:
      - {id: a, type: test.Effect, name: crowded}
      - {id: b, type: core.flow.Sleep, duration: PT0.001S}
"""


@pytest.mark.timeout(300)
@given(crashes=st.lists(st.integers(1, 25), max_size=4), count=st.integers(1, 7))
@settings(max_examples=40, deadline=None)
def test_a_crash_anywhere_leaks_no_slot_and_gives_none_twice(
    crashes: list[int], count: int
) -> None:
    asyncio.run(_lives(crashes, count))


async def _lives(crashes: list[int], wanted: int) -> None:
    loaded = flow(RUNS)
    journal, clock = MemoryJournal(), FakeClock()
    for crash in [*crashes, None]:
        journal.crash_at = None if crash is None else journal.count + crash
        journal.crashed.clear()
        async with Engine(loaded, journal=journal, clock=clock) as engine:
            work = asyncio.create_task(_all(engine, wanted))
            died = asyncio.create_task(journal.crashed.wait())
            async with asyncio.timeout(PATIENCE):
                await asyncio.wait([work, died], return_when=asyncio.FIRST_COMPLETED)
            died.cancel()
            work.cancel()
            await asyncio.gather(work, died, return_exceptions=True)
    assert journal.slots.slots == {}
    assert _most(journal) <= 2
    states = {journal.execution(each).state for each in journal.events}
    assert states == {State.SUCCESS}


async def _all(engine: Engine, wanted: int) -> None:
    journal = engine.journal
    while len(journal.events) < wanted:
        await engine.create()
    while any(not journal.execution(each).state.terminal for each in journal.events):
        assert journal.slots.held(("main", "tests", "limited")) <= 2
        await asyncio.sleep(0.001)


def _most(journal: MemoryJournal) -> int:
    """The most executions that ran at once, by their journals."""
    moments = []
    for each in journal.events:
        for state, at in journal.execution(each).histories:
            if state is State.RUNNING:
                moments.append((at, 1))
            elif state.terminal:
                moments.append((at, -1))
    running, most = 0, 0
    for _, change in sorted(moments):
        running += change
        most = max(most, running)
    return most
