"""Service levels (`sla`) of executions."""

import asyncio

import pytest

from app.executions import State
from tests.engine.fakes import FakeClock, MemoryJournal
from tests.engine.harness import PATIENCE, SERVICE, Engine, flow, states

SLOW = """
    id: slow
    sla:
      - {id: quick, type: MAX_DURATION, duration: LONGEST, behavior: BEHAVIOR,
         labels: {sla: missed}}
    tasks:
      - {id: a, type: TYPE}
"""


def slow(duration: str, behavior: str, kind: str) -> str:
    source = SLOW.replace("LONGEST", duration).replace("BEHAVIOR", behavior)
    return source.replace("type: TYPE", kind)


@pytest.mark.parametrize(("behavior", "state"), [("FAIL", "FAILED"), ("CANCEL", "CANCELLED")])
async def test_what_takes_too_long_ends(behavior: str, state: str) -> None:
    loaded = flow(slow("PT0.05S", behavior, "type: test.Effect, name: slow, hang: true"))
    async with Engine(loaded) as engine:
        execution = await engine.run()
        assert SERVICE.running == 0
    assert execution.state == state
    assert states(execution) == {"/a": state}
    assert ("sla", "missed") in execution.labels
    assert "quick" in (execution.reason or "")


async def test_a_level_without_a_consequence_adds_its_labels_once() -> None:
    loaded = flow(slow("PT0.01S", "NONE", "type: core.flow.Pause"))
    async with Engine(loaded) as engine:
        made = await engine.create()
        await engine.until(made, lambda each: bool(each.violated))
        await engine.commands.resume("main", made)
        execution = await engine.end(made)
    assert execution.state is State.SUCCESS
    assert execution.violated == ["quick"]
    assert dict(execution.labels)["sla"] == "missed"
    kinds = [event.kind for event in engine.journal.events[execution.id]]
    assert kinds.count("labelled") == 1


async def test_who_is_quick_enough_is_left_alone() -> None:
    loaded = flow(slow("PT10S", "FAIL", "type: core.debug.Return, format: x"))
    async with Engine(loaded) as engine:
        execution = await engine.run()
    assert execution.state is State.SUCCESS
    assert execution.violated == []


async def test_the_time_runs_while_it_is_parked_and_over_a_restart() -> None:
    loaded = flow(slow("PT1H", "FAIL", "type: core.flow.Pause"))
    journal, clock = MemoryJournal(), FakeClock()
    async with Engine(loaded, journal=journal, clock=clock) as engine:
        one = await engine.create()
        await engine.until(one, lambda each: each.state is State.PAUSED)
        async with asyncio.timeout(PATIENCE):
            while engine.executor.count():
                await asyncio.sleep(0.001)
        clock.advance(3601)
        assert (await engine.end(one)).state is State.FAILED
        two = await engine.create()
        await engine.until(two, lambda each: each.state is State.PAUSED)
    clock.advance(3601)
    async with Engine(loaded, journal=journal, clock=clock) as engine:
        execution = await engine.until(two, lambda each: each.state.terminal)
    assert execution.state is State.FAILED


async def test_a_queued_execution_gives_its_place_away() -> None:
    source = slow("PT0.1S", "CANCEL", "type: core.flow.Pause") + "    concurrency: {limit: 1}\n"
    async with Engine(flow(source)) as engine:
        made = [await engine.create() for _ in range(3)]
        for each in made:
            assert (await engine.end(each)).state is State.CANCELLED
        assert engine.journal.slots.slots == {}


ASSERTED = """
    id: asserted
    sla:
      - {id: right, type: EXECUTION_ASSERTION, assert: "{{ outputs.a.value == 'right' }}",
         behavior: BEHAVIOR, labels: {checked: wrong}}
    tasks:
      - {id: a, type: core.debug.Return, format: "VALUE"}
      - {id: b, type: TYPE}
"""


@pytest.mark.parametrize(
    ("value", "behavior", "state"),
    [
        ("right", "FAIL", "SUCCESS"),
        ("wrong", "FAIL", "FAILED"),
        ("wrong", "CANCEL", "CANCELLED"),
        ("wrong", "NONE", "SUCCESS"),
    ],
)
@pytest.mark.parametrize(
    "kind", ["core.debug.Return, format: x", "core.flow.Sleep, duration: PT1S"]
)
async def test_an_assertion_holds_at_every_change(
    value: str, behavior: str, state: str, kind: str
) -> None:
    source = ASSERTED.replace("VALUE", value).replace("BEHAVIOR", behavior)
    if state == "SUCCESS":
        kind = "core.debug.Return, format: x"
    async with Engine(flow(source.replace("TYPE", kind))) as engine:
        execution = await engine.run()
    assert execution.state == state
    assert (("checked", "wrong") in execution.labels) == (value == "wrong")


async def test_what_follows_the_end_follows_a_violation_too() -> None:
    source = slow("PT0.02S", "FAIL", "type: core.flow.Pause")
    source += """
    afterExecution:
      - {id: b, type: core.debug.Return, format: "{{ execution.state }}"}
    """
    async with Engine(flow(source)) as engine:
        made = await engine.create()
        assert (await engine.end(made)).state is State.FAILED
        execution = await engine.until(made, lambda each: each.over)
    assert execution.task_runs["/b"].outputs == {"value": "FAILED"}
