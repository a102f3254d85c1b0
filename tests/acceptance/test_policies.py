"""Policies of flows on a whole node, on SQLite and on PostgreSQL."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from app.config import Settings, load_settings
from app.db.executions import ExecutionFilter
from app.engine.commands import NewExecution
from app.executions import State
from app.node import Node, running
from app.sync.model import Actor

pytestmark = pytest.mark.parametrize(
    "kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
)
LIMITED = """
id: limited
namespace: demo
concurrency: {limit: 2}
tasks:
  - {id: wait, type: core.flow.Pause}
afterExecution:
  - {id: told, type: core.debug.Return, format: "{{ execution.state }}"}
"""


@pytest.fixture
def settings(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    flags: dict[str, Any] = {"data_dir": tmp_path, "engine": {"park_after_seconds": 0.05}}
    if kind == "postgres":
        flags["database"] = {"url": request.getfixturevalue("postgres_database")}
    return load_settings(**flags)


async def states(node: Node) -> Counter[str]:
    found, _ = await node.executions.search(ExecutionFilter("main", flow_id="limited"), size=100)
    return Counter(each.state.value for each in found)


async def until(node: Node, wanted: Counter[str]) -> None:
    async with asyncio.timeout(20):
        while (found := await states(node)) != wanted:
            assert found[State.PAUSED] <= 2
            await asyncio.sleep(0.01)


async def test_the_limit_holds_over_restarts_of_the_node(settings: Settings) -> None:
    async with running(settings) as first:
        await first.sync.put_flow("main", None, None, LIMITED, actor=Actor("A", "a@example.org"))
        new = NewExecution("main", "demo", "limited")
        made = [(await first.commands.create(new)).id for _ in range(6)]
        await until(first, Counter(PAUSED=2, QUEUED=4))
        await first.commands.resume("main", made[0])
        await until(first, Counter(SUCCESS=1, PAUSED=2, QUEUED=3))
        await first.commands.kill("main", made[5])
    async with running(settings) as second:
        await until(second, Counter(SUCCESS=1, KILLED=1, PAUSED=2, QUEUED=2))
        await second.commands.kill("main", made[1])
        await until(second, Counter(SUCCESS=1, KILLED=2, PAUSED=2, QUEUED=1))
        await second.commands.resume("main", made[2])
        await second.commands.resume("main", made[3])
        await until(second, Counter(SUCCESS=3, KILLED=2, PAUSED=1))
        await second.commands.resume("main", made[4])
        await until(second, Counter(SUCCESS=4, KILLED=2))
        assert await second.database.fetch_sql("SELECT * FROM slot") == []
        for each in made:
            async with asyncio.timeout(20):
                while not (execution := await second.executor.get(each)).over:
                    await asyncio.sleep(0.01)
            assert execution.task_runs["/told"].outputs == {"value": execution.state.value}


PLANNED = """
id: planned
namespace: demo
tasks:
  - {id: a, type: core.debug.Return, format: "x"}
"""


async def test_a_planned_execution_waits_for_its_date(settings: Settings) -> None:
    async with running(settings) as node:
        await node.sync.put_flow("main", None, None, PLANNED, actor=Actor("A", "a@example.org"))
        date = node.clock.now() + 1_000_000
        new = NewExecution("main", "demo", "planned", schedule_date=date)
        made = await node.commands.create(new)
        execution = await asyncio.wait_for(node.executor.finished.future(made.id), 20)
        assert execution.state is State.SUCCESS
        assert execution.histories[1].at >= date
