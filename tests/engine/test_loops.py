"""Loops: until a condition holds, rounds that see nothing of each other, batches of a file."""

import json
from typing import Any

from app.executions import Execution, State
from tests.engine.harness import SERVICE, Engine, flow, states

UNTIL = """
    id: until
    tasks:
      - id: loop
        type: core.flow.%s
        condition: "{{ outputs.call.call >= %d }}"
        checkFrequency: {%s}
        %s
        tasks:
          - {id: call, type: test.Effect, name: "%s"}
          - {id: seen, type: core.debug.Return, format: "{{ outputs.loop.iterationCount }}"}
    outputs:
      - {id: seen, type: STRING, value: "{{ outputs.seen.value }}"}
      - {id: count, type: INT, value: "{{ outputs.loop.iterationCount }}"}
"""


def until(kind: str, times: int, name: str, frequency: str, more: str = "") -> Any:
    return flow(UNTIL % (kind, times, frequency, more, name))


async def test_tasks_run_until_the_condition_holds() -> None:
    loaded = until("LoopUntil", 3, "until-1", "interval: PT0.01S")
    async with Engine(loaded) as engine:
        execution = await engine.run()
    assert execution.state is State.SUCCESS
    assert execution.outputs == {"seen": "3", "count": 3}
    assert list(execution.task_runs) == ["/loop", "/loop[2]/call", "/loop[2]/seen"]
    assert execution.task_runs["/loop"].iteration == 3
    keys = SERVICE.keys("until-1")
    assert len(keys) == len(set(keys)) == 3, "each round calls under a key of its own"


async def test_a_loop_gives_up() -> None:
    enough = until("WaitFor", 99, "until-2", "interval: PT0.01S, maxIterations: 3")
    async with Engine(enough) as engine:
        execution = await engine.run()
    assert (execution.state, execution.outputs) == (State.SUCCESS, {"seen": "3", "count": 3})
    strict = until(
        "LoopUntil", 99, "until-3", "interval: PT1M, maxDuration: PT50S", "failOnMaxReached: true"
    )
    async with Engine(strict) as engine:
        made = await engine.create()
        await with_row(engine, made)
        engine.clock.advance(61)
        execution = await engine.end(made)
    assert execution.task_runs["/loop"].state is State.FAILED
    assert len(SERVICE.keys("until-3")) == 2


async def test_a_failure_ends_the_loop() -> None:
    loaded = flow("""
        id: failing
        tasks:
          - id: loop
            type: core.flow.LoopUntil
            condition: "false"
            tasks:
              - {id: a, type: core.execution.Fail}
            errors:
              - {id: e, type: core.debug.Return, format: x}
    """)
    async with Engine(loaded) as engine:
        execution = await engine.run()
    assert states(execution) == {"/loop": "FAILED", "/loop[0]/a": "FAILED", "/loop/e": "SUCCESS"}


async def test_waiting_for_the_next_round_costs_no_memory() -> None:
    loaded = until("LoopUntil", 2, "until-4", "")  # a minute between two rounds
    async with Engine(loaded) as engine:
        made = await engine.create()
        await with_row(engine, made)
        assert engine.executor.count() == 0
        engine.clock.advance(61)
        execution = await engine.end(made)
    assert execution.state is State.SUCCESS
    assert execution.outputs == {"seen": "2", "count": 2}


LOOP = """
    id: loop
    inputs:
      - {id: values, type: STRING}
    tasks:
      - {id: before, type: core.debug.Return, format: before}
      - id: each
        type: core.flow.Loop
        values: "{{ inputs.values }}"
        concurrencyLimit: 2
        outputs:
          - {id: said, type: STRING, value: "{{ outputs.said.value }}"}
        tasks:
          - id: said
            type: core.debug.Return
            format: >-
              {{ outputs.before.value }} {{ item.index }} {{ item.key ?? '-' }} {{ item.value }}
          - id: if
            type: core.flow.If
            condition: "{{ item.index == 1 }}"
            then:
              - {id: in, type: core.debug.Return, format: "{{ outputs.said.value }} again"}
      - {id: after, type: core.debug.Return, format: "{{ outputs.said is defined }}"}
"""


