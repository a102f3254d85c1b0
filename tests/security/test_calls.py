"""Calls that a flow may not make: this machine, metadata services, other protocols."""

import ast
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from app.config.sections import ExpressionSettings, HttpSettings
from app.engine.host import environment_for
from app.executions import Execution
from app.plugins.http import HttpFailure, http_client
from app.ports import HttpCall
from tests.engine.harness import Engine, flow
from tests.plugins.servers import serving

ROOT = Path(__file__).parents[2]

REFUSED = [
    "http://169.254.169.254/latest/meta-data/",
    "http://[fd00:ec2::254]/latest/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[64:ff9b::7f00:1]:{port}/",
    "http://2130706433:{port}/",
    "http://0x7f.1:{port}/",
    "http://localhost:{port}/",
    "http://127.0.0.1:{port}/",
    "http://a@b@127.0.0.1:{port}/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/",
    "unix:/run/docker.sock",
]


async def called(task: str) -> Execution:
    client = http_client(HttpSettings())
    engine = Engine(flow(f"id: f\ntasks: [{{id: a, {task}}}]"), http=client)
    engine.executor._driver._environment = environment_for(ExpressionSettings(), engine.parts)
    try:
        async with engine:
            return await engine.run()
    finally:
        await client.close()


@pytest.mark.parametrize("address", REFUSED)
async def test_a_flow_does_not_reach_it(address: str) -> None:
    async with serving() as server:
        url = address.replace("{port}", str(server.port))
        for task in (
            f'type: core.http.Request, uri: "{url}"',
            f'type: core.http.Download, uri: "{url}"',
            f"type: core.debug.Return, format: \"{{{{ http('{url}') }}}}\"",
        ):
            execution = await called(task)
            assert execution.state.value == "FAILED", task
            assert execution.task_runs["/a"].error
        assert server.connections == 0


ONE_CLIENT = ("app.plugins.http", "app.cli")
LIBRARIES = frozenset(
    ("pyreqwest", "httpx2", "httpx", "requests", "aiohttp", "urllib3", "http.client", "ftplib",
     "smtplib", "telnetlib", "websockets")
)  # fmt: skip


def imported(source: str) -> set[str]:
    """Names of all modules that a module imports, wherever it does."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
    return found


def test_one_client_makes_all_calls() -> None:
    for path in (ROOT / "app").rglob("*.py"):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        if module.startswith(ONE_CLIENT):
            continue
        names = imported(path.read_text())
        used = {name for name in names if name.split(".")[0] in LIBRARIES or name in LIBRARIES}
        assert not used | (names & {"urllib.request.urlopen", "urllib.request.Request"}), module


@pytest.mark.parametrize(
    "task",
    [
        'type: core.http.Request, uri: "http://x.test/"',
        'type: core.http.Download, uri: "http://x.test/"',
        'type: core.http.SseRequest, uri: "http://x.test/"',
        "type: core.debug.Return, format: \"{{ http('http://x.test/') }}\"",
    ],
)
async def test_every_call_of_a_flow_is_one_of_its_tenant(task: str) -> None:
    calls: list[HttpCall] = []

    class Noting:
        inline_bytes = 1000

        @asynccontextmanager
        async def send(self, call: HttpCall) -> AsyncIterator[Any]:
            calls.append(call)
            raise HttpFailure("nobody is there", host="x.test", sent=False)
            yield

        async def close(self) -> None: ...

    engine = Engine(flow(f"id: f\ntasks: [{{id: a, {task}}}]"), http=Noting())
    engine.executor._driver._environment = environment_for(ExpressionSettings(), engine.parts)
    async with engine:
        execution = await engine.run()
    assert {call.tenant for call in calls} == {execution.tenant}
