"""The tasks on executions, run by the engine on fakes."""

import asyncio
import json
from typing import Any

import pytest

from app.executions import Execution, State, TaskRunPath
from tests.engine.fakes import MemoryJournal
from tests.engine.harness import Engine, flow


async def run(tasks: str, head: str = "", **new: Any) -> Execution:
    async with Engine(flow(f"id: f\n{head}\ntasks:\n{tasks}")) as engine:
        return await engine.run("f", **new)


def value(execution: Execution, task: str) -> Any:
    return (execution.task_runs[TaskRunPath(f"/{task}")].outputs or {}).get("value")


def error(execution: Execution, task: str) -> str:
    return execution.task_runs[TaskRunPath(f"/{task}")].error or ""


# -- Labels ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "labels",
    [
        '{"{{ task.id }}": "{{ 1 + 1 }}", old: new, n: 3}',
        '[{key: set, value: "2"}, {key: old, value: new}, {key: n, value: 3}]',
        '"{{ inputs.labels }}"',
        '\'{"set": "2", "old": "new", "n": 3}\'',
    ],
)
async def test_labels_are_merged_and_seen_at_once(labels: str) -> None:
    execution = await run(
        f"""
  - {{id: set, type: io.kestra.plugin.core.execution.Labels, labels: {labels}}}
  - {{id: see, type: io.kestra.plugin.core.debug.Return, format: "{{{{ labels.set }}}}"}}
""",
        "labels: {old: one, kept: two}\ninputs: [{id: labels, type: JSON, required: false}]",
        inputs={"labels": '{"set": "2", "old": "new", "n": 3}'},
    )
    assert execution.state is State.SUCCESS, error(execution, "set")
    own = {label.key: label.value for label in execution.labels if "." not in label.key}
    assert own == {"old": "new", "kept": "two", "set": "2", "n": "3"}
    assert value(execution, "see") == "2"


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("{system.readOnly: a}", "System labels can only be set by Headwater"),
        ("just text", "which is no JSON"),
        ("'[1]'", "write a map, or a list"),
        ("'{\"a\": {}}'", "the label a has the value {}"),
        ("[{value: a}]", "a label has the key None"),
    ],
)
async def test_what_are_no_labels_fails(labels: str, message: str) -> None:
    task = f"  - {{id: set, type: io.kestra.plugin.core.execution.Labels, labels: {labels}}}\n"
    execution = await run(task)
    assert execution.state is State.FAILED
    assert message in error(execution, "set")


async def test_labels_are_limited() -> None:
    many = json.dumps({f"k{number}": "v" for number in range(70)})
    execution = await run(
        f"  - {{id: set, type: io.kestra.plugin.core.execution.Labels, labels: {many}}}\n"
    )
    assert "more than the limit of 64" in error(execution, "set")


# -- SetVariables, UnsetVariables --------------------------------------------------------------


async def test_variables_lie_over_those_of_the_flow() -> None:
    execution = await run(
        """
  - id: set
    type: io.kestra.plugin.core.execution.SetVariables
    variables: {a: "{{ vars.a }}!", deep: {y: 2}, new: {list: [1, 2]}}
  - {id: see, type: io.kestra.plugin.core.debug.Return,
     format: "{{ vars.a }} {{ vars.b }} {{ vars.deep }} {{ vars.new.list[1] }}"}
  - id: more
    type: io.kestra.plugin.core.execution.SetVariables
    variables: {deep: {x: 1}}
  - {id: unset, type: io.kestra.plugin.core.execution.UnsetVariables, variables: [a, deep.y]}
  - {id: after, type: io.kestra.plugin.core.debug.Return,
     format: "{{ vars.a }} {{ vars.deep }}"}
""",
        "variables: {a: flow, b: own, deep: {z: 0}}",
    )
    assert execution.state is State.SUCCESS
    assert value(execution, "see") == 'flow! own {"y":2} 2'
    assert value(execution, "after") == 'flow {"x":1}'
    assert execution.vars == {"deep": {"x": 1}, "new": {"list": [1, 2]}}


