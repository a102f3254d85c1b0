"""Flowables: which tasks run, in which order, and what their parents end as."""

from app.executions import State
from tests.engine.harness import SERVICE, Engine, flow, states


async def test_a_sequence_runs_in_order_and_passes_outputs() -> None:
    loaded = flow("""
        id: chain
        tasks:
          - {id: a, type: core.debug.Return, format: one}
          - {id: b, type: core.debug.Return, format: "{{ outputs.a.value }} two"}
          - {id: c, type: core.debug.Return, format: "{{ outputs.b.value ~ taskrun.id | length }}"}
        outputs:
          - {id: all, type: STRING, value: "{{ outputs.b.value }}"}
    """)
    async with Engine(loaded) as engine:
        execution = await engine.run()
    assert execution.state is State.SUCCESS
    assert [run.task for run in execution.task_runs.values()] == ["a", "b", "c"]
    assert execution.task_runs["/b"].outputs == {"value": "one two"}
    assert execution.outputs == {"all": "one two"}


async def test_a_failure_stops_the_list_and_runs_errors() -> None:
    loaded = flow("""
        id: failing
        tasks:
          - {id: a, type: core.debug.Return, format: "x"}
          - {id: b, type: core.execution.Fail, errorMessage: "no {{ outputs.a.value }}"}
          - {id: c, type: core.debug.Return, format: "never"}
        errors:
          - {id: e, type: core.debug.Return, format: "{{ tasks.b.state }}"}
        finally:
          - {id: f, type: core.debug.Return, format: "last"}
    """)
    async with Engine(loaded) as engine:
        execution = await engine.run()
    assert execution.state is State.FAILED
    assert states(execution) == {
        "/a": "SUCCESS", "/b": "FAILED", "/e": "SUCCESS", "/f": "SUCCESS",
    }  # fmt: skip
    assert execution.task_runs["/b"].error == "no x"
    assert execution.task_runs["/e"].outputs == {"value": "FAILED"}


async def test_run_if_skips_and_its_fault_fails() -> None:
    loaded = flow("""
        id: conditions
        tasks:
          - {id: a, type: core.debug.Return, format: "x", runIf: "{{ 1 > 2 }}"}
          - {id: b, type: core.debug.Return, format: "x", runIf: "{{ outputs.a.value == 1 }}"}
          - {id: c, type: core.debug.Return, format: "x", runIf: "{{ outputs.zzz.value == 1 }}"}
    """)
    async with Engine(loaded) as engine:
        execution = await engine.run()
    assert states(execution) == {"/a": "SKIPPED", "/b": "SKIPPED", "/c": "FAILED"}
    assert "runIf" in (execution.task_runs["/c"].error or "")


async def test_disabled_tasks_do_not_exist() -> None:
    loaded = flow("""
        id: disabled
        tasks:
          - {id: a, type: core.execution.Fail, disabled: true}
    """)
    async with Engine(loaded) as engine:
        execution = await engine.run()
    assert execution.state is State.SUCCESS
    assert execution.task_runs == {}


async def test_allow_failure_makes_a_warning_and_goes_on() -> None:
    loaded = flow("""
        id: allowed
        tasks:
          - {id: a, type: core.execution.Fail, allowFailure: true}
          - {id: b, type: core.debug.Return, format: "x"}
    """)
    async with Engine(loaded) as engine:
        execution = await engine.run()
    assert execution.state is State.WARNING
    assert states(execution) == {"/a": "WARNING", "/b": "SUCCESS"}


async def test_parallel_runs_all_and_keeps_to_its_limit() -> None:
    loaded = flow("""
        id: parallel
        tasks:
          - id: p
            type: core.flow.Parallel
            concurrent: 2
            tasks:
              - {id: a, type: test.Effect, name: a}
              - {id: b, type: test.Effect, name: b}
              - {id: c, type: test.Effect, name: c}
    """)
    SERVICE.most = 0
    async with Engine(loaded) as engine:
        execution = await engine.run()
    assert states(execution) == {
        "/p": "SUCCESS", "/p/a": "SUCCESS", "/p/b": "SUCCESS", "/p/c": "SUCCESS",
    }  # fmt: skip
    assert SERVICE.most == 2


