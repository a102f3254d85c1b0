"""Calls that a flow may not make: this machine, metadata services, other protocols."""

import pytest

from app.config.sections import ExpressionSettings, HttpSettings
from app.engine.host import environment_for
from app.executions import Execution
from app.plugins.http import http_client
from tests.engine.harness import Engine, flow
from tests.plugins.servers import serving

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
