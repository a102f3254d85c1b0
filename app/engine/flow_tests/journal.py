"""A journal that is gone with the case it belongs to, and what is asked about executions in it."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from app.errors import Fenced
from app.executions import Event, Execution
from app.ports import ArchiveQuery, Claim, Ended, LogEntry, LogLine, LogQuery, MetricEntry


@dataclass(slots=True)
class _Row:
    """What is known of an execution without reading its journal."""

    open: bool
    parked: bool
    wake_at: int | None
    parent: str | None


class MemoryJournal:
    """The ports `Journal`, `Executions`, `Archive` and `Logs` in memory."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.events: dict[str, list[Event]] = {}
        self._rows: dict[str, _Row] = {}
        self._claims: dict[tuple[str, str, str], tuple[str, str]] = {}
        self.logs: list[LogEntry] = []
        self.metrics: list[MetricEntry] = []

    # -- Journal ------------------------------------------------------------------------------

    def append(
        self,
        execution: Execution,
        events: Sequence[Event],
        *,
        claim: Claim | None = None,
        parked: bool = False,
        wake_at: int | None = None,
        touch: bool = False,  # noqa: ARG002 - the row is written every time
        follows: Execution | None = None,
    ) -> asyncio.Future[Any]:
        """Take the events at once; who waits for it hears in the next turn of the loop."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        journal = self.events.setdefault(execution.id, [])
        lost = execution.refused or (follows is not None and follows.refused)
        if lost or len(journal) != execution.version - len(events):
            execution.refused = True
            future.set_exception(Fenced())
            future.exception()
            return future
        journal.extend(events)
        row = _Row(not execution.over, parked, wake_at, execution.caller_id)
        self._rows[execution.id] = row
        if claim is not None:
            self._claims[claim.tenant, claim.scope, claim.key] = (execution.id, claim.body_hash)
        loop.call_soon(_settle, future)
        return future

    def write_logs(self, entries: Sequence[LogEntry]) -> asyncio.Future[Any]:
        """Keep log lines."""
        self.logs.extend(entries)
        return _done()

    def write_metrics(self, entries: Sequence[MetricEntry]) -> asyncio.Future[Any]:
        """Keep figures."""
        self.metrics.extend(entries)
        return _done()

    async def read(self, execution_id: str) -> list[Event]:
        """Return the events of an execution."""
        return list(self.events.get(execution_id, ()))

    async def read_many(self, ids: Sequence[str]) -> dict[str, list[Event]]:
        """Return the events of several executions."""
        return {each: list(self.events.get(each, ())) for each in ids}

    # -- Executions ---------------------------------------------------------------------------

    async def unfinished(self, after: str = "", limit: int = 1000) -> list[str]:
        """Return ids of executions that are neither ended nor parked."""
        return self._ids(lambda row: row.open and not row.parked, after)[:limit]

    async def due(self, now: int, limit: int = 1000) -> list[str]:
        """Return ids of parked executions whose time has come."""
        return self._ids(lambda row: row.parked and (row.wake_at or now + 1) <= now)[:limit]

    async def parents_of_ended(self) -> list[str]:
        """Return ids of parked executions of which a child has ended."""
        ended = {row.parent for row in self._rows.values() if not row.open}
        return [each for each in self._ids(lambda row: row.parked) if each in ended]

    async def next_wake(self, after: int = 0) -> int | None:
        """Return the earliest time, later than `after`, at which a parked execution is due."""
        times = [row.wake_at for row in self._rows.values() if row.parked and row.wake_at]
        return min((each for each in times if each > after), default=None)

    async def children(self, execution_id: str) -> list[str]:
        """Return ids of those that this one started and that are not over."""
        return self._ids(lambda row: row.open and row.parent == execution_id)

    async def claimed(self, claim: Claim) -> tuple[str, str] | None:
        """Return what an idempotency key was used for."""
        return self._claims.get((claim.tenant, claim.scope, claim.key))

    def _ids(self, wanted: Callable[[_Row], bool], after: str = "") -> list[str]:
        return sorted(each for each, row in self._rows.items() if each > after and wanted(row))

    # -- Archive ------------------------------------------------------------------------------

    def _matching(self, query: ArchiveQuery) -> list[Execution]:
        found = (Execution.fold(each, self.events[each]) for each in sorted(self.events))
        return [
            each
            for each in found
            if _within(query.namespace, each, below=query.below)
            and each.tenant == query.tenant
            and query.flow_id in (None, each.flow_id)
            and (not query.states or each.state.value in query.states)
            and (query.since is None or each.created_at >= query.since)
            and (query.until is None or each.created_at <= query.until)
        ]

    async def count(self, query: ArchiveQuery) -> int:
        """Return how many executions there are."""
        return len(self._matching(query))

    async def ended(self, query: ArchiveQuery, *, after: str = "", limit: int = 500) -> list[Ended]:
        """Return executions that ended."""
        over = [each for each in self._matching(query) if each.over and each.id > after]
        return [Ended(each.id, each.namespace, each.flow_id) for each in over[:limit]]

    async def delete(self, ids: Sequence[str]) -> int:
        """Delete executions that ended."""
        over = [each for each in ids if each in self._rows and not self._rows[each].open]
        for each in over:
            del self.events[each], self._rows[each]
        return len(over)

    async def delete_logs(self, ids: Sequence[str]) -> int:
        """Delete log lines."""
        kept = [each for each in self.logs if each.execution_id not in ids]
        count, self.logs[:] = len(self.logs) - len(kept), kept
        return count

    async def delete_metrics(self, ids: Sequence[str]) -> int:
        """Delete figures."""
        kept = [each for each in self.metrics if each.execution_id not in ids]
        count, self.metrics[:] = len(self.metrics) - len(kept), kept
        return count

    # -- Logs ---------------------------------------------------------------------------------

    async def find(
        self, query: LogQuery, *, after: LogLine | None = None, limit: int = 1000
    ) -> list[LogLine]:
        """Return log lines."""
        last = (-1, -1) if after is None else (after.at, after.seq)
        found = [line for line in self._lines(query) if (line.at, line.seq) > last]
        return sorted(found, key=lambda line: (line.at, line.seq))[:limit]

    async def purge(self, query: LogQuery) -> int:
        """Delete log lines."""
        gone = {line.seq for line in self._lines(query)}
        self.logs[:] = [entry for seq, entry in enumerate(self.logs) if seq not in gone]
        return len(gone)

    def _lines(self, query: LogQuery) -> list[LogLine]:
        known = {each: Execution.fold(each, events) for each, events in self.events.items()}
        found: list[LogLine] = []
        for seq, entry in enumerate(self.logs):
            execution = known.get(entry.execution_id)
            if execution is None:
                continue
            trigger = (execution.trigger or {}).get("id")
            line = LogLine(
                seq, execution.tenant, execution.namespace, execution.flow_id, trigger, *entry
            )
            if _of(query, execution, line) and _wanted(query, line):
                found.append(line)
        return found


def _of(query: LogQuery, execution: Execution, line: LogLine) -> bool:
    return (
        query.tenant == line.tenant
        and _within(query.namespace, execution, below=query.below)
        and query.flow_id in (None, line.flow_id)
        and query.trigger_id in (None, line.trigger_id)
        and query.execution_id in (None, line.execution_id)
    )


def _wanted(query: LogQuery, line: LogLine) -> bool:
    return (
        line.level >= query.least
        and (not query.levels or line.level in query.levels)
        and (not query.task_ids or line.task_id in query.task_ids)
        and query.task_run_id in (None, line.task_run_id)
        and query.attempt in (None, line.attempt)
        and (query.since is None or line.at >= query.since)
        and (query.until is None or line.at <= query.until)
        and (query.text or "").casefold() in line.message.casefold()
    )


def _within(namespace: str | None, execution: Execution, *, below: bool) -> bool:
    if namespace is None or execution.namespace == namespace:
        return True
    return below and execution.namespace.startswith(f"{namespace}.")


def _settle(future: asyncio.Future[Any]) -> None:
    if not future.done():
        future.set_result(None)


def _done() -> asyncio.Future[Any]:
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    future.set_result(None)
    return future
