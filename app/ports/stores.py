"""Small stores: key-value pairs, log lines, outputs that may be used again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from app.access import Reach


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
    reach: Reach | None = None
    """Only in namespaces that it holds."""


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


class SecretStore(Protocol):
    """Secrets of namespaces, encrypted wherever they are kept."""

    seconds: float
    """How long an execution may keep what it has asked for."""

    def reads_environment(self, tenant: str) -> bool:
        """Whether a tenant's flows may read the secrets of the service's environment."""
        ...

    async def secrets(self, tenant: str, namespace: str, commit: str | None) -> "SecretLookup":
        """Return what finds secrets of a namespace, of those above it and of its tenant.

        `commit` is what the asking execution runs at; it matters where secrets are pinned.
        """
        ...


class SecretUse(NamedTuple):
    """Somebody's use of a secret, by its name. `execution_id` is "" where a trigger asks."""

    tenant: str
    namespace: str
    flow_id: str
    execution_id: str
    key: str


class SecretLookup(Protocol):
    """The secrets that one execution may see. What it has decrypted lives as long as itself."""

    def find(self, key: str) -> str | None:
        """Return a secret's text (of a structure: JSON), None if there is none (blocking).

        Raises:
            HeadwaterError: when a file that may hold it cannot be decrypted or is not in its place.
        """
        ...


class NamespaceVariables(Protocol):
    """Variables of namespaces: those of the tenant and of every namespace above merged in."""

    def known(self, tenant: str, namespace: str, commit: str) -> Mapping[str, Any] | None:
        """Return them as they are at a commit, None if that is not in memory."""
        ...

    async def of(self, tenant: str, namespace: str, commit: str) -> Mapping[str, Any]:
        """Return them as they are at a commit.

        Raises:
            HeadwaterError: when they cannot be read.
        """
        ...
