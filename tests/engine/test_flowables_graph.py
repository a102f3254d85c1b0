"""Flowables that order their tasks: graphs, groups that may fail, exits, new executions."""

import pytest

from app.executions import State
from tests.engine.harness import SERVICE, Engine, flow, states


async def test_a_graph_runs_in_the_order_of_its_dependencies() -> None:
    loaded = flow("""
        id: graph
        tasks:
          - id: dag
            type: core.flow.Dag
            tasks:
              - task:
                  id: c
                  type: core.debug.Return
                  format: "{{ outputs.a.value ~ outputs.b.value }}"
                dependsOn: [a, b]
              - {task: {id: a, type: core.debug.Return, format: a}}
              - {task: {id: b, type: core.debug.Return, format: b}, dependsOn: [a]}
              - {task: {id: off, type: core.execution.Fail, disabled: true}}
              - {task: {id: d, type: core.debug.Return, format: d}, dependsOn: [off]}
    """)
    for _ in range(2):
        async with Engine(loaded) as engine:
            execution = await engine.run()
    assert execution.state is State.SUCCESS
    assert execution.task_runs["/dag/c"].outputs == {"value": "ab"}
    assert set(states(execution).values()) == {"SUCCESS"}
    assert [run.task for run in execution.task_runs.values()][:3] == ["dag", "a", "d"]


@pytest.mark.parametrize(("limit", "most"), [(0, 3), (2, 2), (1, 1)])
async def test_a_graph_keeps_to_its_limit(limit: int, most: int) -> None:
    loaded = flow(f"""
        id: limited
        tasks:
          - id: dag
            type: core.flow.Dag
            concurrent: {limit}
            tasks:
              - {{task: {{id: a, type: test.Effect, name: g}}}}
              - {{task: {{id: b, type: test.Effect, name: g}}}}
              - {{task: {{id: c, type: test.Effect, name: g}}}}
              - {{task: {{id: d, type: test.Effect, name: g}}, dependsOn: [a, b, c]}}
    """)
    SERVICE.most = 0
    async with Engine(loaded) as engine:
        execution = await engine.run()
    assert execution.state is State.SUCCESS
    assert most == SERVICE.most


