"""Every seam of the engine, one page of Protocols.

The engine sees these and nothing else of the outside; `node` chooses the adapters. Each Protocol is
a contract: its tests run on every implementation and on the fake.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from app.executions import Event, Execution
from app.flows.model import Flow


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> int:
        """Return microseconds since the epoch, never going backwards within a process."""
        ...


class LogEntry(NamedTuple):
    """One line of a task's log. `level`: 5 trace, 10 debug, 20 info, 30 warn, 40 error."""

    execution_id: str
    task_run_id: str
    task_id: str
    attempt: int
    level: int
    at: int
    message: str


class MetricEntry(NamedTuple):
    """One figure that a task reported. `kind`: counter or timer (seconds)."""

    execution_id: str
    task_run_id: str
    task_id: str
    name: str
    kind: str
    value: float
    at: int
    tags: str


class Journal(Protocol):
    """The append-only truth of executions; one writer, group commit.

    `append` never blocks: it queues the events and returns a future that is done when the
    transaction holding them is durable, or fails with `Fenced` when somebody else wrote the
    execution. Appends of one execution are committed in the order they were made.
    """

    def append(
        self,
        execution: Execution,
        events: Sequence[Event],
        *,
        claim: "Claim | None" = None,
        parked: bool = False,
        wake_at: int | None = None,
        touch: bool = False,
    ) -> asyncio.Future[Any]:
        """Queue `events`, which `execution` has applied already; `claim` goes along with them.

        `parked` and `wake_at` tell that it leaves memory; `touch` writes its row in any case.
        """
        ...

    def write_logs(self, entries: Sequence[LogEntry]) -> None:
        """Queue log lines; they may be lost when the process is killed."""
        ...

    def write_metrics(self, entries: Sequence[MetricEntry]) -> None:
        """Queue metrics; they may be lost when the process is killed."""
        ...

    async def read(self, execution_id: str) -> list[Event]:
        """Return the committed events of an execution, empty if there is none."""
        ...

    async def read_many(self, ids: Sequence[str]) -> Mapping[str, list[Event]]:
        """Return the committed events of several executions, by id."""
        ...


class Claim(NamedTuple):
    """An idempotency key, stored in the transaction that creates the execution (contract D1)."""

    tenant: str
    scope: str
    key: str
    body_hash: str


class Executions(Protocol):
    """What the executor asks about executions as a whole."""

    async def unfinished(self, after: str = "", limit: int = 1000) -> Sequence[str]:
        """Return ids of executions that are neither ended nor parked, in order of id."""
        ...

    async def due(self, now: int, limit: int = 1000) -> Sequence[str]:
        """Return ids of parked executions whose time has come."""
        ...

    async def parents_of_ended(self) -> Sequence[str]:
        """Return ids of parked executions that have a child execution which ended."""
        ...

    async def next_wake(self) -> int | None:
        """Return the earliest time (µs) at which a parked execution is due."""
        ...

    async def children(self, execution_id: str) -> Sequence[str]:
        """Return ids of the unfinished executions that this one started."""
        ...

    async def claimed(self, claim: Claim) -> tuple[str, str] | None:
        """Return (execution id, body hash) of an idempotency key used before."""
        ...


@dataclass(frozen=True, slots=True)
class FlowRevision:
    """One revision of a flow: what one commit says of it."""

    tenant: str
    namespace: str
    flow_id: str
    revision: int
    commit: str
    blob: str
    path: str
    source_id: str
    kind: str = "commit"
    """commit | reset | delete | import"""
    state: str = "active"
    """active | superseded | invalid | held | redacted"""
    author_name: str = ""
    author_email: str = ""
    authored_at: int = 0
    subject: str = ""
    snapshot: str = ""
    """The commit that is active in the namespace: what a new execution pins."""


@dataclass(frozen=True, slots=True)
class LoadedFlow:
    """A flow ready to run: its revision, its model, its source text."""

    revision: FlowRevision
    flow: Flow
    source: str
    plans: dict[int, Any] = field(default_factory=dict)
    """What the engine prepared for the flow's tasks, by their identity; lives as long as they."""


class FlowSource(Protocol):
    """Where flows come from: what Git says, by active revision, number or commit."""

    async def current(self, tenant: str, namespace: str, flow_id: str) -> LoadedFlow:
        """Return what runs now: the pinned revision, else the active one.

        Raises:
            NotFound: when there is no such flow.
            Gone: when it was deleted.
        """
        ...

    async def at(
        self,
        tenant: str,
        namespace: str,
        flow_id: str,
        *,
        revision: int | None = None,
        commit: str | None = None,
    ) -> LoadedFlow:
        """Return the flow at a revision number, or as the given commit says.

        Raises:
            NotFound: when there is no such flow or revision.
            Conflict: when that revision is invalid or redacted.
        """
        ...


class Storage(Protocol):
    """Internal storage: bytes of any size by URI (`kestra:///…`)."""

    async def put(self, uri: str, chunks: AsyncIterator[bytes]) -> int:
        """Write the file whole or not at all; return its size in bytes."""
        ...

    def get(self, uri: str, *, offset: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """Yield the bytes of a file.

        Raises:
            NotFound: when there is no such file.
        """
        ...

    async def size(self, uri: str) -> int:
        """Return the size in bytes; raises `NotFound`."""
        ...

    async def delete(self, uri: str) -> bool:
        """Remove a file; return whether it was there."""
        ...

    async def delete_prefix(self, uri: str) -> int:
        """Remove all files below a URI; return how many."""
        ...


@dataclass(frozen=True, slots=True)
class HttpCall:
    """One HTTP request; a body of bytes is sent with its length, an iterator in chunks.

    Times are seconds; None leaves them to the client's settings. The total is for all redirects and
    the whole answer.
    """

    method: str
    url: str
    headers: Sequence[tuple[str, str]] = ()
    body: bytes | AsyncIterator[bytes] | None = None
    connect_timeout: float | None = None
    read_timeout: float = 10.0
    total_timeout: float | None = None
    follow_redirects: bool = True
    verify: bool = True
    proxy: str | None = None


class HttpAnswer(Protocol):
    """The answer to a call: status and headers at once, the body as it comes."""

    status: int
    headers: Sequence[tuple[str, str]]

    async def read(self, limit: int) -> bytes:
        """Return the body's first `limit` bytes (all of it when it is shorter)."""
        ...

    def stream(self) -> AsyncIterator[bytes]:
        """Yield the rest of the body."""
        ...


class HttpClient(Protocol):
    """Calls HTTP services; keeps connections open between calls.

    Raises `HttpFailure` of `plugins.http`, never a library's error.
    """

    inline_bytes: int
    """Answers up to this size may be kept in memory; larger ones belong into the storage."""

    def send(self, call: HttpCall) -> AbstractAsyncContextManager[HttpAnswer]:
        """Send the request; the connection is free again when the context ends."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...