async def test_rounds_see_their_item_and_nothing_of_each_other() -> None:
    async with Engine(flow(LOOP)) as engine:
        execution = await engine.run(inputs={"values": json.dumps(["a", {"k": 1}, "a"])})
        mapped = await engine.run(inputs={"values": json.dumps({"x": 1, "y": "z"})})
        empty = await engine.run(inputs={"values": "[]"})
        wrong = await engine.run(inputs={"values": "7"})
    assert execution.state is State.SUCCESS
    outputs = execution.task_runs["/each"].outputs or {}
    assert outputs["iterationCount"] == 3
    assert outputs["terminatedIterations"] == {"SUCCESS": 3}
    assert [each["outputs"]["said"] for each in outputs["outputs"]] == [
        "before 0 - a", 'before 1 - {"k":1}', "before 2 - a",
    ]  # fmt: skip
    assert outputs["outputs"][1]["item"] == {"value": '{"k":1}', "iteration": 1}
    assert execution.task_runs["/each[1]/if/in"].outputs == {"value": 'before 1 - {"k":1} again'}
    assert execution.task_runs["/after"].outputs == {"value": "false"}
    assert _said(mapped) == ["before 0 x 1", "before 1 y z"]
    assert (empty.state, _said(empty)) == (State.SUCCESS, [])
    assert "`values` must give a JSON list" in (wrong.task_runs["/each"].error or "")


def _said(execution: Execution) -> list[str]:
    outputs = execution.task_runs["/each"].outputs or {}
    return [each["outputs"]["said"] for each in outputs["outputs"]]


async def test_loops_nest_and_run_over_files() -> None:
    loaded = flow("""
        id: nested
        tasks:
          - id: outer
            type: core.flow.Loop
            values: ["a", "b"]
            tasks:
              - id: inner
                type: core.flow.Loop
                values: [1, 2]
                tasks:
                  - id: leaf
                    type: core.debug.Return
                    format: "{{ item.parent.value }}{{ item.parents[0].index }}{{ item.value }}"
          - id: file
            type: core.flow.Loop
            values: "{{ execution.id == '' ? '' : 'kestra:///tests/x/executions/' ~ execution.id }}"
            outputs:
              - {id: line, type: STRING, value: "{{ item.value }}"}
            tasks:
              - {id: line, type: core.debug.Return, format: "{{ item.value }}"}
    """)
    async with Engine(loaded) as engine:
        made = await engine.create()
        engine.storage.files[f"kestra:///tests/x/executions/{made}"] = b"one\ntwo\n"
        execution = await engine.end(made)
        uri = (execution.task_runs["/file"].outputs or {}).get("uri", "")
        stored = engine.storage.files.get(uri, b"")
    assert execution.state is State.SUCCESS, execution.task_runs["/file"].error
    assert execution.task_runs["/outer[1]/inner[0]/leaf"].outputs == {"value": "b11"}
    assert [json.loads(line)["outputs"] for line in stored.splitlines()] == [
        {"line": "one"}, {"line": "two"},
    ]  # fmt: skip


async def test_a_loop_breaks_and_may_forgive_failures() -> None:
    loaded = flow("""
        id: breaking
        tasks:
          - id: each
            type: core.flow.Loop
            values: [1, 2, 3, 4]
            concurrencyLimit: 1
            transmitFailed: false
            breakWhen: "{{ item.value == '3' }}"
            tasks:
              - {id: a, type: core.execution.Fail, condition: "{{ item.value == '2' }}"}
            errors:
              - {id: e, type: core.debug.Return, format: "{{ item.value }} {{ error.taskId }}"}
          - id: strict
            type: core.flow.Loop
            values: [1, 2]
            concurrencyLimit: 1
            tasks:
              - {id: b, type: core.execution.Fail}
    """)
    async with Engine(loaded) as engine:
        execution = await engine.run()
    assert states(execution) == {
        "/each": "SUCCESS", "/each[0]/a": "SUCCESS", "/each[1]/a": "FAILED",
        "/each[1]/e": "SUCCESS", "/each[2]/a": "SUCCESS",
        "/strict": "FAILED", "/strict[0]/b": "FAILED",
    }  # fmt: skip
    assert execution.task_runs["/each[1]/e"].outputs == {"value": "2 a"}
    ended = (execution.task_runs["/each"].outputs or {})["terminatedIterations"]
    assert ended == {"SUCCESS": 2, "FAILED": 1}


