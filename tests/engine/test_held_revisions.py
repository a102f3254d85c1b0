"""Revisions that a gate keeps from becoming active: nobody runs them on a side way."""

from dataclasses import replace

import pytest

from app.engine.commands import NewExecution
from app.errors import Conflict
from app.executions import State
from app.ports import LoadedFlow
from tests.engine.harness import Engine, flow

FLOW = """
id: held
tasks: [{id: say, type: core.debug.Return, format: hello}]
"""


@pytest.mark.parametrize("named", [{"revision": 1}, {"commit": "c" * 40}])
async def test_it_is_not_started_by_its_number_or_commit(named: dict[str, object]) -> None:
    async with Engine(_held()) as engine:
        new = NewExecution("main", "tests", "held", **named)  # type: ignore[arg-type]
        with pytest.raises(Conflict, match=r"revision 1 of tests.held is held: .* commit cccccccc"):
            await engine.commands.create(new)
        assert not engine.journal.events


async def test_it_is_no_choice_for_a_replay_of_another_one() -> None:
    async with Engine(flow(FLOW)) as engine:
        made = await engine.run("held")
        engine.flows.flows["tests", "held"] = _held(2)
        for revision in ("2", "commit:cccc"):
            with pytest.raises(Conflict, match=r"revision 2 of tests\.held is held"):
                await engine.commands.replay("main", made.id, revision=revision)


async def test_what_ran_at_it_may_be_repeated() -> None:
    async with Engine(flow(FLOW)) as engine:
        made = await engine.run("held")
        engine.flows.flows["tests", "held"] = _held()
        again = await engine.commands.replay("main", made.id, revision="original")
        assert (await engine.end(again.id)).state is State.SUCCESS


async def test_what_a_later_commit_took_over_is_not_repeated_at_its_own() -> None:
    async with Engine(flow(FLOW)) as engine:
        made = await engine.run("held")
        held = _held()
        own = replace(held.revision, commit="d" * 40, snapshot="d" * 40)
        engine.flows.flows["tests", "held"] = replace(held, revision=own)
        with pytest.raises(Conflict, match=r"revision 1 of tests\.held is held"):
            await engine.commands.replay("main", made.id, revision="commit:dddd")
        again = await engine.commands.replay("main", made.id, revision="1")
        assert (await engine.end(again.id)).commit == made.commit


def _held(number: int = 1) -> LoadedFlow:
    loaded = flow(FLOW)
    return replace(loaded, revision=replace(loaded.revision, revision=number, state="held"))
