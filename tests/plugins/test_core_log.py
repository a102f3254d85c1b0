"""The tasks on logs, debugging, templates and triggers, run by the engine on fakes."""

from typing import Any

import pytest

from app.executions import Execution, State, TaskRunPath
from app.expressions import Budget
from app.expressions.budget import Meter
from app.expressions.ion_reading import read_ion
from tests.engine.harness import Engine, flow

LINES = """
  - {id: a, type: io.kestra.plugin.core.log.Log, level: DEBUG, message: quiet}
  - {id: b, type: io.kestra.plugin.core.log.Log, message: ["one", "two \\u00e4"]}
  - {id: c, type: io.kestra.plugin.core.debug.Echo, level: WARN, format: "loud {{ task.id }}"}
"""


async def run(tasks: str, head: str = "", **new: Any) -> tuple[Engine, Execution]:
    engine = Engine(flow(f"id: f\n{head}\ntasks:\n{tasks}"))
    async with engine:
        return engine, await engine.run("f", **new)


def outputs(execution: Execution, task: str) -> dict[str, Any]:
    return execution.task_runs[TaskRunPath(f"/{task}")].outputs or {}


def error(execution: Execution, task: str) -> str:
    return execution.task_runs[TaskRunPath(f"/{task}")].error or ""


def fetched(engine: Engine, execution: Execution) -> list[dict[str, Any]]:
    found = outputs(execution, "fetch")
    text = engine.storage.files[found["uri"]].decode()
    lines: list[dict[str, Any]] = list(read_ion(text, Meter(Budget())))
    assert len(lines) == found["size"] == len(text.splitlines())
    return lines


@pytest.mark.parametrize(
    ("properties", "messages"),
    [
        ("", ["one", "two ä", "loud c"]),
        (", level: DEBUG", ["quiet", "one", "two ä", "loud c"]),
        (", level: WARN", ["loud c"]),
        (", tasksId: [a, c], level: TRACE", ["quiet", "loud c"]),
        (", tasksId: ['{{ task.id }}']", []),
        (", flowId: other", []),
    ],
)
async def test_own_lines_are_fetched_at_once(properties: str, messages: list[str]) -> None:
    task = f"  - {{id: fetch, type: io.kestra.plugin.core.log.Fetch{properties}}}\n"
    engine, execution = await run(LINES + task)
    assert [line["message"] for line in fetched(engine, execution)] == messages


async def test_lines_of_another_execution_are_fetched() -> None:
    fetch = flow("""
        id: g
        inputs: [{id: wanted, type: STRING}]
        tasks:
          - id: fetch
            type: io.kestra.plugin.core.log.Fetch
            executionId: "{{ inputs.wanted }}"
            namespace: tests
    """)
    async with Engine(flow(f"id: f\ntasks:\n{LINES}"), fetch) as engine:
        first = await engine.run("f")
        second = await engine.run("g", inputs={"wanted": first.id})
    [line, *_] = fetched(engine, second)
    assert {name: line[name] for name in line if name not in ("timestamp", "taskRunId")} == {
        "namespace": "tests", "flowId": "f", "taskId": "b", "executionId": first.id,
        "attemptNumber": 0, "level": "INFO", "message": "one",
    }  # fmt: skip


async def test_many_lines_are_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.engine.actions._PAGE", 2)
    tasks = """
  - {id: b, type: io.kestra.plugin.core.log.Log, message: [a, b, c, d, e]}
  - {id: fetch, type: io.kestra.plugin.core.log.Fetch}
"""
    engine, execution = await run(tasks)
    assert "".join(line["message"] for line in fetched(engine, execution)) == "abcde"


