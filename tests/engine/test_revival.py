"""Executions that change after their end: `Executor.revive`."""

import asyncio
from collections.abc import Sequence

import pytest

from app.errors import Conflict, NotFound
from app.executions import ROOT, Event, Execution, Kind, State
from app.ports import LoadedFlow
from tests.engine.harness import SERVICE, Engine, flow, states

FAILING = """
    id: failing
    tasks:
      - {id: a, type: core.debug.Return, format: "x"}
      - {id: b, type: test.Effect, name: NAME, fail: 1}
      - {id: c, type: core.debug.Return, format: "{{ outputs.b.call }}"}
"""


def restart(execution: Execution, loaded: LoadedFlow) -> Sequence[Event]:
    """A restart from task `b`, and nothing while it runs."""
    if not execution.state.terminal:
        raise Conflict("it runs")
    runs = {"/b": "RESTARTED"}
    return [Event(Kind.RESTARTED, execution.created_at, ROOT, State.RESTARTED, data={"runs": runs})]


def labelled(execution: Execution, loaded: LoadedFlow) -> Sequence[Event]:
    data = {"labels": [["k", "v"]]}
    return [Event(Kind.LABELLED, execution.created_at, ROOT, data=data)]


async def test_an_execution_that_ended_goes_on() -> None:
    SERVICE.failures.clear()
    async with Engine(flow(FAILING.replace("NAME", "revived"))) as engine:
        first = await engine.run()
        assert first.state is State.FAILED
        await engine.executor.revive(first.id, restart)
        second = await engine.end(first.id)
        assert second.state is State.SUCCESS
        assert engine.executor.count() == 0
    assert states(second) == {"/a": "SUCCESS", "/b": "SUCCESS", "/c": "SUCCESS"}
    assert engine.journal.execution(first.id) == second
    assert second.attempt == 2


async def test_of_two_restarts_at_once_one_wins() -> None:
    SERVICE.failures.clear()
    loaded = flow(FAILING.replace("NAME", "raced"))
    async with Engine(loaded) as one:
        first = await one.run()
        two = Engine(loaded, journal=one.journal, clock=one.clock)  # does not watch
        results = await asyncio.gather(
            *(engine.executor.revive(first.id, restart) for engine in (one, one, two, two)),
            return_exceptions=True,
        )
        await one.until(first.id, lambda each: each.state is State.SUCCESS)
        await two.executor.stop(drain=0)
    refused = [each for each in results if isinstance(each, Conflict)]
    assert len(refused) == 3
    assert one.journal.execution(first.id).attempt == 2


async def test_what_is_refused_changes_nothing() -> None:
    async with Engine(flow(FAILING.replace("NAME", "refused"))) as engine:
        first = await engine.run()
        before = list(engine.journal.events[first.id])

        def refuse(execution: Execution, loaded: LoadedFlow) -> Sequence[Event]:
            raise Conflict("no")

        with pytest.raises(Conflict, match="no"):
            await engine.executor.revive(first.id, refuse)
        with pytest.raises(NotFound):
            await engine.executor.revive("nothing", refuse)
        assert engine.journal.events[first.id] == before
        assert engine.executor.count() == 0


async def test_labels_change_wherever_the_execution_is() -> None:
    paused = flow("""
        id: paused
        tasks:
          - {id: wait, type: core.flow.Pause}
    """)
    async with Engine(paused) as engine:
        made = await engine.create()
        await engine.until(made, lambda each: each.state is State.PAUSED)
        changed = await engine.executor.revive(made, labelled)
        assert dict(changed.labels) == {"k": "v"}
        await engine.commands.resume("main", made)
        ended = await engine.end(made)
        assert dict(ended.labels) == {"k": "v"}
        await engine.executor.revive(made, labelled)
        assert (await engine.executor.get(made)).state is State.SUCCESS
        assert engine.executor.count() == 0
