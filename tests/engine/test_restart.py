"""Restarts, replays and states set by hand: what goes on, what runs anew, what is taken out."""

from typing import Any

import pytest

from app.engine.restart import changed, replayed, restarted
from app.errors import Conflict, Invalid, NotFound
from app.executions import Execution, State
from tests.engine.harness import SERVICE, Engine, flow, states


async def ended(source: str, **new: Any) -> tuple[Execution, Any]:
    """Run a flow to its end; return the execution and the flow."""
    loaded = flow(source)
    async with Engine(loaded) as engine:
        return await engine.run(**new), loaded.flow


def after(execution: Execution, event: Any) -> Execution:
    execution.apply(event)
    return execution


NESTED = """
id: nested
tasks:
  - {id: before, type: core.debug.Return, format: "1"}
  - id: outer
    type: core.flow.Sequential
    tasks:
      - {id: inner, type: core.debug.Return, format: "2"}
      - {id: fails, type: core.execution.Fail}
    errors:
      - {id: handler, type: core.debug.Return, format: "3"}
  - {id: never, type: core.debug.Return, format: "4"}
finally:
  - {id: last, type: core.debug.Return, format: "5"}
"""


async def test_a_restart_goes_on_from_what_failed() -> None:
    execution, model = await ended(NESTED)
    assert execution.state is State.FAILED
    execution = after(execution, restarted(execution, model, 9))
    assert execution.state is State.RESTARTED
    assert execution.attempt == 2
    assert states(execution) == {
        "/before": "SUCCESS",
        "/outer": "RUNNING",
        "/outer/inner": "SUCCESS",
        "/outer/fails": "RESTARTED",
    }


async def test_nothing_failed_nothing_restarts() -> None:
    execution, model = await ended("id: f\ntasks: [{id: a, type: core.debug.Return}]")
    with pytest.raises(Invalid, match="No task found to restart"):
        restarted(execution, model, 9)


async def test_an_execution_without_a_failed_task_is_walked_again() -> None:
    execution, model = await ended(
        "id: f\ntasks: [{id: a, type: core.debug.Return}]\noutputs: [{id: o, type: INT, value: x}]"
    )
    assert execution.state is State.FAILED
    execution = after(execution, restarted(execution, model, 9))
    assert states(execution) == {"/a": "SUCCESS"}
    assert execution.state is State.RESTARTED


LOOPS = """
id: loops
tasks:
  - id: rounds
    type: core.flow.ForEach
    values: [a, b, c]
    tasks:
      - {id: one, type: core.debug.Return, format: "{{ taskrun.value }}"}
      - {id: two, type: core.debug.Return, format: "{{ taskrun.value }}"}
  - id: sides
    type: core.flow.Parallel
    tasks:
      - {id: left, type: core.debug.Return}
      - {id: right, type: core.debug.Return}
  - {id: end, type: core.debug.Return}
"""


async def test_a_replay_keeps_what_was_before_and_drops_what_came_after() -> None:
    execution, model = await ended(LOOPS)
    target = execution.task_runs["/rounds[1]/one"]  # type: ignore[index]  # a path is a text
    execution = after(execution, replayed(execution, model, target.id, 9))
    assert states(execution) == {
        "/rounds": "RUNNING",
        "/rounds[0]/one": "SUCCESS",
        "/rounds[0]/two": "SUCCESS",
        "/rounds[1]/one": "RESTARTED",
    }


async def test_a_replay_keeps_what_ran_beside() -> None:
    execution, model = await ended(LOOPS)
    target = execution.task_runs["/sides/left"]  # type: ignore[index]  # a path is a text
    kept = states(after(execution, replayed(execution, model, target.id, 9)))
    assert kept["/sides/left"] == "RESTARTED"
    assert kept["/sides/right"] == "SUCCESS"
    assert "/end" not in kept


async def test_a_replayed_flowable_decides_again_and_loses_its_children() -> None:
    execution, model = await ended(LOOPS)
    target = execution.task_runs["/rounds"]  # type: ignore[index]  # a path is a text
    execution = after(execution, replayed(execution, model, target.id, 9))
    assert states(execution) == {"/rounds": "RUNNING"}
    assert execution.task_runs[target.path].decision is None


async def test_there_is_nothing_to_replay() -> None:
    execution, model = await ended(LOOPS)
    with pytest.raises(Invalid, match="No task found"):
        replayed(execution, model, "unknown", 9)


async def test_a_state_set_by_hand_lets_the_flow_go_on() -> None:
    execution, model = await ended(NESTED)
    target = execution.task_runs["/outer/fails"]  # type: ignore[index]  # a path is a text
    execution = after(execution, changed(execution, model, target.id, State.SUCCESS, 9))
    assert states(execution) == {
        "/before": "SUCCESS",
        "/outer": "RUNNING",
        "/outer/inner": "SUCCESS",
        "/outer/fails": "SUCCESS",
        "/outer/handler": "SUCCESS",
    }


async def test_only_an_end_is_set_by_hand() -> None:
    execution, model = await ended(NESTED)
    target = execution.task_runs["/outer/fails"]  # type: ignore[index]  # a path is a text
    with pytest.raises(Invalid, match="only to a state that ends it"):
        changed(execution, model, target.id, State.RUNNING, 9)


