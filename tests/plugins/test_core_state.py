"""The tasks on states, run by the engine on fakes."""

from app.executions import State
from tests.engine.harness import Engine, flow

LOOP = """
id: f
tasks:
  - id: each
    type: io.kestra.plugin.core.flow.ForEach
    values: [a, b]
    tasks:
      - id: set
        type: io.kestra.plugin.core.state.Set
        {own}
        data: {{"v-{{{{ taskrun.value }}}}": 1}}
      - {{id: get, type: io.kestra.plugin.core.state.Get{comma}}}
"""


async def test_a_document_outlives_its_execution() -> None:
    loaded = flow("""
        id: f
        tasks:
          - id: set
            type: io.kestra.plugin.core.state.Set
            data:
              deep: {"{{ execution.id }}": 1}
          - {id: get, type: io.kestra.plugin.core.state.Get}
    """)
    async with Engine(loaded) as engine:
        first = await engine.run()
        second = await engine.run()
    outputs = second.task_runs["/get"].outputs or {}
    assert outputs == {"count": 1, "data": {"deep": {first.id: 1, second.id: 1}}}
    assert (first.task_runs["/set"].outputs or {})["count"] == 1


async def test_each_value_of_a_loop_has_a_document_of_its_own() -> None:
    async with Engine(flow(LOOP.format(own="", comma=""))) as engine:
        execution = await engine.run()
    runs = [run for run in execution.task_runs.values() if run.task == "get"]
    assert [(run.outputs or {})["data"] for run in runs] == [{"v-a": 1}, {"v-b": 1}]


async def test_values_of_a_loop_may_share_a_document() -> None:
    shared = LOOP.format(own="taskrunValue: false", comma=", taskrunValue: false")
    async with Engine(flow(shared)) as engine:
        execution = await engine.run()
    runs = [run for run in execution.task_runs.values() if run.task == "get"]
    assert [(run.outputs or {})["data"] for run in runs] == [{"v-a": 1}, {"v-a": 1, "v-b": 1}]


async def test_names_and_scopes_are_kept_apart() -> None:
    loaded = flow("""
        id: f
        tasks:
          - {id: s1, type: io.kestra.plugin.core.state.Set, name: a.b, data: {n: 1}}
          - {id: s2, type: io.kestra.plugin.core.state.Set, name: ab, data: {n: 2}}
          - {id: s3, type: io.kestra.plugin.core.state.Set, name: ab, namespace: true, data: {n: 3}}
          - {id: g1, type: io.kestra.plugin.core.state.Get, name: a.b}
          - {id: g2, type: io.kestra.plugin.core.state.Get, name: ab}
          - {id: g3, type: io.kestra.plugin.core.state.Get, name: ab, namespace: true}
          - {id: g4, type: io.kestra.plugin.core.state.Get}
    """)
    other = flow("""
        id: g
        tasks:
          - {id: own, type: io.kestra.plugin.core.state.Get, name: ab}
          - {id: shared, type: io.kestra.plugin.core.state.Get, name: ab, namespace: true}
    """)
    async with Engine(loaded, other) as engine:
        first = await engine.run("f")
        second = await engine.run("g")
    found = {
        run.task: (run.outputs or {}).get("data")
        for execution in (first, second)
        for run in execution.task_runs.values()
        if run.task[0] != "s" or run.task == "shared"
    }
    assert found == {
        "g1": {"n": 1}, "g2": {"n": 2}, "g3": {"n": 3}, "g4": {}, "own": {}, "shared": {"n": 3}
    }  # fmt: skip


async def test_missing_documents() -> None:
    loaded = flow("""
        id: f
        tasks:
          - {id: get, type: io.kestra.plugin.core.state.Get}
          - {id: delete, type: io.kestra.plugin.core.state.Delete}
          - {id: set, type: io.kestra.plugin.core.state.Set, data: {a: 1}}
          - {id: gone, type: io.kestra.plugin.core.state.Delete}
          - id: strict
            type: io.kestra.plugin.core.state.Get
            errorOnMissing: true
            allowFailure: true
          - {id: twice, type: io.kestra.plugin.core.state.Delete, errorOnMissing: true}
    """)
    async with Engine(loaded) as engine:
        execution = await engine.run()
    runs = {run.task: run for run in execution.task_runs.values()}
    assert runs["get"].outputs == {"count": 0, "data": {}}
    assert runs["delete"].outputs == {"deleted": False}
    assert runs["gone"].outputs == {"deleted": True}
    assert runs["strict"].state is State.WARNING
    assert runs["twice"].error is not None
    assert "there is no state 'default'" in runs["twice"].error
