"""A whole node, on SQLite and on PostgreSQL: commit, run, roll back, stop, go on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from app.config import Settings, load_settings
from app.engine.commands import NewExecution
from app.engine.executor import Executor
from app.errors import Conflict, Gone, Invalid
from app.executions import Execution, State
from app.node import Node, running
from app.ports import Claim
from app.sync.model import Actor

pytestmark = pytest.mark.parametrize(
    "kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
)
ANN = Actor("Ann", "ann@example.org")
FLOW = """
id: greet
namespace: demo
inputs:
  - {id: name, type: STRING, defaults: world}
tasks:
  - id: p
    type: io.kestra.plugin.core.flow.Parallel
    tasks:
      - {id: a, type: core.debug.Return, format: "GREETING {{ inputs.name }}"}
      - {id: b, type: core.flow.Sleep, duration: PT0.01S}
  - {id: last, type: core.log.Log, message: "{{ outputs.a.value }}"}
outputs:
  - {id: greeting, type: STRING, value: "{{ outputs.a.value }}"}
"""
WAITING = """
id: waiting
namespace: demo
tasks:
  - {id: wait, type: core.flow.Pause, onResume: [{id: word, type: STRING}]}
  - {id: after, type: core.debug.Return, format: "{{ outputs.wait.onResume.word }}"}
"""


@pytest.fixture
def settings(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    flags: dict[str, Any] = {"data_dir": tmp_path, "engine": {"park_after_seconds": 0.05}}
    if kind == "postgres":
        flags["database"] = {"url": request.getfixturevalue("postgres_database")}
    return load_settings(**flags)


@asynccontextmanager
async def node(settings: Settings) -> AsyncIterator[Node]:
    async with running(settings) as started:
        yield started


async def put(node: Node, source: str) -> Any:
    return await node.sync.put_flow("main", None, None, source, actor=ANN)


async def run(node: Node, flow: str = "greet", **new: Any) -> Execution:
    made = await node.commands.create(NewExecution("main", "demo", flow, **new))
    return await asyncio.wait_for(node.executor.finished.future(made.id), 20)


async def test_commit_run_roll_back(settings: Settings) -> None:
    async with node(settings) as first:
        one = await put(first, FLOW.replace("GREETING", "hello"))
        execution = await run(first, inputs={"name": "Ann"})
        assert execution.outputs == {"greeting": "hello Ann"}
        assert execution.revision == one.revision == 1
        two = await put(first, FLOW.replace("GREETING", "goodbye"))
        assert two.revision == 2
        told = await first.flows.revisions("main", "demo", "greet")
        loaded = [await first.flows.load(each) for each in told]
        assert [each.revision.state for each in loaded] == ["superseded", "active"]
        assert (await run(first)).outputs == {"greeting": "goodbye world"}
        await first.sync.rollback("main", "demo", "greet", to=one.commit, reason="rude", actor=ANN)
        assert (await run(first)).outputs == {"greeting": "hello world"}
        lines = await first.logs.lines(execution.id, least=20)
        assert [line.message for line in lines] == ["Waiting for PT0.01S", "hello Ann"]
    async with node(settings) as second:
        assert (await run(second)).outputs == {"greeting": "hello world"}, "a pin outlives a stop"
        assert (await run(second, revision=2)).outputs == {"greeting": "goodbye world"}
        await put(second, FLOW.replace("GREETING", "welcome"))
        assert (await run(second)).outputs == {"greeting": "welcome world"}, "a change ends the pin"
        await second.sync.delete_flow("main", "demo", "greet", ANN)
        with pytest.raises(Gone):
            await run(second)


async def test_a_paused_execution_outlives_the_process(settings: Settings) -> None:
    async with node(settings) as first:
        await put(first, WAITING)
        made = await first.commands.create(NewExecution("main", "demo", "waiting"))
        async with asyncio.timeout(20):
            while (await first.executor.get(made.id)).state is not State.PAUSED:
                await asyncio.sleep(0.01)
            while first.executor.count():
                await asyncio.sleep(0.01)
    async with node(settings) as second:
        await put(second, WAITING.replace("word}}", "word}} changed"))
        await second.commands.resume("main", made.id, {"word": "on"})
        execution = await asyncio.wait_for(second.executor.finished.future(made.id), 20)
    assert execution.state is State.SUCCESS
    assert execution.task_runs["/after"].outputs == {"value": "on"}, "it runs its own revision"
    assert execution.revision == 1


async def test_it_is_known_whose_namespaces_are_before_anything_runs(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else what a restart takes up first had no secrets, no variables and every right."""
    async with node(settings) as first:
        await put(first, FLOW)
    known: list[set[str]] = []
    begin, assemble = Executor.start, Node._assemble
    nodes: list[Node] = []

    async def start(self: Executor) -> None:
        known.append(nodes[0].sync.shared.claims.tenants())
        await begin(self)

    def assembled(self: Node, epoch: int) -> None:
        nodes.append(self)
        assemble(self, epoch)

    monkeypatch.setattr(Executor, "start", start)
    monkeypatch.setattr(Node, "_assemble", assembled)
    async with node(settings):
        assert known == [{"main"}]


async def test_what_is_wrong_is_refused_and_nothing_is_lost(settings: Settings) -> None:
    async with node(settings) as one:
        await put(one, FLOW.replace("GREETING", "hello"))
        with pytest.raises(Invalid) as refused:
            await put(one, FLOW.replace("type: core.log.Log", "type: core.log.Lag"))
        assert "core.log.Lag" in str(refused.value.details)
        claim = Claim("main", "demo.greet", "k", "h")
        execution = await run(one, claim=claim)
        assert (await run(one, claim=claim)).id == execution.id
        with pytest.raises(Conflict):
            await run(one, claim=claim._replace(body_hash="x"))
        await one.forget()
        assert await one.executions.claimed(claim) is not None
        assert (await run(one)).outputs == {"greeting": "hello world"}
        assert one.executor.recovery.repairs == 0


async def test_large_outputs_are_read_back_from_storage(settings: Settings) -> None:
    large = "y" * 70_000
    async with node(settings) as one:
        await put(one, FLOW.replace("GREETING", large))
        execution = await run(one)
        found = await one.executor.get(execution.id)
        assert found.task_runs["/p/a"].outputs == {"value": f"{large} world"}
        journal = await one.journal.read(execution.id)
        assert found.outputs == {"greeting": f"{large} world"}
        assert max(len(str(event.data)) for event in journal) < 1_000
