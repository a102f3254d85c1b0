"""`WorkingDirectory`: one directory for several tasks, its files, its cache, crashes inside."""

import asyncio
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from app.config import RunnerSettings
from app.engine import directories
from app.executions import Execution
from app.flows.parse import parse_flow
from app.runners.choice import NodeRunners
from tests.engine.fakes import FakeClock, MemoryJournal, MemoryStorage
from tests.engine.harness import PATIENCE, TYPES, Engine, flow, states

SHELL = "io.kestra.plugin.scripts.shell.Commands"


def engine(source: str, tmp_path: Path, **options: Any) -> Engine:
    runners = NodeRunners(RunnerSettings(grace_seconds=0.1))
    return Engine(flow(source), runners=runners, work=tmp_path / "work", **options)


def outputs(execution: Execution, path: str) -> dict[str, Any]:
    found = execution.task_runs[path].outputs
    assert found is not None
    return found


def lines(running: Engine) -> list[str]:
    return [line.message for line in running.journal.logs if line.level == 20]


def left(tmp_path: Path) -> list[str]:
    work = tmp_path / "work"
    return [each.name for each in work.iterdir()] if work.exists() else []


SHARED = f"""
id: f
tasks:
  - id: wd
    type: core.flow.WorkingDirectory
    namespaceFiles: {{enabled: true, include: ["lib.sh"]}}
    inputFiles:
      in.txt: "from {{{{ flow.id }}}}"
    outputFiles: ["out/*.txt"]
    tasks:
      - {{id: one, type: {SHELL}, commands: ["mkdir out; cat in.txt lib.sh >out/a.txt"]}}
      - id: two
        type: {SHELL}
        commands: ["echo {{{{ outputs.one.exitCode }}}} >out/b.txt", "ls"]
      - {{id: off, type: {SHELL}, commands: ["false"], disabled: true}}
  - id: after
    type: core.debug.Return
    format: "{{{{ read(outputs.wd.outputFiles['out/b.txt']) }}}}"
"""


async def test_tasks_share_a_directory(tmp_path: Path) -> None:
    async with engine(SHARED, tmp_path) as running:
        await running.parts.files.write(
            "main", "tests", {"lib.sh": b"lib", "x": b""}, reason="test"
        )
        execution = await running.run()
    found = outputs(execution, "/wd")["outputFiles"]
    assert {name: running.storage.files[uri] for name, uri in found.items()} == {
        "out/a.txt": b"from flib",
        "out/b.txt": b"0\n",
    }
    assert lines(running) == ["in.txt", "lib.sh", "out"]
    assert left(tmp_path) == []


async def test_a_failure_ends_it_and_errors_run_outside(tmp_path: Path) -> None:
    source = f"""
    id: f
    tasks:
      - id: wd
        type: core.flow.WorkingDirectory
        outputFiles: ["*"]
        tasks:
          - {{id: one, type: {SHELL}, commands: ["echo x >a", "exit 1"], allowFailure: true}}
          - {{id: skipped, type: {SHELL}, commands: ["touch b"], runIf: "{{{{ false }}}}"}}
          - {{id: two, type: {SHELL}, commands: ["exit 2"]}}
          - {{id: three, type: {SHELL}, commands: ["touch c"]}}
        errors:
          - {{id: err, type: {SHELL}, commands: ["ls -A"]}}
    """
    async with engine(source, tmp_path) as running:
        execution = await running.run()
    assert states(execution) == {
        "/wd": "FAILED",
        "/wd/one": "WARNING",
        "/wd/skipped": "SKIPPED",
        "/wd/two": "FAILED",
        "/wd/err": "SUCCESS",
    }
    assert list(outputs(execution, "/wd")["outputFiles"]) == ["a"]
    assert not [line for line in lines(running) if not line.startswith(".headwater")]
    assert left(tmp_path) == []


async def test_a_retry_stays_inside(tmp_path: Path) -> None:
    source = f"""
    id: f
    tasks:
      - id: wd
        type: core.flow.WorkingDirectory
        tasks:
          - id: one
            type: {SHELL}
            retry: {{type: constant, interval: PT0.01S, maxAttempts: 3}}
            commands: ["test -e seen || {{ touch seen; exit 1; }}"]
    """
    async with engine(source, tmp_path) as running:
        execution = await running.run()
    assert execution.state.value == "SUCCESS"
    assert len(execution.task_runs["/wd/one"].attempts) == 2


async def test_one_directory_for_each_round(tmp_path: Path) -> None:
    source = f"""
    id: f
    tasks:
      - id: each
        type: core.flow.ForEach
        values: [a, b]
        concurrencyLimit: 0
        tasks:
          - id: wd
            type: core.flow.WorkingDirectory
            outputFiles: ["*"]
            tasks:
              - id: one
                type: {SHELL}
                commands: ["touch {{{{ parent.taskrun.value }}}}"]
      - id: after
        type: core.debug.Return
        format: "{{{{ outputs.wd.a.outputFiles.a }}}} {{{{ outputs.wd.b.outputFiles.b }}}}"
    """
    async with engine(source, tmp_path) as running:
        execution = await running.run()
    assert execution.state.value == "SUCCESS", execution.task_runs
    assert len(outputs(execution, "/after")["value"].split()) == 2
    assert left(tmp_path) == []


CACHED = f"""
id: f
tasks:
  - id: wd
    type: core.flow.WorkingDirectory
    cache: {{ttl: PT1H, patterns: ["kept/**"]}}
    tasks:
      - id: one
        type: {SHELL}
        inputFiles: {{word: "{{{{ labels.word ?? '' }}}}"}}
        commands:
          - cat kept/word 2>/dev/null && echo || echo nothing
          - if [ -s word ]; then mkdir -p kept; cp word kept/word; chmod 755 kept/word; fi
          - stat -c %a kept/word 2>/dev/null || true
"""