async def test_a_restarted_execution_runs_to_its_end() -> None:
    source = """
    id: f
    tasks:
      - {id: once, type: test.Effect, name: restart-once}
      - {id: flaky, type: test.Effect, name: restart-flaky, fail: 1}
      - {id: last, type: core.debug.Return, format: "{{ outputs.flaky.call }}"}
    """
    loaded = flow(source)
    async with Engine(loaded) as engine:
        execution = await engine.run()
        assert execution.state is State.FAILED
        journal = engine.journal
    execution = journal.execution(execution.id)
    event = restarted(execution, loaded.flow, engine.clock.now())
    execution.apply(event)
    await journal.append(execution, [event])
    async with Engine(loaded, journal=journal) as again:
        done = await again.end(execution.id)
    assert states(done) == {"/once": "SUCCESS", "/flaky": "SUCCESS", "/last": "SUCCESS"}
    assert done.state is State.SUCCESS
    assert len(SERVICE.keys("restart-once")) == 1
    assert len(set(SERVICE.keys("restart-flaky"))) == 2


FLAKY = """
id: f
tasks:
  - {id: once, type: test.Effect, name: NAME-once}
  - {id: flaky, type: test.Effect, name: NAME-flaky, fail: 1}
  - {id: last, type: core.debug.Return, format: "{{ outputs.flaky.call }}"}
"""


async def test_restart_as_a_command() -> None:
    async with Engine(flow(FLAKY.replace("NAME", "command"))) as engine:
        failed = await engine.run()
        snapshot = await engine.commands.restart("main", failed.id)
        assert snapshot.id == failed.id
        assert snapshot.state is State.RESTARTED
        assert [moment.state for moment in snapshot.histories][-2:] == ["FAILED", "RESTARTED"]
        done = await engine.end(failed.id)
        assert done.state is State.SUCCESS
        assert len(SERVICE.keys("command-once")) == 1
        with pytest.raises(Invalid, match="No task found to restart"):
            await engine.commands.restart("main", failed.id)


async def test_a_restart_at_a_revision_is_a_copy() -> None:
    async with Engine(flow(FLAKY.replace("NAME", "revision"))) as engine:
        failed = await engine.run()
        copied = await engine.commands.restart("main", failed.id, revision=failed.revision)
        assert copied.id != failed.id
        assert copied.parent_id == copied.original_id == failed.id
        assert (await engine.end(copied.id)).state is State.SUCCESS
        assert engine.journal.execution(failed.id).state is State.FAILED
        assert len(SERVICE.keys("revision-once")) == 1


async def test_replay_from_a_task_run_is_a_copy_with_its_outputs() -> None:
    source = """
    id: f
    inputs: [{id: word, type: STRING, defaults: old}]
    tasks:
      - {id: one, type: core.debug.Return, format: "{{ inputs.word }}"}
      - {id: two, type: core.debug.Return, format: "{{ outputs.one.value }} {{ inputs.word }}"}
      - {id: three, type: core.debug.Return, format: "{{ outputs.two.value }}!"}
    """
    async with Engine(flow(source)) as engine:
        first = await engine.run()
        two = next(run for run in first.task_runs.values() if run.task == "two")
        copied = await engine.commands.replay(
            "main", first.id, task_run_id=two.id, inputs={"word": "new"}
        )
        assert [run.task for run in copied.task_runs.values()] == ["one", "two"]
        done = await engine.end(copied.id)
        assert done.state is State.SUCCESS
        assert {run.task: run.outputs for run in done.task_runs.values()} == {
            "one": {"value": "old"},
            "two": {"value": "old new"},
            "three": {"value": "old new!"},
        }
        assert not {run.id for run in done.task_runs.values()} & {
            run.id for run in first.task_runs.values()
        }
        again = await engine.commands.replay("main", done.id)
        assert again.parent_id == done.id
        assert again.original_id == first.id
        assert (await engine.end(again.id)).outputs == first.outputs


async def test_a_task_run_set_by_hand_goes_on_after_it() -> None:
    async with Engine(flow(NESTED)) as engine:
        failed = await engine.run()
        run = next(each for each in failed.task_runs.values() if each.task == "fails")
        await engine.commands.change_task_run("main", failed.id, run.id, State.SUCCESS)
        done = await engine.end(failed.id)
        assert done.state is State.SUCCESS
        assert states(done)["/never"] == "SUCCESS"
        assert states(done)["/last"] == "SUCCESS"


async def test_only_what_ended_is_deleted() -> None:
    source = "id: f\ntasks: [{id: wait, type: core.flow.Pause}]"
    async with Engine(flow(source)) as engine:
        made = await engine.create()
        await engine.until(made, lambda found: found.state is State.PAUSED)
        with pytest.raises(Conflict, match="kill it before"):
            await engine.commands.delete("main", made)
        with pytest.raises(NotFound):
            await engine.commands.delete("other", made)
        await engine.commands.kill("main", made)
        await engine.end(made)
        await engine.commands.delete("main", made)
        with pytest.raises(NotFound):
            await engine.executor.get(made)


TELLS = """
id: tells
tasks:
  - {id: fails, type: core.execution.Fail}
errors:
  - {id: tell, type: test.Effect, name: told}
  - {id: call, type: core.flow.Subflow, namespace: tests, flowId: child}
"""


async def test_what_runs_anew_after_a_restart_is_another_task_run() -> None:
    child = flow("id: child\ntasks: [{id: a, type: core.debug.Return}]")
    async with Engine(flow(TELLS), child) as engine:
        first = await engine.run()
        await engine.commands.restart("main", first.id)
        second = await engine.end(first.id)
        keys = [key for key in SERVICE.keys("told") if key.startswith(first.id)]
        assert len(set(keys)) == 2, "a service that remembers keys would not be told again"
        called = [each.task_runs["/call"].outputs["executionId"] for each in (first, second)]  # type: ignore[index]
        assert called[0] != called[1]
        again = await engine.executor.get(first.id)
        assert again.task_runs["/fails"].id == first.task_runs["/fails"].id
        assert again.restarts == 1
