"""Readiness after a restart: of a source that ran before, too, the commit has to be there."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from app.config import load_settings
from app.main import create_app
from app.node import Node, running
from tests.git.scratch import Scratch
from tests.sync.rig import flow, path

RUN = "/api/v1/main/executions/shop/a"


@asynccontextmanager
async def life(data: Path, repo: Path) -> AsyncIterator[tuple[Node, httpx2.AsyncClient]]:
    """One life of a node that follows a repository."""
    git = {"repo": str(repo), "allow_file_protocol": True, "poll_seconds": 3600.0}
    async with running(load_settings(data_dir=data, git=git, server={"mode": "dev"})) as node:
        application: Any = create_app(node=node)
        transport = httpx2.ASGITransport(app=application)
        async with (
            application.router.lifespan_context(application),
            httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http,
        ):
            yield node, http


async def test_without_copy_and_remote_it_is_not_ready(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path / "served" / "acme.git")
    scratch.commit({path("a"): flow("a")})
    data = tmp_path / "data"
    async with life(data, scratch.path) as (_, http):
        assert (await http.post(RUN)).status_code == 200
    shutil.rmtree(data / "git")
    away = scratch.path.rename(tmp_path / "away.git")
    async with life(data, scratch.path) as (node, http):
        assert (await http.post(RUN)).status_code == 503
        answer = await http.get("/readyz")
        assert (answer.status_code, list(answer.json()["parts"])) == (503, ["git"])
        away.rename(scratch.path)
        await node.sync.sync()
        assert (await http.get("/readyz")).status_code == 200
        assert (await http.post(RUN)).status_code == 200


async def test_from_the_copy_it_goes_on_without_the_remote(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path / "served" / "acme.git")
    scratch.commit({path("a"): flow("a")})
    async with life(tmp_path / "data", scratch.path):
        pass
    shutil.rmtree(scratch.path / "refs")
    async with life(tmp_path / "data", scratch.path) as (_, http):
        assert (await http.get("/readyz")).status_code == 200
        assert (await http.post(RUN)).status_code == 200
