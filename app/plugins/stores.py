"""What tasks see of logs, stores and executions, and how they fail."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Protocol

from app.ports import KeptKey, KeyValue, LogQuery, NamespaceFile


class TaskFailed(Exception):
    """The task failed: a result, never a fault of ours.

    `definite` is False when nobody knows whether the effect happened (a time-out, a reset): then
    the same attempt is delivered again under the same idempotency key (contract D3).
    """

    def __init__(
        self, message: str, *, outputs: Mapping[str, Any] | None = None, definite: bool = True
    ) -> None:
        """Fail with a message for people; `outputs` are kept even so."""
        super().__init__(message)
        self.message = message
        self.outputs = outputs
        self.definite = definite


class TaskLog(Protocol):
    """The log of one task run; secrets are masked at its sink."""

    def trace(self, message: str) -> None:
        """Log at TRACE."""
        ...

    def debug(self, message: str) -> None:
        """Log at DEBUG."""
        ...

    def info(self, message: str) -> None:
        """Log at INFO."""
        ...

    def warn(self, message: str) -> None:
        """Log at WARN."""
        ...

    def error(self, message: str) -> None:
        """Log at ERROR."""
        ...


class KeyValueStore(Protocol):
    """The key-value pairs of one namespace."""

    async def get(self, key: str) -> KeyValue | None:
        """Return the pair, None if there is none."""
        ...

    async def put(
        self,
        key: str,
        value: Any,
        *,
        kind: str | None = None,
        ttl: timedelta | None = None,
        overwrite: bool = True,
        description: str | None = None,
    ) -> None:
        """Store a value; without `kind` its type decides.

        Raises:
            TaskFailed: for a bad key, a value that is not of its kind, a pair not to overwrite.
        """
        ...

    async def delete(self, key: str) -> bool:
        """Remove the pair; return whether it was there."""
        ...

    async def pairs(self, prefix: str = "") -> Sequence[KeyValue]:
        """Return the pairs whose keys begin with `prefix`, in order."""
        ...

    async def inherited(self, key: str) -> KeyValue | None:
        """Return the pair of the namespace or of the nearest one above that has it."""
        ...

    async def kept(self) -> Sequence[KeptKey]:
        """Return the keys of all namespaces of the tenant, also expired ones."""
        ...

    async def remove(self, keys: Sequence[KeptKey]) -> int:
        """Remove pairs of any namespace; return how many were there."""
        ...


class Files(Protocol):
    """The files of one namespace, as the execution's commit has them.

    What the execution itself wrote is read as written.
    """

    async def entries(self) -> Sequence[NamespaceFile]:
        """Return all of them, in order of path."""
        ...

    async def read(self, path: str) -> bytes:
        """Return a file's bytes; raises `TaskFailed` when there is none."""
        ...

    async def write(self, changes: Mapping[str, bytes | None]) -> None:
        """Write files (None: delete) in one commit; raises `TaskFailed`."""
        ...


class States(Protocol):
    """Small documents that tasks keep from one execution to the next (reference §2.4)."""

    async def get(self, name: str, key: str) -> Mapping[str, Any] | None:
        """Return the document, None if there is none."""
        ...

    async def put(self, name: str, key: str, data: Mapping[str, Any]) -> None:
        """Store the document."""
        ...

    async def delete(self, name: str, key: str) -> bool:
        """Remove the document; return whether it was there."""
        ...


class ExecutionActions(Protocol):
    """What a task may do with executions of its tenant; raises `TaskFailed`."""

    async def resume(self, execution_id: str, inputs: Mapping[str, Any]) -> None:
        """Resume a paused execution."""
        ...

    async def kill(self, execution_id: str, *, cascade: bool = True) -> None:
        """Kill an execution."""
        ...

    async def count(
        self,
        namespace: str,
        flow_id: str | None,
        states: Sequence[str],
        since: int | None,
        until: int | None,
    ) -> int:
        """Count executions of a flow (None: of all of the namespace); times in µs."""
        ...

    async def flows(self, namespace: str) -> Sequence[tuple[str, str]]:
        """Return (namespace, id) of the flows of a namespace and those below it."""
        ...

    async def purge(  # noqa: PLR0913 - what Kestra's task says
        self,
        namespace: str | None,
        flow_id: str | None,
        states: Sequence[str],
        since: int | None,
        until: int,
        *,
        executions: bool,
        logs: bool,
        metrics: bool,
        files: bool,
    ) -> Mapping[str, int]:
        """Delete ended executions and what belongs to them.

        Returns how many: `executions`, `logs`, `metrics`, `files`.
        """
        ...

    def logs(self, query: LogQuery) -> AsyncIterator[Mapping[str, Any]]:
        """Yield log lines as Kestra's JSON."""
        ...

    async def purge_logs(self, query: LogQuery) -> int:
        """Delete log lines; return how many."""
        ...

    async def toggle(self, namespace: str, flow_id: str, trigger: str, *, enabled: bool) -> None:
        """Enable or disable a trigger."""
        ...