async def test_a_failure_in_a_graph_lets_nothing_new_start() -> None:
    loaded = flow("""
        id: failing
        tasks:
          - id: dag
            type: core.flow.Dag
            tasks:
              - {task: {id: a, type: core.execution.Fail}}
              - {task: {id: b, type: core.debug.Return, format: x}}
              - {task: {id: c, type: core.debug.Return, format: x}, dependsOn: [b]}
              - {task: {id: d, type: core.debug.Return, format: x}, dependsOn: [c]}
            errors:
              - {id: e, type: core.debug.Return, format: "{{ error.taskId }}: {{ error.message }}"}
    """)
    async with Engine(loaded) as engine:
        execution = await engine.run()
    assert execution.state is State.FAILED
    assert "/dag/d" not in execution.task_runs
    assert execution.task_runs["/dag/e"].outputs == {"value": "a: Task failure"}


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ("[{task: {id: a, type: core.log.Log, message: x}, dependsOn: [z]}]", "Not existing task"),
        (
            """
                  - {task: {id: a, type: test.Broken}, dependsOn: [b]}
                  - {task: {id: b, type: test.Broken}, dependsOn: [a]}""",
            "Cyclic dependency detected: a, b",
        ),
    ],
)
def test_a_graph_that_cannot_run_is_refused(tasks: str, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        flow(f"""
            id: refused
            tasks:
              - id: dag
                type: core.flow.Dag
                tasks: {tasks}
        """)


async def test_a_group_may_fail() -> None:
    loaded = flow("""
        id: may_fail
        tasks:
          - id: group
            type: core.flow.AllowFailure
            tasks:
              - {id: a, type: core.execution.Fail}
              - {id: b, type: core.debug.Return, format: never}
            errors:
              - {id: e, type: core.debug.Return, format: x}
          - {id: next, type: core.debug.Return, format: x}
    """)
    async with Engine(loaded) as engine:
        execution = await engine.run()
    assert execution.state is State.WARNING
    assert states(execution) == {
        "/group": "WARNING", "/group/a": "FAILED", "/group/e": "SUCCESS", "/next": "SUCCESS",
    }  # fmt: skip


async def test_each_parallel_runs_all_tasks_of_all_values_side_by_side() -> None:
    loaded = flow("""
        id: apart
        tasks:
          - id: each
            type: core.flow.EachParallel
            value: '["x", "y"]'
            tasks:
              - {id: a, type: test.Effect, name: p}
              - {id: b, type: test.Effect, name: p}
          - id: one
            type: core.flow.EachSequential
            value: ["{{ 1 + 1 }}", {k: v}]
            tasks:
              - id: c
                type: core.debug.Return
                format: "{{ taskrun.value }} {{ taskrun.iteration }}"
    """)
    SERVICE.most = 0
    async with Engine(loaded) as engine:
        execution = await engine.run()
    assert execution.state is State.SUCCESS
    assert SERVICE.most == 4
    assert execution.task_runs["/one[0]/c"].outputs == {"value": "2 0"}
    assert execution.task_runs["/one[1]/c"].outputs == {"value": '{"k":"v"} 1'}


EXIT = """
    id: leaving
    tasks:
      - id: side
        type: core.flow.Parallel
        tasks:
          - {id: long, type: test.Effect, name: long, hang: true}
          - id: group
            type: core.flow.Sequential
            tasks:
              - {id: leave, type: test.Leave, state: %s}
              - {id: never, type: core.debug.Return, format: x}
            finally:
              - {id: last, type: core.debug.Return, format: x}
      - {id: after, type: core.debug.Return, format: x}
    errors:
      - {id: errors, type: core.debug.Return, format: x}
"""


@pytest.mark.parametrize("state", ["SUCCESS", "WARNING", "FAILED", "KILLED", "CANCELLED"])
async def test_an_exit_ends_all_around_it(state: str) -> None:
    async with Engine(flow(EXIT % state)) as engine:
        execution = await engine.run()
    assert execution.state is State(state)
    assert states(execution) == {
        "/side": state, "/side/long": "KILLED", "/side/group": state, "/side/group/leave": state,
    }  # fmt: skip


async def test_a_retry_may_give_the_execution_up() -> None:
    loaded = flow("""
        id: renewed
        tasks:
          - id: group
            type: core.flow.Sequential
            tasks:
              - id: fails
                type: core.execution.Fail
                retry: {type: constant, interval: PT0.01S, maxAttempts: 2,
                        behavior: CREATE_NEW_EXECUTION}
    """)
    async with Engine(loaded) as engine:
        first = await engine.run()
        others = await engine.until(
            first.id, lambda _: len(engine.journal.events) == 2 and _all_ended(engine)
        )
        second = next(
            engine.journal.execution(each) for each in engine.journal.events if each != first.id
        )
    assert others.state is State.RETRIED
    assert states(first) == {"/group": "RETRIED", "/group/fails": "RETRIED"}
    assert (second.state, second.attempt) == (State.FAILED, 2)


def _all_ended(engine: Engine) -> bool:
    return all(engine.journal.execution(each).over for each in engine.journal.events)


async def test_deep_and_wide_flows_run() -> None:
    deep = "{id: leaf, type: core.debug.Return, format: x}"
    for level in range(50):
        deep = f"{{id: s{level}, type: core.flow.Sequential, tasks: [{deep}]}}"
    wide = "".join(f"\n          - {{id: t{n}, type: test.Effect, name: w}}" for n in range(2000))
    tasks = f"""
        id: large
        tasks:
          - {deep}{wide}
    """
    async with Engine(flow(tasks)) as engine:
        execution = await engine.end(await engine.create(), 50)
    assert execution.state is State.SUCCESS
    assert len(execution.task_runs) == 2051


async def test_a_single_task_before_a_pause_has_an_id_of_its_own() -> None:
    with pytest.raises(AssertionError, match="Duplicate task id"):
        flow("""
            id: twice
            tasks:
              - {id: a, type: core.flow.Pause, onPause: {id: a, type: test.Broken}}
        """)
