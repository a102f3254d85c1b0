"""The journal: the truth of executions, their logs and figures as they are written."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from app.executions import Event, Execution


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


class Claim(NamedTuple):
    """An idempotency key, stored in the transaction that creates the execution (contract D1)."""

    tenant: str
    scope: str
    key: str
    body_hash: str


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
        follows: Execution | None = None,
    ) -> asyncio.Future[Any]:
        """Queue `events`, which `execution` has applied already; `claim` goes along with them.

        `parked` and `wake_at` tell that it leaves memory; `touch` writes its row in any case.
        Once an append of the execution that it `follows` was refused, this one is refused, too.
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
