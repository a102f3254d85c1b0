"""What people change of executions by hand: labels, states, pauses."""

import pytest

from app.errors import Conflict, Invalid, NotFound
from app.executions import State
from tests.engine.harness import Engine, flow, states

PAUSED = flow("""
    id: paused
    labels: {team: a}
    tasks:
      - {id: wait, type: core.flow.Pause}
      - {id: after, type: core.debug.Return, format: "{{ labels.mood ?? 'none' }}"}
""")


async def paused(engine: Engine) -> str:
    made = await engine.create()
    await engine.until(made, lambda each: each.state is State.PAUSED)
    return made


async def test_labels_are_replaced_but_those_of_the_system() -> None:
    async with Engine(PAUSED) as engine:
        made = await paused(engine)
        changed = await engine.commands.label("main", made, [("mood", "good")])
        labels = dict(changed.labels)
        assert labels == {"mood": "good", "system.correlationId": made}
        await engine.commands.label("main", made, list(changed.labels))
        with pytest.raises(Invalid, match=r"system\."):
            await engine.commands.label("main", made, [("system.x", "y")])
        with pytest.raises(Invalid, match="limit"):
            await engine.commands.label("main", made, [(f"k{n}", "v") for n in range(100)])
        with pytest.raises(NotFound):
            await engine.commands.label("other", made, [])
        await engine.commands.resume("main", made)
        execution = await engine.end(made)
    assert execution.task_runs["/after"].outputs == {"value": "good"}


async def test_only_an_end_changes_into_another_end() -> None:
    async with Engine(PAUSED) as engine:
        made = await paused(engine)
        with pytest.raises(Invalid, match="has not ended"):
            await engine.commands.change_status("main", made, State.SUCCESS)
        await engine.commands.kill("main", made)
        changed = await engine.commands.change_status("main", made, State.WARNING)
        assert changed.state is State.WARNING
        assert (await engine.executor.get(made)).state is State.WARNING
        with pytest.raises(Invalid, match="by hand"):
            await engine.commands.change_status("main", made, State.RUNNING)
        with pytest.raises(NotFound):
            await engine.commands.change_status("main", "nothing", State.SUCCESS)


@pytest.mark.parametrize(
    ("mark", "state", "runs"),
    [
        ("RUNNING", "SUCCESS", {"/wait": "SUCCESS", "/after": "SUCCESS"}),
        ("SUCCESS", "SUCCESS", {"/wait": "SUCCESS", "/after": "SUCCESS"}),
        ("WARNING", "WARNING", {"/wait": "WARNING", "/after": "SUCCESS"}),
        ("FAILED", "FAILED", {"/wait": "FAILED"}),
        ("CANCELLED", "CANCELLED", {"/wait": "CANCELLED"}),
    ],
)
async def test_a_pause_ends_as_somebody_says(mark: str, state: str, runs: dict[str, str]) -> None:
    async with Engine(PAUSED) as engine:
        made = await paused(engine)
        run = engine.journal.execution(made).task_runs["/wait"].id
        await engine.commands.change_task_run("main", made, run, State(mark))
        execution = await engine.end(made)
    assert execution.state == state
    assert states(execution) == runs


async def test_force_run_resumes_and_leaves_what_runs_alone() -> None:
    async with Engine(PAUSED) as engine:
        made = await paused(engine)
        await engine.commands.force_run("main", made)
        assert (await engine.end(made)).state is State.SUCCESS
        with pytest.raises(Invalid, match="ended"):
            await engine.commands.force_run("main", made)
        with pytest.raises(Conflict):
            await engine.commands.pause("main", made)
