"""Subflows of the parent's commit, where their namespace stays at an earlier one."""

import asyncio
from pathlib import Path

from app.config import load_settings
from app.engine.commands import NewExecution
from app.executions import State
from app.node import running
from tests.api.test_subflow_resolution import CHILD, PARENT
from tests.git.scratch import Scratch
from tests.sync.rig import BROKEN, path


async def test_a_namespace_that_stays_fails_no_parent_in_another_one(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path / "acme.git")
    child = CHILD.replace("namespace: shop", "namespace: lib")
    parent = PARENT.replace("    namespace: shop", "    namespace: lib")
    there = {path("parent"): parent.encode()}
    scratch.commit(there | {path("child", "lib"): child.format(said="old").encode()})
    git = {"repo": str(scratch.path), "allow_file_protocol": True, "subflows": "commit"}
    settings = load_settings(data_dir=tmp_path / "data", server={"mode": "dev"}, git=git)
    async with running(settings) as node:
        scratch.commit({
            path("parent"): (parent + "# newer\n").encode(),
            path("child", "lib"): child.format(said="new").encode(),
            path("broken", "lib"): BROKEN,
        })  # fmt: skip
        run = await node.sync.sync()
        assert run is not None
        assert run.outcome == "PARTIAL"
        made = await node.commands.create(NewExecution("main", "shop", "parent"))
        ended = await asyncio.wait_for(node.executor.finished.future(made.id), 10)
        assert (ended.state, ended.outputs) == (State.SUCCESS, {"heard": "old"})
