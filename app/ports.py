"""Every seam of the engine, one page of Protocols.

The engine sees these and nothing else of the outside; `node` chooses the adapters. Each Protocol is
a contract: its tests run on every implementation and on the fake.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
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

    def write_logs(self, entries: Sequence[LogEntry]) -> asyncio.Future[Any]:
        """Queue log lines; they may be lost when the process is killed."""
        ...

    def write_metrics(self, entries: Sequence[MetricEntry]) -> asyncio.Future[Any]:
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


FlowKey = tuple[str, str, str]
"""Tenant, namespace, flow id."""


class Slots(Protocol):
    """Slots of flows with limited concurrency: atomic over all nodes that share a database.

    What ends an execution whose `slot` is set gives up its slot in the same transaction (see
    `Journal`), and the oldest one that waits gets it there.
    """

    async def enter(self, execution: Execution, limit: int, at: int, *, queue: bool) -> bool:
        """Take a slot if fewer than `limit` are taken; return whether it has one.

        With `queue` it waits for one otherwise, from `at` (µs) on. Doing so again changes nothing.
        """
        ...

    async def force(self, execution: Execution, limit: int, at: int) -> None:
        """Take a slot even beyond the limit."""
        ...

    async def holds(self, execution_id: str) -> bool:
        """Whether the execution holds a slot."""
        ...

    async def released(self, flow: FlowKey | None = None) -> Sequence[str]:
        """Return ids of executions that wait although they hold a slot by now."""
        ...

    async def waiting(self) -> Sequence[FlowKey]:
        """Return the flows of which executions wait for a slot."""
        ...

    async def release(self, flow: FlowKey, limit: int) -> None:
        """Give free slots to the oldest that wait, under this limit from now on."""
        ...

    async def sweep(self) -> int:
        """Take slots from executions that have ended or are gone; return how many there were."""
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

    async def below(self, uri: str) -> Sequence[str]:
        """Return the URIs of all files below a URI, in order."""
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


class KeyValue(NamedTuple):
    """A key-value pair of a namespace. Times are µs since the epoch.

    `kind`: STRING, NUMBER, BOOLEAN, DATETIME, DATE, DURATION or JSON; `value` is JSON (dates and
    durations are ISO texts).
    """

    key: str
    kind: str
    value: Any
    description: str | None
    created_at: int
    updated_at: int
    expires_at: int | None


class KeptKey(NamedTuple):
    """A key as it is kept, expired (at `expires_at`, µs) or not."""

    namespace: str
    key: str
    expires_at: int | None


class KeyValues(Protocol):
    """Key-value pairs by tenant and namespace; what has expired is not there."""

    async def get(self, tenant: str, namespace: str, key: str) -> KeyValue | None:
        """Return the pair, None if there is none."""
        ...

    async def put(
        self, tenant: str, namespace: str, pair: KeyValue, *, overwrite: bool = True
    ) -> None:
        """Store the pair; an existing one keeps its `created_at`.

        Raises:
            Conflict: when it exists already and may not be overwritten.
        """
        ...

    async def delete(self, tenant: str, namespace: str, key: str) -> bool:
        """Remove the pair; return whether it was there."""
        ...

    async def pairs(self, tenant: str, namespace: str, prefix: str = "") -> Sequence[KeyValue]:
        """Return the pairs of one namespace whose keys begin with `prefix`, in order of key."""
        ...

    async def kept(self, tenant: str) -> Sequence[KeptKey]:
        """Return the keys of all namespaces, also expired ones, in order of namespace and key."""
        ...

    async def remove(self, tenant: str, keys: Sequence[KeptKey]) -> int:
        """Remove pairs, each unless it was renewed meanwhile; return how many were there."""
        ...


class NamespaceFile(NamedTuple):
    """A file of a namespace, by its path without a leading slash; `size` in bytes."""

    path: str
    size: int
    executable: bool = False


class NamespaceFiles(Protocol):
    """The files of namespaces, as a commit has them (None: the active commit)."""

    async def entries(
        self, tenant: str, namespace: str, commit: str | None = None
    ) -> Sequence[NamespaceFile]:
        """Return all files of a namespace, in order of path."""
        ...

    async def read(
        self, tenant: str, namespace: str, path: str, commit: str | None = None
    ) -> bytes:
        """Return a file's bytes; raises `NotFound`."""
        ...

    async def write(
        self, tenant: str, namespace: str, changes: Mapping[str, bytes | None], *, reason: str
    ) -> str:
        """Write files (None: delete) as one commit; return the commit that is active then.

        Raises:
            Invalid: a path that is absolute, goes up or is no file name.
            Conflict: when the repository cannot be written.
        """
        ...


