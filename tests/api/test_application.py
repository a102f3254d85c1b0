"""The application around a node: its own, or one that runs already."""

from pathlib import Path
from typing import Any

import httpx2

from app.config import load_settings
from app.main import create_app
from app.node import running


async def test_a_node_that_runs_already(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path, server={"mode": "dev"})
    async with running(settings) as node:
        application: Any = create_app(node=node)
        transport = httpx2.ASGITransport(app=application)
        async with (
            application.router.lifespan_context(application),
            httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http,
        ):
            assert (await http.get("/readyz")).status_code == 200
        assert node.ready  # it was not ours to stop


async def test_without_a_node_nothing_is_served(tmp_path: Path) -> None:
    application: Any = create_app(load_settings(data_dir=tmp_path))
    transport = httpx2.ASGITransport(app=application)
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        assert (await http.get("/livez")).status_code == 200
        for path in ("/readyz", "/api/v1/main/flows/search", "/api/v1/main/executions/0abc"):
            answer = await http.get(path)
            assert answer.status_code == 503
            assert answer.headers["retry-after"] == "1"