async def test_the_cache(tmp_path: Path) -> None:
    clock = FakeClock()
    async with engine(CACHED, tmp_path, clock=clock) as running:
        await running.run(labels=(("word", "first"),))
        assert lines(running) == ["nothing", "755"]
        (uri,) = [uri for uri in running.storage.files if uri.endswith("cache.zip")]
        assert uri == "kestra:///tests/f/wd/cache/cache.zip"
        before = running.storage.files[uri]
        await running.run()
        assert lines(running)[2:] == ["first", "755"]
        assert running.storage.files[uri] is before, "nothing was new"
        await running.run(labels=(("word", "second"),))
        clock.advance(3000)
        await running.run()
        assert lines(running)[4:] == ["first", "755", "second", "755"]
        clock.advance(700)
        await running.run()
        assert lines(running)[8:] == ["nothing"]


async def test_a_broken_cache_is_no_failure(tmp_path: Path) -> None:
    async with engine(CACHED, tmp_path) as running:
        running.storage.files["kestra:///tests/f/wd/cache/cache.zip"] = b"PK but no more"
        execution = await running.run()
        assert execution.state.value == "SUCCESS"
    assert "the cache cannot be used" in " ".join(line.message for line in running.journal.logs)


async def lives(
    source: str, tmp_path: Path, journal: MemoryJournal, *, lose: bool = False
) -> tuple[Execution, Engine]:
    """Run a flow whose task `two` waits until it was killed once; return the second life."""
    storage = MemoryStorage()
    first = engine(source, tmp_path, journal=journal, storage=storage)
    await first.__aenter__()
    made = await first.create()
    async with asyncio.timeout(PATIENCE):
        while not any("waiting" in line for line in lines(first)):
            await asyncio.sleep(0.01)
            first.parts.sink.flush()
    journal.crashed.set()  # nothing is written any more: the process is dead
    await first.executor.stop(drain=0)
    journal.crashed.clear()
    assert left(tmp_path) == [made]
    if lose:
        shutil.rmtree(tmp_path / "work")
    async with engine(source, tmp_path, journal=journal, storage=storage) as second:
        return await second.end(made), second


KILLED = f"""
id: f
tasks:
  - id: wd
    type: core.flow.WorkingDirectory
    inputFiles: {{in.txt: x}}
    outputFiles: ["**"]
    tasks:
      - {{id: one, type: {SHELL}, commands: ["echo made >one.txt"]}}
      - id: two
        type: {SHELL}
        commands:
          - if [ ! -e {{{{ envs.x ?? '' }}}}MARK ]; then touch MARK; echo waiting; sleep 60; fi
"""


async def test_a_killed_walk_goes_on_in_the_same_directory(tmp_path: Path) -> None:
    source = KILLED.replace("MARK", str(tmp_path / "mark"))
    execution, _ = await lives(source, tmp_path, MemoryJournal())
    assert execution.state.value == "SUCCESS", execution.task_runs
    assert set(outputs(execution, "/wd")["outputFiles"]) == {"in.txt", "one.txt"}
    assert left(tmp_path) == []


async def test_a_lost_directory_gets_its_inputs_again(tmp_path: Path) -> None:
    source = KILLED.replace("MARK", str(tmp_path / "mark"))
    execution, _ = await lives(source, tmp_path, MemoryJournal(), lose=True)
    assert execution.state.value == "SUCCESS", execution.task_runs
    assert set(outputs(execution, "/wd")["outputFiles"]) == {"in.txt"}


async def test_a_restart_runs_all_of_it_again(tmp_path: Path) -> None:
    """The directory is gone, and with it what the first tasks made (Kestra's rule)."""
    mark = tmp_path / "mark"
    source = f"""
    id: f
    tasks:
      - id: wd
        type: core.flow.WorkingDirectory
        outputFiles: ["*"]
        tasks:
          - {{id: one, type: {SHELL}, commands: ["echo x >>a", "echo made"]}}
          - {{id: two, type: {SHELL}, commands: ["cat a >b; test -e {mark}"]}}
    """
    async with engine(source, tmp_path) as running:
        failed = await running.run()
        assert failed.state.value == "FAILED"
        mark.touch()
        await running.commands.restart("main", failed.id)
        done = await running.end(failed.id)
        assert done.state.value == "SUCCESS"
        assert lines(running) == ["made", "made"]
        found = outputs(done, "/wd")["outputFiles"]
        assert {name: running.storage.files[uri] for name, uri in found.items()} == {
            "a": b"x\n",
            "b": b"x\n",
        }


async def test_what_belongs_to_nothing_is_removed(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name / "x").mkdir(parents=True)

    async def alive(ids: Any) -> set[str]:
        assert sorted(ids) == ["a", "b"]
        return {"b"}

    assert await directories.sweep(tmp_path, alive) == 1
    assert next(os.walk(tmp_path))[1] == ["b"]
    assert await directories.sweep(tmp_path / "none", alive) == 0


@pytest.mark.parametrize(
    ("child", "message"),
    [
        ("{id: p, type: core.flow.Pause}", "Only runnable tasks are allowed"),
        (
            "{id: p, type: core.log.Log, message: x, workerGroup: {key: g}}",
            "Cannot set a Worker Group",
        ),
    ],
)
def test_what_cannot_be_inside(child: str, message: str) -> None:
    task = f"{{id: w, type: core.flow.WorkingDirectory, tasks: [{child}]}}"
    source = f"id: f\nnamespace: n\ntasks: [{task}]"
    parsed = parse_flow(source, types=TYPES)
    assert message in " ".join(problem.message for problem in parsed.problems)