async def test_variables_survive_a_restart_of_the_engine() -> None:
    journal = MemoryJournal()
    loaded = flow("""
        id: f
        tasks:
          - {id: set, type: io.kestra.plugin.core.execution.SetVariables, variables: {a: 1}}
          - {id: label, type: io.kestra.plugin.core.execution.Labels, labels: {team: x}}
          - {id: wait, type: io.kestra.plugin.core.flow.Pause}
          - {id: see, type: io.kestra.plugin.core.debug.Return,
             format: "{{ vars.a }} {{ labels.team }}"}
    """)
    async with Engine(loaded, journal=journal) as engine:
        made = await engine.create()
        await engine.until(made, lambda each: each.state is State.PAUSED)
    async with Engine(loaded, journal=journal) as engine:
        await engine.commands.resume("main", made)
        execution = await engine.end(made)
    assert value(execution, "see") == "1 x"


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ("SetVariables, variables: {a: 2}, overwrite: false", "may not be overwritten: a"),
        ("UnsetVariables, variables: [a, b, c.d]", "has set the variables: b, c.d"),
    ],
)
async def test_variables_that_are_refused(task: str, message: str) -> None:
    execution = await run(f"""
  - {{id: first, type: io.kestra.plugin.core.execution.SetVariables, variables: {{a: 1}}}}
  - {{id: second, type: io.kestra.plugin.core.execution.{task}}}
""")
    assert execution.state is State.FAILED
    assert message in error(execution, "second")


async def test_missing_variables_may_be_ignored() -> None:
    execution = await run(
        "  - {id: unset, type: io.kestra.plugin.core.execution.UnsetVariables, variables: [a],"
        " ignoreMissing: true}\n"
    )
    assert execution.state is State.SUCCESS


async def test_variables_are_limited() -> None:
    loaded = flow("""
        id: f
        inputs: [{id: x, type: STRING}]
        tasks:
          - id: set
            type: io.kestra.plugin.core.execution.SetVariables
            variables: {a: "{{ inputs.x }}", b: "{{ inputs.x }}"}
    """)
    async with Engine(loaded, inputs=1_000) as engine:
        execution = await engine.run(inputs={"x": "x" * 900})
    assert "the limit is 1000" in error(execution, "set")


# -- Assert ------------------------------------------------------------------------------------


async def test_conditions_that_hold() -> None:
    engine = Engine(
        flow("""
        id: f
        tasks:
          - id: check
            type: io.kestra.plugin.core.execution.Assert
            conditions: ["{{ 1 == 1 }}", "yes", "{{ flow.id == 'f' }}"]
    """)
    )
    async with engine:
        execution = await engine.run()
    assert execution.state is State.SUCCESS
    assert [(each.name, each.value) for each in engine.journal.metrics] == [
        ("success", 3), ("failed", 0)
    ]  # fmt: skip


async def test_conditions_that_do_not_hold_are_named() -> None:
    engine = Engine(
        flow("""
        id: f
        tasks:
          - id: check
            type: io.kestra.plugin.core.execution.Assert
            conditions: ["{{ 1 == 2 }}", "true", "0"]
            errorMessage: "wrong in {{ flow.id }}"
    """)
    )
    async with engine:
        execution = await engine.run()
    assert error(execution, "check") == "wrong in f (2 of 3 conditions do not hold)"
    lines = [each.message for each in engine.journal.logs if each.level == 40]
    assert lines[:2] == [
        "the condition does not hold: {{ 1 == 2 }}", "the condition does not hold: 0"
    ]  # fmt: skip


# -- Resume, Kill ------------------------------------------------------------------------------

PAUSED = """
id: paused
tasks:
  - id: ask
    type: io.kestra.plugin.core.flow.Pause
    onResume: [{id: ok, type: BOOLEAN}]
"""


def other(task: str) -> str:
    return f"""
id: f
inputs: [{{id: id, type: STRING}}]
tasks:
  - {{id: do, type: io.kestra.plugin.core.execution.{task}}}
"""