async def test_parallel_starts_nothing_after_a_failure() -> None:
    loaded = flow("""
        id: parallel
        tasks:
          - id: p
            type: core.flow.Parallel
            concurrent: 1
            tasks:
              - {id: a, type: core.execution.Fail}
              - {id: b, type: core.debug.Return, format: "x"}
            errors:
              - {id: e, type: core.debug.Return, format: "x"}
    """)
    async with Engine(loaded) as engine:
        execution = await engine.run()
    assert execution.state is State.FAILED
    assert states(execution) == {"/p": "FAILED", "/p/a": "FAILED", "/p/e": "SUCCESS"}


async def test_for_each_groups_by_value() -> None:
    loaded = flow("""
        id: loop
        tasks:
          - id: each
            type: core.flow.ForEach
            values: ["x", "y", "x", 3, {"k": "v"}]
            concurrencyLimit: 2
            tasks:
              - {id: a, type: core.debug.Return, format: "{{ taskrun.value }}"}
              - {id: b, type: core.debug.Return, format: "{{ outputs.a[taskrun.value].value }}!"}
          - {id: after, type: core.debug.Return, format: "{{ outputs.b['y'].value }}"}
    """)
    async with Engine(loaded) as engine:
        execution = await engine.run()
    assert execution.state is State.SUCCESS
    values = [run.value for run in execution.task_runs.values() if run.task == "a"]
    assert sorted(values) == sorted(["x", "y", "3", '{"k":"v"}'])
    assert execution.task_runs["/each[0]/b"].outputs == {"value": "x!"}
    assert execution.task_runs["/after"].outputs == {"value": "y!"}


async def test_for_each_takes_json_text_and_an_empty_list() -> None:
    loaded = flow("""
        id: loop
        tasks:
          - id: each
            type: core.flow.ForEach
            values: "{{ ['a', 'b'] }}"
            tasks:
              - id: inner
                type: core.flow.If
                condition: "{{ taskrun.value == 'a' }}"
                then:
                  - {id: t, type: core.debug.Return, format: "{{ parent.taskrun.value }}"}
          - id: none
            type: core.flow.ForEach
            values: []
            tasks:
              - {id: x, type: core.debug.Return, format: "x"}
          - id: bad
            type: core.flow.ForEach
            values: "nothing"
            tasks:
              - {id: z, type: core.debug.Return, format: "x"}
    """)
    async with Engine(loaded) as engine:
        execution = await engine.run()
    assert states(execution) == {
        "/each": "SUCCESS",
        "/each[0]/inner": "SUCCESS",
        "/each[0]/inner/t": "SUCCESS",
        "/each[1]/inner": "SUCCESS",
        "/none": "SUCCESS",
        "/bad": "FAILED",
    }
    assert execution.task_runs["/each[0]/inner/t"].outputs == {"value": "a"}
    assert "JSON list" in (execution.task_runs["/bad"].error or "")


async def test_if_and_switch_decide() -> None:
    loaded = flow("""
        id: branches
        inputs:
          - {id: kind, type: STRING, defaults: b}
        tasks:
          - id: if
            type: core.flow.If
            condition: "{{ inputs.kind == 'a' }}"
            then:
              - {id: yes, type: core.debug.Return, format: "x"}
            else:
              - {id: no, type: core.debug.Return, format: "{{ outputs.if.evaluationResult }}"}
          - id: switch
            type: core.flow.Switch
            value: "{{ inputs.kind }}"
            cases:
              a:
                - {id: ca, type: core.debug.Return, format: "x"}
              b:
                - {id: cb, type: core.debug.Return, format: "{{ outputs.switch.value }}"}
          - id: unmatched
            type: core.flow.Switch
            value: "zzz"
            cases:
              a:
                - {id: cc, type: core.debug.Return, format: "x"}
    """)
    async with Engine(loaded) as engine:
        execution = await engine.run()
    runs = execution.task_runs
    assert runs["/if/no"].outputs == {"value": "false"}
    assert runs["/switch/cb"].outputs == {"value": "b"}
    assert runs["/switch"].outputs == {"value": "b", "defaults": False}
    assert runs["/unmatched"].state is State.FAILED


