"""A `RunContext` for tests of task types: what the task did can be read from it."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from app.plugins.api import TaskFailed
from app.ports import HttpClient
from app.storage import MemoryStorage


class Lines:
    """A task log that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def trace(self, message: str) -> None:
        self.lines.append(("TRACE", message))

    def debug(self, message: str) -> None:
        self.lines.append(("DEBUG", message))

    def info(self, message: str) -> None:
        self.lines.append(("INFO", message))

    def warn(self, message: str) -> None:
        self.lines.append(("WARN", message))

    def error(self, message: str) -> None:
        self.lines.append(("ERROR", message))


class Context:
    """One attempt of one task run; files are kept in memory, properties are rendered already."""

    execution_id = "e1"
    tenant = "main"
    namespace = "company.team"
    flow_id = "flow"
    task_run_id = "r1"
    attempt = 2
    delivery = 1

    def __init__(self, http: HttpClient) -> None:
        self.http = http
        self.log = Lines()
        self.storage = MemoryStorage()
        self.metrics: list[tuple[str, float, str, dict[str, str]]] = []
        self.headers: Mapping[str, str] = {
            "Idempotency-Key": "e1.r1.2",
            "X-Flow-Execution": "e1",
            "X-Flow-Delivery": "1",
        }
        self.variables: Mapping[str, Any] = {}

    async def render(self, value: Any, **extra: Any) -> Any:
        return value

    def metric(self, name: str, value: float, *, kind: str = "counter", **tags: str) -> None:
        self.metrics.append((name, value, kind, tags))

    async def put_file(self, name: str, chunks: AsyncIterator[bytes]) -> str:
        uri = f"kestra:///company/team/flow/executions/e1/tasks/t/r1/{name}"
        await self.storage.put(uri, chunks)
        return uri

    def get_file(self, uri: str) -> AsyncIterator[bytes]:
        if "/e1/" not in uri:
            raise TaskFailed(f"{uri} belongs to another execution and cannot be read here")
        return self.storage.get(uri)