@pytest.mark.parametrize(
    ("properties", "left"),
    [
        ("", []),
        ("logLevels: [INFO]", ["quiet", "loud c"]),
        ("logLevels: [DEBUG, WARN], namespace: tests", ["one", "two ä"]),
        ("flowId: other", ["quiet", "one", "two ä", "loud c"]),
        ("executionId: '{{ execution.id }}'", []),
        ("startDate: '2100-01-01T00:00:00Z'", ["quiet", "one", "two ä", "loud c"]),
    ],
)
async def test_lines_are_purged(properties: str, left: list[str]) -> None:
    rest = f", {properties}" if properties else ""
    purge = f"""
  - {{id: purge, type: io.kestra.plugin.core.log.PurgeLogs, endDate: "2100-01-01"{rest}}}
"""
    engine, execution = await run(LINES + purge)
    assert [each.message for each in engine.journal.logs] == left
    assert outputs(execution, "purge") == {"count": 4 - len(left)}


async def test_a_templated_task_is_rendered_parsed_and_run() -> None:
    engine, execution = await run(
        """
  - id: t
    type: io.kestra.plugin.core.templating.TemplatedTask
    spec: |
      type: io.kestra.plugin.core.{{ inputs.kind }}
      {% for name in ['format'] %}{{ name }}{% endfor %}: "{{ taskrun.id }} {{ task.id }}"
  - {id: see, type: io.kestra.plugin.core.debug.Return, format: "{{ outputs.t.value }}"}
""",
        "inputs: [{id: kind, type: STRING, defaults: debug.Return}]",
    )
    assert execution.state is State.SUCCESS, error(execution, "t")
    run_id = execution.task_runs[TaskRunPath("/t")].id
    assert outputs(execution, "see") == {"value": f"{run_id} t"}
    assert [each.name for each in engine.journal.metrics][:2] == ["length", "duration"]


async def test_a_templated_task_renders_what_was_not_rendered_before() -> None:
    _, execution = await run("""
  - id: t
    type: io.kestra.plugin.core.templating.TemplatedTask
    spec: |
      id: own
      type: io.kestra.plugin.core.debug.Return
      format: "{{ '{{ flow.id }}' }}"
""")
    assert outputs(execution, "t") == {"value": "f"}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("type: io.kestra.plugin.core.flow.Pause", "must be a runnable task"),
        (
            "{type: io.kestra.plugin.core.templating.TemplatedTask, spec: x}",
            "cannot be of type 'io.kestra.plugin.core.templating.TemplatedTask'",
        ),
        ("type: no.Such", "Invalid type: no.Such"),
        ("just text", "is not valid"),
        ("type: [", "is not valid"),
        ("{type: io.kestra.plugin.core.log.Log, level: LOUD, message: x}", "is not valid"),
        ("type: io.kestra.plugin.core.execution.Fail", "Task failure"),
        ("{type: io.kestra.plugin.core.debug.Return, format: \"{{ '{{ no }}' }}\"}", "no"),
    ],
)
async def test_templated_tasks_that_fail(spec: str, message: str) -> None:
    _, execution = await run(f"""
  - id: t
    type: io.kestra.plugin.core.templating.TemplatedTask
    spec: |
      {spec}
""")
    assert execution.state is State.FAILED
    assert message in error(execution, "t")


async def test_a_trigger_is_toggled() -> None:
    tasks = """
  - {id: off, type: io.kestra.plugin.core.trigger.Toggle, trigger: every}
  - {id: wait, type: io.kestra.plugin.core.flow.Pause}
  - {id: on, type: io.kestra.plugin.core.trigger.Toggle, trigger: every, enabled: "{{ 1 == 1 }}",
     flowId: f, namespace: tests}
  - {id: no, type: io.kestra.plugin.core.trigger.Toggle, trigger: no}
"""
    async with Engine(flow(f"id: f\ntasks:\n{tasks}")) as engine:
        made = await engine.create()
        await engine.until(made, lambda each: each.state is State.PAUSED)
        assert engine.triggers.disabled == {("tests", "f", "every")}
        await engine.commands.resume("main", made)
        execution = await engine.end(made)
    assert engine.triggers.disabled == set()
    assert "has no trigger no" in error(execution, "no")