async def test_subflow_waits_and_passes_outputs() -> None:
    child = flow("""
        id: child
        inputs:
          - {id: n, type: INT}
        tasks:
          - {id: a, type: core.debug.Return, format: "{{ inputs.n + 1 }} {{ trigger.flowId }}"}
        outputs:
          - {id: result, type: STRING, value: "{{ outputs.a.value }}"}
    """)
    parent = flow("""
        id: parent
        tasks:
          - id: sub
            type: core.flow.Subflow
            namespace: tests
            flowId: child
            inputs: {n: "{{ 1 + 1 }}"}
          - {id: after, type: core.debug.Return, format: "{{ outputs.sub.outputs.result }}"}
          - {id: bad, type: core.flow.Subflow, namespace: tests, flowId: nowhere}
    """)
    async with Engine(parent, child) as engine:
        execution = await engine.run("parent")
        made = execution.task_runs["/sub"].outputs
    assert execution.task_runs["/after"].outputs == {"value": "3 parent"}
    assert made is not None
    assert made["state"] == "SUCCESS"
    assert execution.state is State.FAILED
    assert "tests.nowhere" in (execution.task_runs["/bad"].error or "")


async def test_a_failed_subflow_fails_its_parent_unless_told_otherwise() -> None:
    child = flow("""
        id: child
        tasks:
          - {id: a, type: core.execution.Fail}
    """)
    parent = flow("""
        id: parent
        tasks:
          - {id: kept, type: core.flow.Subflow, namespace: tests, flowId: child,
             transmitFailed: false}
          - {id: started, type: core.flow.Subflow, namespace: tests, flowId: child, wait: false}
          - {id: sub, type: core.flow.Subflow, namespace: tests, flowId: child}
    """)
    async with Engine(parent, child) as engine:
        execution = await engine.run("parent")
    assert states(execution) == {"/kept": "SUCCESS", "/started": "SUCCESS", "/sub": "FAILED"}


async def test_a_subflow_starts_when_it_was_asked_to() -> None:
    child = flow("""
        id: child
        tasks:
          - {id: a, type: core.debug.Return, format: "x"}
    """)
    parent = flow("""
        id: parent
        inputs:
          - {id: at, type: STRING}
        tasks:
          - {id: sub, type: core.flow.Subflow, namespace: tests, flowId: child,
             wait: false, scheduleDate: "{{ inputs.at }}"}
    """)
    async with Engine(parent, child) as engine:
        execution = await engine.run("parent", inputs={"at": "2099-01-01T00:00:00Z"})
        made = (execution.task_runs["/sub"].outputs or {})["executionId"]
        waiting = engine.journal.execution(made)
        broken = await engine.run("parent", inputs={"at": "soon"})
    assert execution.state is State.SUCCESS
    assert (waiting.state, waiting.schedule_date) == (State.CREATED, 4_070_908_800_000_000)
    assert broken.state is State.FAILED
    assert "`scheduleDate` cannot be 'soon'" in (broken.task_runs["/sub"].error or "")


async def test_an_output_that_cannot_be_rendered_fails_the_execution() -> None:
    loaded = flow("""
        id: outputs
        tasks:
          - {id: a, type: core.debug.Return, format: "x"}
        outputs:
          - {id: o, type: INT, value: "{{ outputs.nothing.value }}"}
    """)
    async with Engine(loaded) as engine:
        execution = await engine.run()
    assert execution.state is State.FAILED
    assert "Failed to render output values" in (execution.reason or "")
