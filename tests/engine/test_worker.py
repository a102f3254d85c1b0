"""What the worker does around an attempt: own states, caches, logs in files, folders."""

from pathlib import Path
from typing import Any

import pytest

from app.executions import Execution, State
from tests.engine.harness import SERVICE, Engine, flow, states


def run_of(execution: Execution, path: Any) -> Any:
    return execution.task_runs[path]


async def test_a_task_says_how_it_ended() -> None:
    loaded = flow("""
        id: saying
        tasks:
          - {id: warns, type: test.Says, state: WARNING}
          - {id: allowed, type: test.Says, state: WARNING, allowWarning: true}
          - {id: fails, type: test.Says, state: FAILED, allowFailure: true,
             retry: {type: constant, interval: PT0.001S, maxAttempts: 2}}
    """)
    async with Engine(loaded) as engine:
        execution = await engine.run()
    assert states(execution) == {"/warns": "WARNING", "/allowed": "SUCCESS", "/fails": "WARNING"}
    assert execution.state is State.WARNING
    assert run_of(execution, "/warns").outputs == {"said": "WARNING"}
    assert len(run_of(execution, "/fails").attempts) == 2


CACHED = """
    id: cached
    inputs:
      - {id: name, type: STRING}
    tasks:
      - id: first
        type: test.Effect
        name: "{{ inputs.name }}"
        description: "{{ execution.id }}"
        taskCache: {enabled: %s, ttl: PT1H}
      - {id: second, type: core.debug.Return, format: "{{ outputs.first.call }}"}
"""


async def test_outputs_of_an_equal_task_are_used_again() -> None:
    async with Engine(flow(CACHED % "true")) as engine:
        values = []
        for name in ("cached-a", "cached-a", "cached-b"):
            execution = await engine.run(inputs={"name": name})
            values.append(run_of(execution, "/second").outputs["value"])
        engine.clock.advance(3601)
        await engine.run(inputs={"name": "cached-a"})
    assert values == ["1", "1", "1"]
    assert len(SERVICE.keys("cached-a")) == 2
    assert len(SERVICE.keys("cached-b")) == 1
    async with Engine(flow(CACHED % "false")) as engine:
        for _ in range(2):
            await engine.run(inputs={"name": "cached-c"})
    assert len(SERVICE.keys("cached-c")) == 2


async def test_failures_are_not_kept() -> None:
    loaded = flow("""
        id: failing
        tasks:
          - {id: a, type: test.Effect, name: cached-d, fail: 1, taskCache: {enabled: true}}
    """)
    SERVICE.failures.clear()
    async with Engine(loaded) as engine:
        found = [(await engine.run()).state.value for _ in range(3)]
    assert found == ["FAILED", "SUCCESS", "SUCCESS"]
    assert len(SERVICE.keys("cached-d")) == 2


async def test_a_log_goes_to_a_file() -> None:
    loaded = flow("""
        id: filed
        tasks:
          - id: a
            type: core.execution.Fail
            condition: "{{ taskrun.attemptsCount < 1 }}"
            errorMessage: "not yet"
            logToFile: true
            retry: {type: constant, interval: PT0.001S, maxAttempts: 2}
    """)
    async with Engine(loaded) as engine:
        execution = await engine.run()
        files = [each.log_file for each in run_of(execution, "/a").attempts]
        read = engine.journal.execution(execution.id)
        texts = [engine.storage.files[each].decode() for each in files if each]
    assert execution.state is State.SUCCESS
    assert len(set(files)) == 2
    assert "ERROR not yet" in texts[0]
    assert [each.log_file for each in run_of(read, "/a").attempts] == files
    assert not engine.journal.logs


@pytest.mark.parametrize("end", ["", "fail: true", "hang: true, timeout: PT0.5S"])
async def test_a_working_directory_goes_with_its_attempt(end: str) -> None:
    loaded = flow(f"""
        id: folders
        tasks:
          - {{id: a, type: test.Writes, {end}}}
    """)
    SERVICE.folders.clear()
    async with Engine(loaded) as engine:
        await engine.run()
    assert len(SERVICE.folders) == 1
    assert not any(map(Path.exists, SERVICE.folders))


async def test_attempts_count_those_before() -> None:
    loaded = flow("""
        id: counting
        tasks:
          - id: a
            type: core.debug.Return
            format: "{{ taskrun.attemptsCount == 3 ? 'ok' : ko }}"
            retry: {type: constant, interval: PT0.001S, maxAttempts: 4, warningOnRetry: true}
    """)
    async with Engine(loaded) as engine:
        execution = await engine.run()
    assert run_of(execution, "/a").outputs == {"value": "ok"}
    assert len(run_of(execution, "/a").attempts) == 4
    assert execution.state is State.WARNING