async def test_another_execution_is_resumed_with_inputs() -> None:
    resume = 'Resume, executionId: "{{ inputs.id }}", inputs: {ok: true}'
    async with Engine(flow(other(resume)), flow(PAUSED)) as engine:
        paused = await engine.create("paused")
        await engine.until(paused, lambda each: each.state is State.PAUSED)
        execution = await engine.run("f", inputs={"id": paused})
        assert execution.state is State.SUCCESS, error(execution, "do")
        resumed = await engine.end(paused)
    outputs = resumed.task_runs[TaskRunPath("/ask")].outputs or {}
    assert outputs["onResume"] == {"ok": True}


async def test_what_is_not_paused_cannot_be_resumed() -> None:
    execution = await run("  - {id: do, type: io.kestra.plugin.core.execution.Resume}\n")
    assert "not PAUSED" in error(execution, "do")


@pytest.mark.parametrize("cascade", [True, False])
async def test_another_execution_is_killed(cascade: bool) -> None:
    kill = f'Kill, executionId: "{{{{ inputs.id }}}}", propagateKill: {str(cascade).lower()}'
    parent = flow("""
        id: parent
        tasks:
          - {id: call, type: io.kestra.plugin.core.flow.Subflow, flowId: paused, namespace: tests}
    """)
    async with Engine(flow(other(kill)), flow(PAUSED), parent) as engine:
        wanted = await engine.create("parent")
        async with asyncio.timeout(5):
            while not (children := await engine.journal.children(wanted)):
                await asyncio.sleep(0.001)
        await engine.until(children[0], lambda each: each.state is State.PAUSED)
        execution = await engine.run("f", inputs={"id": wanted})
        assert execution.state is State.SUCCESS, error(execution, "do")
        assert (await engine.end(wanted)).state is State.KILLED
        child = engine.journal.execution(children[0])
        assert child.state is (State.KILLED if cascade else State.PAUSED)


async def test_what_is_not_there_cannot_be_killed() -> None:
    execution = await run(
        "  - {id: do, type: io.kestra.plugin.core.execution.Kill, executionId: x}\n"
    )
    assert error(execution, "do") == "there is no execution x"


async def test_an_execution_may_kill_itself() -> None:
    execution = await run(
        "  - {id: do, type: io.kestra.plugin.core.execution.Kill, executionId: '{{execution.id}}'}"
    )
    assert execution.state is State.KILLED


# -- Count, PurgeExecutions --------------------------------------------------------------------

ONE = "id: one\ntasks: [{id: a, type: io.kestra.plugin.core.debug.Return, format: x}]"
TWO = """
id: two
namespace: tests.below
tasks:
  - {id: a, type: io.kestra.plugin.core.log.Log, message: one}
  - {id: b, type: io.kestra.plugin.core.execution.Fail}
"""


async def counted(properties: str) -> Any:
    source = "  - {id: count, type: io.kestra.plugin.core.execution.Count, " + properties + "}\n"
    flows = [flow(f"id: f\ntasks:\n{source}"), flow(ONE), flow(TWO)]
    async with Engine(*flows) as engine:
        for name, namespace in [("one", "tests"), ("one", "tests"), ("two", "tests.below")]:
            await engine.run(name, namespace=namespace)
        return (await engine.run("f")).task_runs[TaskRunPath("/count")]


@pytest.mark.parametrize(
    ("properties", "counts"),
    [
        ("flows: [{namespace: tests, flowId: one}]", {"one": 2}),
        ("namespaces: [tests]", {"f": 1, "one": 2, "two": 1}),
        ("namespaces: [tests.below], states: [SUCCESS]", {"two": 0}),
        ("namespaces: [tests.below], states: [FAILED]", {"two": 1}),
        ("flows: [{namespace: tests, flowId: one}], startDate: '2100-01-01'", {"one": 0}),
        ("flows: [{namespace: tests, flowId: one}], endDate: '{{ now() }}'", {"one": 2}),
        ("flows: [{namespace: tests, flowId: no}, {namespace: tests}]", {"no": 0, None: 3}),
    ],
)
async def test_count(properties: str, counts: dict[str | None, int]) -> None:
    found = await counted(f"{properties}, expression: '{{{{ count >= 0 }}}}'")
    assert found.error is None
    assert {each.get("flowId"): each["count"] for each in found.outputs["results"]} == counts
    assert found.outputs["total"] == sum(counts.values())


