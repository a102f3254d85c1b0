"""Executions as a whole: what is swept, counted, queued, deleted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from app.executions import Execution
from app.ports.journal import Claim


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

    async def next_wake(self, after: int = 0) -> int | None:
        """Return the earliest time (µs), later than `after`, at which a parked execution is due."""
        ...

    async def children(self, execution_id: str) -> Sequence[str]:
        """Return ids of those that this one started and that are not over."""
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
