"""A `RunContext` for tests of task types: what the task did can be read from it."""

import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from app.expressions import Environment, compile_template
from app.flows.encryption import Cipher
from app.plugins.api import TaskFailed
from app.ports import HttpClient, NamespaceFile
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


ENVIRONMENT = Environment()


class BoundMemoryFiles:
    """The files of one namespace, as tasks see them."""

    def __init__(self, kept: dict[str, bytes]) -> None:
        self.kept = kept

    async def entries(self) -> list[NamespaceFile]:
        return [NamespaceFile(path, len(data)) for path, data in sorted(self.kept.items())]

    async def read(self, path: str) -> bytes:
        if path not in self.kept:
            raise TaskFailed(f"there is no file {path}")
        return self.kept[path]

    async def write(self, changes: Mapping[str, bytes | None]) -> None:
        for path, data in changes.items():
            if data is None:
                self.kept.pop(path, None)
            else:
                self.kept[path] = data


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
        self.folder: Path | None = None
        self.cipher: Cipher | None = None
        self.namespaces: dict[str, dict[str, bytes]] = {}

    async def render(self, value: Any, /, **extra: Any) -> Any:
        if not extra:
            return value
        return compile_template(value).render({**self.variables, **extra}, ENVIRONMENT)

    def metric(self, name: str, value: float, *, kind: str = "counter", **tags: str) -> None:
        self.metrics.append((name, value, kind, tags))

    def encrypt(self, text: str) -> dict[str, str]:
        if self.cipher is None:
            raise TaskFailed("no encryption key")
        return self.cipher.sealed(text)

    async def put_file(self, name: str, chunks: AsyncIterator[bytes]) -> str:
        uri = f"kestra:///company/team/flow/executions/e1/tasks/t/r1/{name}"
        await self.storage.put(uri, chunks)
        return uri

    def get_file(self, uri: str) -> AsyncIterator[bytes]:
        if "/e1/" not in uri:
            raise TaskFailed(f"{uri} belongs to another execution and cannot be read here")
        return self.storage.get(uri)

    async def file_size(self, uri: str) -> int:
        return await self.storage.size(uri)

    async def delete_file(self, uri: str) -> bool:
        return await self.storage.delete(uri)

    async def delete_files(self) -> list[str]:
        prefix = "kestra:///company/team/flow/executions/e1"
        uris = await self.storage.below(prefix)
        await self.storage.delete_prefix(prefix)
        return uris

    async def directory(self) -> Path:
        if self.folder is None:
            self.folder = Path(tempfile.mkdtemp())
        return self.folder

    def files(self, namespace: str | None = None) -> BoundMemoryFiles:
        return BoundMemoryFiles(self.namespaces.setdefault(namespace or self.namespace, {}))

    async def store(self, name: str, data: bytes) -> str:
        """Put a file there as a task before would have."""

        async def chunks() -> AsyncIterator[bytes]:
            for start in range(0, len(data), 1000):
                yield data[start : start + 1000]

        return await self.put_file(name, chunks())

    async def text(self, uri: str) -> str:
        """Return what a file holds."""
        return b"".join([chunk async for chunk in self.storage.get(uri)]).decode()
