"""Which revision of a subflow runs: the active one, or that of the commit its parent runs at."""

import asyncio
from pathlib import Path

import pytest

from app.config import load_settings
from app.engine.commands import NewExecution
from app.executions import Execution
from app.node import Node, running
from app.sync.model import Actor

ANN = Actor("Ann", "ann@example.org")
CHILD = """id: child
namespace: shop
outputs:
  - id: said
    type: STRING
    value: "{said}"
tasks:
  - id: say
    type: io.kestra.plugin.core.debug.Return
    format: "{said}"
"""
PARENT = """id: parent
namespace: shop
outputs:
  - id: heard
    type: STRING
    value: "{{ outputs.call.outputs.said }}"
tasks:
  - id: call
    type: io.kestra.plugin.core.flow.Subflow
    namespace: shop
    flowId: child
    wait: true
"""


async def put(node: Node, source: str) -> str:
    made = await node.sync.put_flow("main", None, None, source, actor=ANN)
    return made.commit


async def run(node: Node) -> Execution:
    made = await node.commands.create(NewExecution("main", "shop", "parent"))
    return await asyncio.wait_for(node.executor.finished.future(made.id), 10)


@pytest.mark.parametrize(("subflows", "heard"), [("latest", "new"), ("commit", "old")])
async def test_a_parent_at_an_old_commit(tmp_path: Path, subflows: str, heard: str) -> None:
    settings = load_settings(data_dir=tmp_path, server={"mode": "dev"}, git={"subflows": subflows})
    async with running(settings) as node:
        await put(node, CHILD.format(said="old"))
        commit = await put(node, PARENT)
        await put(node, CHILD.format(said="new"))
        assert (await run(node)).outputs == {"heard": "new"}, "it runs at the newest commit"
        await node.sync.pin("main", "shop", "parent", commit=commit, reason="", actor=ANN)
        ended = await run(node)
        assert ended.commit == commit
        assert ended.outputs == {"heard": heard}
