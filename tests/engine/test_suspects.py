"""Executions that a process dies of are found out and quarantined (contract D14)."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from app.engine.suspects import DEATHS, Suspects
from app.errors import Conflict
from app.executions import State
from tests.engine.harness import PATIENCE, Engine, flow

DIE = """
import os, sys
from pathlib import Path
from app.engine.suspects import Suspects
Suspects(Path(sys.argv[1])).note(sys.argv[2], int(sys.argv[3]))
os.kill(os.getpid(), 9)
"""


def die(folder: Path, execution: str, version: int) -> None:
    subprocess.run(
        [sys.executable, "-c", DIE, str(folder), execution, str(version)], check=False, timeout=30
    )


def test_three_deaths_at_one_step_are_poison(tmp_path: Path) -> None:
    for _ in range(DEATHS):
        assert not Suspects(tmp_path).poisonous("e", 5)
        die(tmp_path, "e", 5)
    suspects = Suspects(tmp_path)
    assert suspects.poisonous("e", 5)
    assert not suspects.poisonous("e", 6)
    assert not suspects.poisonous("other", 5)


def test_one_that_moved_on_in_between_is_innocent(tmp_path: Path) -> None:
    for version in (1, 2, 3, 3, 4):
        die(tmp_path, "e", version)
    assert not Suspects(tmp_path).poisonous("e", 4)


def test_a_calm_end_leaves_no_suspect(tmp_path: Path) -> None:
    for _ in range(DEATHS):
        suspects = Suspects(tmp_path)
        suspects.note("e", 1)
        suspects.close()
    assert not Suspects(tmp_path).poisonous("e", 1)


async def test_a_poisonous_execution_ends_and_others_go_on(tmp_path: Path) -> None:
    loaded = flow("""
        id: f
        tasks:
          - {id: w, type: core.flow.Pause}
    """)
    async with Engine(loaded) as engine:
        made = await engine.create()
        execution = await engine.until(made, lambda e: e.state is State.PAUSED)
        other = await engine.create()
        await engine.until(other, lambda e: e.state is State.PAUSED)
    for _ in range(DEATHS):
        die(tmp_path, made, execution.version)
    async with Engine(loaded, journal=engine.journal, suspects=Suspects(tmp_path)) as again:
        with pytest.raises(Conflict, match="quarantined"):
            await again.commands.resume("main", made)
        await again.commands.resume("main", other)
        assert (await again.end(other)).state is State.SUCCESS
    ended = engine.journal.execution(made)
    assert ended.state is State.FAILED
    assert "quarantined" in (ended.reason or "")


async def test_the_next_in_line_gets_the_slot_of_a_poisonous_one(tmp_path: Path) -> None:
    loaded = flow("""
        id: f
        concurrency: {limit: 1, behavior: QUEUE}
        tasks:
          - {id: w, type: core.flow.Pause}
    """)
    async with Engine(loaded, park_after=0) as engine:
        made = await engine.create()
        execution = await engine.until(made, lambda e: e.state is State.PAUSED)
        queued = await engine.create()
        await engine.until(queued, lambda e: e.state is State.QUEUED)
        async with asyncio.timeout(PATIENCE):
            while engine.executor.count():
                await asyncio.sleep(0.001)
    for _ in range(DEATHS):
        die(tmp_path, made, execution.version)
    life = Engine(
        loaded, journal=engine.journal, suspects=Suspects(tmp_path), sweep=3600, repair=3600
    )
    async with life as again:
        await again.executor.recovery.recovered.wait()
        with pytest.raises(Conflict, match="quarantined"):
            await again.commands.resume("main", made)
        await again.until(queued, lambda e: e.state is State.PAUSED)
