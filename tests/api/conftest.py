"""A whole service for the tests of the API: real Git, real SQLite, no socket."""

import asyncio
import importlib
import textwrap
import uuid
import warnings
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from app.config import Settings, load_settings
from app.main import create_app
from app.node import Node
from tests.api.kestrapy_flows import FLOW
from tests.serving import service

ENDED = frozenset({"SUCCESS", "WARNING", "FAILED", "KILLED", "CANCELLED"})
BASE = "/api/v1/main"
HOOK_KEY, HOOK_SECRET = "hook-of-tests", "it is a secret to everybody"


class Api:
    """A client of the service, with the calls that most tests make."""

    def __init__(self, http: httpx2.AsyncClient, node: Node) -> None:
        self.http = http
        self.node = node

    async def get(self, path: str, status: int = 200, **more: Any) -> Any:
        return await self.ask("GET", path, status, **more)

    async def post(self, path: str, status: int = 200, **more: Any) -> Any:
        return await self.ask("POST", path, status, **more)

    async def ask(self, method: str, path: str, status: int = 200, **more: Any) -> Any:
        answer = await self.answer(method, path, **more)
        assert answer.status_code == status, answer.text
        return answer.json() if "json" in answer.headers.get("content-type", "") else answer.text

    async def answer(self, method: str, path: str, **more: Any) -> httpx2.Response:
        full = path if path.startswith("/") else f"{BASE}/{path}"
        return await self.http.request(method, full, **more)

    async def flow(self, namespace: str, source: str, flow_id: str = "f") -> Any:
        """Create or update a flow; the source begins with its first property after the id."""
        document = f"id: {flow_id}\nnamespace: {namespace}\n{textwrap.dedent(source)}"
        answer = await self.answer("POST", "flows", content=document)
        if answer.status_code == 422 and "already exists" in answer.text:
            answer = await self.answer("PUT", f"flows/{namespace}/{flow_id}", content=document)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def run(self, flow: str, inputs: Mapping[str, str] | None = None, query: str = "") -> Any:
        """Execute a flow (`namespace/id`) and wait for its end."""
        path = f"executions/{flow}?wait=true&{query}".removesuffix("&")
        return await self.post(path, files=form(inputs or {}))

    async def until(self, execution_id: str, *states: str) -> Any:
        """Wait until an execution is in one of these states."""
        async with asyncio.timeout(10):
            while True:
                execution = await self.get(f"executions/{execution_id}")
                if execution["state"]["current"] in states:
                    return execution
                await asyncio.sleep(0.01)


def form(inputs: Mapping[str, Any]) -> dict[str, Any] | None:
    return {name: (None, value) for name, value in inputs.items()} or None


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[Api]:
    """Run a service in this process; a task of its own enters and leaves what it holds."""
    application: Any = create_app(settings)
    stop, started = asyncio.Event(), asyncio.Event()

    async def live() -> None:  # what a task enters, the same task leaves
        async with application.router.lifespan_context(application):
            started.set()
            await stop.wait()

    async with asyncio.TaskGroup() as group:
        group.create_task(live())
        await started.wait()
        transport = httpx2.ASGITransport(app=application)
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            yield Api(http, application.state.node)
        stop.set()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    settings = load_settings(
        data_dir=tmp_path_factory.mktemp("data"),
        server={"mode": "dev", "max_body_bytes": 200_000},
        git={"hook_key": HOOK_KEY, "hook_secret": HOOK_SECRET},
        http={"allow_loopback": True},
        webhooks={"git_max_bytes": 100_000},
        engine={"park_after_seconds": 0.2, "drain_seconds": 0.1},
    )
    async with serving(settings) as api:
        yield api


@pytest.fixture
def ns() -> str:
    """A namespace that no other test uses."""
    return f"t{uuid.uuid4().hex[:10]}"


RETURN = """
inputs:
  - id: name
    type: STRING
    defaults: world
tasks:
  - id: say
    type: io.kestra.plugin.core.debug.Return
    format: "Hello {{ inputs.name }}"
"""

PAUSE = """
tasks:
  - id: ask
    type: io.kestra.plugin.core.flow.Pause
    onResume:
      - id: approved
        type: BOOLEAN
  - id: after
    type: io.kestra.plugin.core.debug.Return
    format: "{{ outputs.ask.onResume.approved }}"
"""

SLEEP = """
tasks:
  - id: first
    type: io.kestra.plugin.core.log.Log
    message: before
  - id: sleep
    type: io.kestra.plugin.core.flow.Sleep
    duration: PT{seconds}S
  - id: last
    type: io.kestra.plugin.core.log.Log
    message: after
"""


# -- Kestra's SDK --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sdk() -> Any:
    """The SDK's modules. It has 659 models, so it is imported only when it is used."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("kestrapy")


@pytest.fixture(scope="module")
def errors(sdk: Any) -> Any:
    return importlib.import_module("kestrapy.exceptions")


@pytest.fixture(scope="module")
def query(sdk: Any) -> Any:
    return importlib.import_module("kestrapy.query")


@pytest.fixture(scope="module")
def client(sdk: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with service(tmp_path_factory.mktemp("kestrapy") / "data") as (address, _):
        made = sdk.KestraClient(host=address, timeout=30)
        yield made
        made._session.close()


@pytest.fixture
def flow(client: Any, request: pytest.FixtureRequest) -> tuple[str, str]:
    namespace = "sdk." + request.node.name.removeprefix("test_").replace("_", "-")
    client.flows.create_flow("main", FLOW.format(id="f", namespace=namespace))
    return namespace, "f"