BATCHES = """
    id: batches
    inputs:
      - {id: file, type: STRING}
    tasks:
      - id: each
        type: core.flow.ForEachItem
        items: "{{ inputs.file }}"
        batch: {rows: 2}
        namespace: tests
        flowId: batch
        %s
        inputs: {items: "{{ taskrun.items }}", number: "{{ taskrun.iteration }}"}
      - id: after
        type: core.debug.Return
        format: "{{ outputs.each_merge.subflowOutputs ?? '-' }}"
"""

BATCH = """
    id: batch
    inputs:
      - {id: items, type: STRING}
      - {id: number, type: INT}
    tasks:
      - id: work
        type: core.execution.Fail
        condition: "{{ inputs.number == %s }}"
    outputs:
      - {id: number, type: INT, value: "{{ inputs.number }}"}
"""


async def batches(engine: Engine, data: bytes) -> Execution:
    uri = "kestra:///tests/batches/executions/0123456789abcdef0123/file.txt"
    engine.storage.files[uri] = data
    return await engine.run("batches", inputs={"file": uri})


async def test_a_flow_runs_for_each_batch_of_a_file() -> None:
    async with Engine(flow(BATCHES % ""), flow(BATCH % "0")) as engine:
        execution = await batches(engine, b"1\n2\n3\n4\n5\n")
        merged = engine.storage.files[(execution.task_runs["/after"].outputs or {})["value"]]
        children = [each for each in engine.journal.events if each != execution.id]
        inputs = [engine.journal.execution(each).inputs for each in children]
    assert execution.state is State.SUCCESS
    assert states(execution) == dict.fromkeys(
        ["/each", "/each/each_split", "/each/each_items", "/each/each_merge", "/after"], "SUCCESS"
    )
    items = execution.task_runs["/each/each_items"]
    outputs = items.outputs or {}
    assert len(items.attempts) == 1
    assert outputs["numberOfBatches"] == 3
    assert outputs["iterations"] == {"CREATED": 0, "RUNNING": 0, "SUCCESS": 3}
    assert [json.loads(line) for line in merged.splitlines()] == [{"number": n} for n in (1, 2, 3)]
    assert sorted(each["number"] for each in inputs) == [1, 2, 3]
    assert all("/tasks/each-split/" in each["items"] for each in inputs)


async def test_failed_batches_fail_the_task_and_a_restart_runs_them_alone() -> None:
    async with Engine(flow(BATCHES % ""), flow(BATCH % "2")) as engine:
        execution = await batches(engine, b"1\n2\n3\n4\n5\n")
        outputs = execution.task_runs["/each/each_items"].outputs or {}
        assert execution.state is State.FAILED
        assert "/each/each_merge" not in execution.task_runs
        assert outputs["iterations"] == {"CREATED": 0, "RUNNING": 0, "SUCCESS": 2, "FAILED": 1}
        engine.flows.flows["tests", "batch"] = flow(BATCH % "0")
        before = set(engine.journal.events)
        await engine.commands.restart("main", execution.id)
        execution = await engine.end(execution.id)
        assert set(engine.journal.events) == before, "no new execution"
    assert execution.state is State.SUCCESS
    outputs = execution.task_runs["/each/each_items"].outputs or {}
    assert outputs["iterations"] == {"CREATED": 0, "RUNNING": 0, "SUCCESS": 3}


async def test_no_batch_and_no_waiting() -> None:
    async with Engine(flow(BATCHES % "wait: false"), flow(BATCH % "0")) as engine:
        execution = await batches(engine, b"")
        assert states(execution)["/each/each_merge"] == "SUCCESS"
        assert execution.task_runs["/each/each_items"].outputs is None
        execution = await batches(engine, b"1\n")
        assert (execution.task_runs["/each/each_items"].outputs or {})["numberOfBatches"] == 1
        assert execution.state is State.SUCCESS


async def with_row(engine: Engine, made: str) -> None:
    await engine.until(made, lambda _: engine.journal.rows[made]["parked"])