@dataclass(frozen=True, slots=True)
class Command:
    """A program to run: its argument vector, its environment, where it runs.

    Of the service's own environment it sees only what the runner's settings name, such as `PATH`.
    Times are seconds, sizes bytes; None leaves a limit to the runner's settings, which also bound
    those that are given.
    """

    arguments: Sequence[str]
    environment: Mapping[str, str]
    directory: Path
    cpu_seconds: float | None = None
    memory_bytes: int | None = None
    file_bytes: int | None = None
    output_bytes: int | None = None


class Runner(Protocol):
    """Runs programs of script tasks; each in its own process group."""

    async def run(self, command: Command, line: Callable[[str, str], None]) -> int:
        """Run to the end and return the exit code; `line(stream, text)` hears of every line.

        `stream` is "stdout" or "stderr". When cancelled, the whole group is terminated and, after a
        grace of a few seconds, killed, before this returns.

        Raises:
            Unavailable: when the program cannot be started at all.
        """
        ...


class Runners(Protocol):
    """The ways to run programs that a node knows."""

    def choose(self, kind: str | None) -> Runner:
        """Return the runner of a kind (`process`, `docker`, …), None: the node's own choice.

        Raises:
            Unavailable: when this node does not run programs so; the message says what to do.
        """
        ...


class Jq(Protocol):
    """Runs jq programs where they can be stopped and see nothing of the server."""

    async def run(self, program: str, document: str) -> list[Any]:
        """Return all results of a program on a JSON text.

        Raises:
            BadRequest: when the program is wrong, fails, or takes too much time or memory.
        """
        ...


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Which log lines; empty fields do not matter. Times are µs since the epoch."""

    tenant: str
    namespace: str | None = None
    below: bool = True
    """Whether namespaces below the named one count too."""
    flow_id: str | None = None
    execution_id: str | None = None
    task_ids: Sequence[str] = ()
    task_run_id: str | None = None
    trigger_id: str | None = None
    attempt: int | None = None
    least: int = 0
    """The lowest level, as in `LogEntry`."""
    levels: Sequence[int] = ()
    """Exactly these levels."""
    since: int | None = None
    until: int | None = None
    text: str | None = None


class LogLine(NamedTuple):
    """A line of a log as it is kept, and whose it is. `seq` numbers lines as they were written."""

    seq: int
    tenant: str
    namespace: str
    flow_id: str
    trigger_id: str | None
    execution_id: str
    task_run_id: str
    task_id: str
    attempt: int
    level: int
    at: int
    message: str


class Logs(Protocol):
    """The log lines of executions."""

    async def find(
        self, query: LogQuery, *, after: LogLine | None = None, limit: int = 1000
    ) -> Sequence[LogLine]:
        """Return lines that come after `after`, in order of time and of writing."""
        ...

    async def purge(self, query: LogQuery) -> int:
        """Delete lines; return how many."""
        ...


@dataclass(frozen=True, slots=True)
class ArchiveQuery:
    """Which executions; empty fields do not matter. Times of creation are µs since the epoch."""

    tenant: str
    namespace: str | None = None
    flow_id: str | None = None
    states: Sequence[str] = ()
    since: int | None = None
    until: int | None = None
    below: bool = True
    """Whether namespaces below the named one count too."""


class Ended(NamedTuple):
    """An execution that ended, and whose it is."""

    id: str
    namespace: str
    flow_id: str


class Archive(Protocol):
    """Executions as a body: what is counted, and what is deleted after its end."""

    async def count(self, query: ArchiveQuery) -> int:
        """Return how many executions there are, ended or not."""
        ...

    async def ended(
        self, query: ArchiveQuery, *, after: str = "", limit: int = 500
    ) -> Sequence[Ended]:
        """Return executions that ended, in order of id, from the one after `after` on."""
        ...

    async def delete(self, ids: Sequence[str]) -> int:
        """Delete executions that ended, with their journals; return how many there were."""
        ...

    async def delete_logs(self, ids: Sequence[str]) -> int:
        """Delete the log lines of executions; return how many there were."""
        ...

    async def delete_metrics(self, ids: Sequence[str]) -> int:
        """Delete the figures of executions; return how many there were."""
        ...


class Triggers(Protocol):
    """The state of triggers, as far as tasks may change it."""

    async def set_disabled(
        self, tenant: str, namespace: str, flow_id: str, trigger: str, *, disabled: bool
    ) -> None:
        """Stop a trigger from firing, or let it fire again.

        Raises:
            NotFound: when the flow has no such trigger.
        """
        ...


class FlowNames(Protocol):
    """Which flows there are."""

    def active(self, tenant: str | None = None) -> Sequence[FlowRevision]:
        """Return what Git says now of every flow, in order of name."""
        ...


class TaskCache(Protocol):
    """Outputs of tasks that may be used again."""

    async def find(self, tenant: str, key: str, now: int) -> Mapping[str, Any] | None:
        """Return the outputs kept under `key` and not expired at `now` (µs)."""
        ...

    async def keep(
        self, tenant: str, key: str, outputs: Mapping[str, Any], now: int, expires_at: int | None
    ) -> None:
        """Keep outputs."""
        ...