async def test_counts_are_kept_where_the_expression_is_true() -> None:
    found = await counted("namespaces: [tests], expression: '{{ count == 2 }}'")
    assert found.outputs == {
        "results": [{"namespace": "tests", "flowId": "one", "count": 2}], "total": 2
    }  # fmt: skip
    assert "`flows` or `namespaces`" in (await counted("expression: 'true'")).error
    found = await counted("namespaces: [tests], expression: 'true', startDate: tomorrow")
    assert "`startDate` is 'tomorrow'" in found.error


async def purged(properties: str) -> tuple[Engine, dict[str, int], list[str]]:
    source = f"""
id: f
tasks:
  - id: purge
    type: io.kestra.plugin.core.execution.PurgeExecutions
    endDate: "{{{{ now() | dateAdd(1, 'DAYS') }}}}"
    {properties}
"""
    async with Engine(flow(source), flow(ONE), flow(TWO)) as engine:
        one = await engine.run("one")
        two = await engine.run("two", namespace="tests.below")
        for each in (one, two):
            place = each.namespace.replace(".", "/")
            uri = f"kestra:///{place}/{each.flow_id}/executions/{each.id}/tasks/a/file"
            engine.storage.files[uri] = b"x"
        execution = await engine.run("f")
        assert execution.state is State.SUCCESS, error(execution, "purge")
        left = [
            name for name, made in (("one", one), ("two", two)) if made.id in engine.journal.events
        ]
        for made in (one, two):
            assert (made.id in engine.executor.finished) is (made.id in engine.journal.events)
        outputs = dict(execution.task_runs[TaskRunPath("/purge")].outputs or {})
        return engine, outputs, left


async def test_executions_are_purged_with_all_that_is_theirs() -> None:
    engine, outputs, left = await purged("")
    assert left == []
    assert outputs == {
        "executionsCount": 2, "logsCount": 3, "metricsCount": 2, "storagesCount": 2
    }  # fmt: skip
    assert engine.storage.files == {}
    assert {each.execution_id for each in engine.journal.logs} <= set(engine.journal.events)


@pytest.mark.parametrize(
    ("properties", "left"),
    [
        ("namespace: tests.below", ["one"]),
        ("namespace: tests\n    flowId: one", ["two"]),
        ("states: [FAILED]", ["one"]),
        ("states: [KILLED]", ["one", "two"]),
        ("startDate: '2100-01-01'", ["one", "two"]),
        ("purgeExecution: false", ["one", "two"]),
    ],
)
async def test_purges_are_narrowed(properties: str, left: list[str]) -> None:
    _, outputs, found = await purged(properties)
    assert found == left
    assert outputs["executionsCount"] == 2 - len(left)


async def test_what_is_to_be_kept_is_kept() -> None:
    engine, outputs, _ = await purged(
        "purgeLog: false\n    purgeMetric: false\n    purgeStorage: false"
    )
    assert outputs == {
        "executionsCount": 2, "logsCount": 0, "metricsCount": 0, "storagesCount": 0
    }  # fmt: skip
    assert len(engine.storage.files) == 2


async def test_a_purge_has_an_end() -> None:
    execution = await run("""
  - {id: do, type: io.kestra.plugin.core.execution.PurgeExecutions, endDate: "{{ '' }}"}
""")
    assert "`endDate` is empty" in error(execution, "do")


# -- Exit --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "state"),
    [
        ("", State.SUCCESS),
        (", state: WARNING", State.WARNING),
        (", state: FAILED", State.FAILED),
        (", state: KILLED", State.KILLED),
        (", state: CANCELED", State.CANCELLED),
    ],
)
async def test_exit_ends_the_execution(wanted: str, state: State) -> None:
    execution = await run(f"""
  - id: group
    type: io.kestra.plugin.core.flow.Sequential
    tasks:
      - {{id: exit, type: io.kestra.plugin.core.execution.Exit{wanted}}}
      - {{id: never, type: io.kestra.plugin.core.debug.Return, format: x}}
  - {{id: nor, type: io.kestra.plugin.core.debug.Return, format: x}}
""")
    assert execution.state is state
    assert {run.task for run in execution.task_runs.values()} == {"group", "exit"}
