"""A sync service on real parts, following a repository that plain Git writes."""

import asyncio
import fcntl
import hashlib
import hmac
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from app.config import (
    GitSettings,
    HttpSettings,
    SecretSettings,
    ServerSettings,
    Settings,
    SourceSettings,
)
from app.db.audit import AuditStore
from app.db.database import Database
from app.db.flows import FlowStore
from app.db.sources import SourceStore
from app.engine.clock import SystemClock
from app.plugins.registry import Registry
from app.ports import FlowRevision
from app.storage import LocalStorage
from app.sync.model import Actor
from app.sync.service import SyncService
from tests.git.scratch import Content, Scratch

ANN = Actor("Ann", "ann@example.org")
REGISTRY = Registry.load()
HOOK = {"hook_key": "k3y", "hook_secret": "It's a Secret to Everybody"}


def flow(flow_id: str, message: str = "hi", namespace: str | None = None) -> bytes:
    """Return a small valid flow."""
    head = f"id: {flow_id}\n" + (f"namespace: {namespace}\n" if namespace else "")
    task = f"  - id: say\n    type: io.kestra.plugin.core.log.Log\n    message: {message}\n"
    return f"{head}tasks:\n{task}".encode()


BROKEN = b"id: broken\ntasks:\n  - id: say\n    type: no.such.Type\n"
UNREADABLE = b"id: x\n\ttasks: [\n"


def path(name: str, namespace: str = "shop", tenant: str = "main") -> str:
    """Return where a flow file lies."""
    return f"tenants/{tenant}/namespaces/{namespace}/flows/{name}.yaml"


class Clock(SystemClock):
    """A clock that a test may let stand still, so that a short time is not over too soon."""

    def __init__(self) -> None:
        super().__init__()
        self._stands_at: int | None = None

    def now(self) -> int:
        return super().now() if self._stands_at is None else self._stands_at

    @contextmanager
    def standing(self) -> Iterator[int]:
        """Let it stand for the length of a `with` block; yield its time."""
        self._stands_at = self.now()
        try:
            yield self._stands_at
        finally:
            self._stands_at = None


class Rig:
    """A service that can be started, stopped and started again on the same data."""

    def __init__(self, folder: Path, url: str | None = None, **git: Any) -> None:
        self.folder = folder
        self.url = url
        self.mode = git.pop("mode", "production")
        self.http = HttpSettings(**git.pop("http", {}))
        self.secrets = SecretSettings(**git.pop("secrets", {}))
        self.sources: dict[str, SourceSettings] = git.pop("sources", {})
        git.setdefault("poll_seconds", 3600.0)
        git.setdefault("allow_file_protocol", True)
        self.git = git
        self.clock: Any = Clock()
        self.database: Database
        self.flows: FlowStore
        self.store: SourceStore
        self.audit: AuditStore
        self.sync: SyncService

    @property
    def settings(self) -> Settings:
        return Settings(
            data_dir=self.folder,
            git=GitSettings(**self.git),
            sources=self.sources,
            http=self.http,
            secrets=self.secrets,
            server=ServerSettings(mode=self.mode),
        )

    async def open(self) -> None:
        self.database = Database.at(self.url, self.folder)
        await self.database.open()
        self.flows = FlowStore(self.database, REGISTRY)
        await self.flows.open()
        self.store = SourceStore(self.database)
        self.audit = AuditStore(self.database)
        self.sync = SyncService(
            self.settings,
            self.store,
            self.flows,
            self.audit,
            REGISTRY,
            self.clock,
            storage=LocalStorage(self.folder / "storage"),
        )

    async def start(self) -> None:
        await self.open()
        await self.sync.start()

    async def stop(self) -> None:
        await self.sync.stop()
        await self.database.close()

    async def restart(self) -> None:
        await self.stop()
        async with asyncio.timeout(10):
            while not self._lock_is_free():  # a child that is about to exec may hold it, too
                await asyncio.sleep(0.01)
        await self.start()

    def _lock_is_free(self) -> bool:
        with (self.folder / "headwater.lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return False
        return True

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Rig"]:
        await self.start()
        try:
            yield self
        finally:
            await self.stop()

    # -- what is there ------------------------------------------------------------------------

    async def active(self) -> dict[str, bytes]:
        """Return `tenant/namespace/id` -> text of everything that is active."""
        return {
            f"{each.tenant}/{each.namespace}/{each.flow_id}": (
                await self.flows.source(each)
            ).encode()
            for each in self.flows.active()
        }

    async def history(self, flow_id: str, namespace: str = "shop") -> list[FlowRevision]:
        return await self.flows.revisions("main", namespace, flow_id)

    async def states(self, flow_id: str, namespace: str = "shop") -> list[tuple[int, str, str]]:
        found = await self.history(flow_id, namespace)
        return [(each.revision, each.kind, each.state) for each in found]

    async def codes(self) -> list[tuple[str, str]]:
        """Return (code, path) of the open findings."""
        return [(each.code, each.path) for each in await self.sync.findings()]

    def runs(self, flow_id: str, namespace: str = "shop") -> FlowRevision:
        """Return what a new execution would run."""
        return self.flows.effective("main", namespace, flow_id)

    async def outcome(self) -> str:
        run = await self.sync.sync()
        assert run is not None
        assert run.outcome is not None
        return run.outcome


def delivery(
    secret: str = HOOK["hook_secret"],
    *,
    delivery_id: str = "d1",
    event: str = "push",
    payload: Mapping[str, Any] | None = None,
) -> tuple[dict[str, str], bytes]:
    """Return headers and body of a delivery as GitHub signs it."""
    body = orjson.dumps({"ref": "refs/heads/main"} if payload is None else payload)
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": delivery_id,
        "X-Hub-Signature-256": f"sha256={digest}",
        "Content-Type": "application/json",
    }
    return headers, body


def time_of(at: int) -> str:
    """Return a time of a clock as text."""
    return datetime.fromtimestamp(at / 1_000_000, UTC).isoformat()


async def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.005)


__all__ = ["ANN", "BROKEN", "HOOK", "REGISTRY", "UNREADABLE", "Content", "Rig", "Scratch"]
