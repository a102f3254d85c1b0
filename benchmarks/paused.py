"""Measure what executions cost that wait: 100,000 of them paused, in one node on SQLite.

    python -m benchmarks.paused [--executions 100000] [--json FILE]

The node runs in this process. Told are the growth of its resident memory from the time it was warm
to the time all were parked, how fast they were made, how long resuming one of them takes, and how
long a sweep and a restart take with all of them in the database.
"""

import argparse
import asyncio
import gc
import itertools
import random
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import psutil

from app.config import Settings, load_settings
from app.engine.commands import NewExecution
from app.node import Node, running
from app.sync.model import Actor
from benchmarks.processes import percentile

FLOW = """\
id: waiting
namespace: bench
tasks:
  - {id: first, type: core.debug.Return, format: "{{ execution.id }}"}
  - {id: wait, type: core.flow.Pause}
  - {id: last, type: core.debug.Return, format: "{{ outputs.first.value }}"}
"""
WARM = 200
"""Executions that are made, and ended, before anything is measured."""
AT_ONCE = 200
RESUMES = 50


async def measure(folder: Path, count: int) -> dict[str, Any]:
    """Measure with `count` executions; return the figures."""
    settings = load_settings(data_dir=folder)
    async with running(settings) as node:
        await node.sync.put_flow("main", None, None, FLOW, actor=Actor("bench", "b@example.org"))
        for each in await _make(node, WARM):
            await node.commands.kill("main", each)
        before = _resident()
        began = time.perf_counter()
        made = await _make(node, count)
        seconds = time.perf_counter() - began
        after = _resident()
        figures = {
            "executions": count,
            "made_per_s": round(count / seconds),
            "memory_before_mb": before,
            "memory_growth_mb": round(after - before, 1),
            "in_memory": node.executor.count(),
            "sweep_ms": await _timed(partial(_sweep, node)),
            "resume_p95_ms": await _resumed(node, made),
        }
    return {**figures, "restart_s": await _restarted(settings)}


async def _make(node: Node, count: int) -> list[str]:
    """Create executions, and wait until none of them is in memory any more."""
    made: list[str] = []
    numbers = itertools.count()

    async def create() -> None:
        while next(numbers) < count:
            made.append((await node.commands.create(NewExecution("main", "bench", "waiting"))).id)

    await asyncio.gather(*(create() for _ in range(AT_ONCE)))
    while node.executor.count():  # noqa: ASYNC110 - it tells nobody that it parked one
        await asyncio.sleep(0.01)
    return made


async def _resumed(node: Node, made: list[str]) -> float:
    chosen = random.Random(1).sample(made, min(RESUMES, len(made)))
    times = []
    for each in chosen:
        end = node.executor.finished.future(each)
        times.append(await _timed(partial(_resume, node, each, end)))
    return round(percentile(times, 95), 1)


async def _resume(node: Node, execution_id: str, end: asyncio.Future[Any]) -> None:
    await node.commands.resume("main", execution_id)
    await asyncio.wait_for(end, 30)


async def _sweep(node: Node) -> None:
    executions = node.executions
    await executions.due(node.clock.now())
    await executions.next_wake()
    await executions.unfinished()
    await executions.parents_of_ended()
    await node.executor.repair()


async def _restarted(settings: Settings) -> float:
    began = time.perf_counter()
    async with running(settings) as node:
        await asyncio.wait_for(node.executor.recovery.recovered.wait(), 60)
        return round(time.perf_counter() - began, 2)


async def _timed(work: Callable[[], Awaitable[None]]) -> float:
    began = time.perf_counter()
    await work()
    return round((time.perf_counter() - began) * 1000, 1)


def _resident() -> float:
    gc.collect()
    return round(psutil.Process().memory_info().rss / 1e6, 1)


def main() -> None:
    """Measure, print, and write the figures to a file if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--executions", type=int, default=100_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="headwater-bench-") as folder:
        figures = asyncio.run(measure(Path(folder), options.executions))
    for name, value in figures.items():
        print(f"{name:20} {value}")
    if options.json:
        options.json.write_bytes(orjson.dumps(figures, option=orjson.OPT_INDENT_2))


if __name__ == "__main__":
    main()
