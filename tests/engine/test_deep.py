"""Deep and long flows run: 50 flowables in each other, 2,000 tasks, 10,000 rounds."""

import asyncio

import pytest

from app.executions import State
from tests.engine.harness import Engine, flow

OPENINGS = {
    "Sequential": "tasks:",
    "Parallel": "tasks:",
    "If": "condition: yes\nthen:",
    "ForEach": "values: [1]\ntasks:",
    "Switch": "value: x\ncases:\n  x:",
}


def nested(kind: str, depth: int) -> str:
    """Return a flow of flowables in each other."""
    lines = ["id: deep", "tasks:"]
    pad = "  "
    for level in range(depth):
        lines += [f"{pad}- id: s{level}", f"{pad}  type: core.flow.{kind}"]
        lines += [f"{pad}  {line}" for line in OPENINGS[kind].split("\n")]
        pad += "      " if kind == "Switch" else "    "
    return "\n".join([*lines, f"{pad}- id: leaf", f"{pad}  type: core.debug.Return"])


@pytest.mark.parametrize("kind", OPENINGS)
async def test_fifty_levels(kind: str) -> None:
    async with Engine(flow(nested(kind, 50))) as engine:
        execution = await engine.run()
    assert execution.state is State.SUCCESS
    assert len(execution.task_runs) == 51


async def test_two_thousand_tasks() -> None:
    tasks = [f"  - {{id: t{n}, type: core.debug.Return, format: '{n}'}}" for n in range(2000)]
    async with Engine(flow("\n".join(["id: many", "tasks:", *tasks]))) as engine:
        execution = await engine.end(await engine.create(), 30)
    assert execution.state is State.SUCCESS
    assert len(execution.task_runs) == 2000


@pytest.mark.slow
async def test_ten_thousand_rounds() -> None:
    source = """
    id: rounds
    tasks:
      - id: each
        type: core.flow.ForEach
        values: "{{ range(1, 10000) }}"
        concurrencyLimit: 50
        tasks: [{id: one, type: core.debug.Return, format: "{{ taskrun.value }}"}]
    """
    async with Engine(flow(source)) as engine:
        execution = await asyncio.wait_for(engine.end(await engine.create(), 55), 55)
    assert execution.state is State.SUCCESS
    assert len(execution.task_runs) == 10_001
