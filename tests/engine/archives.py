"""Fakes of the ports that search and delete what executions left: logs, archive, triggers."""

import asyncio
from collections.abc import Iterator, Sequence

from app.errors import NotFound
from app.executions import Execution
from app.ports import ArchiveQuery, Ended, LogEntry, LogLine, LogQuery
from tests.engine.fakes import MemoryJournal


def within(namespace: str | None, execution: Execution, *, below: bool = True) -> bool:
    if namespace is None or execution.namespace == namespace:
        return True
    return below and execution.namespace.startswith(f"{namespace}.")


class MemoryLogs:
    """The `Logs` port over the lines of a journal in memory."""

    def __init__(self, journal: MemoryJournal) -> None:
        self._journal = journal

    async def find(
        self, query: LogQuery, *, after: LogLine | None = None, limit: int = 1000
    ) -> list[LogLine]:
        await asyncio.sleep(0)
        found = sorted((line for line, _ in self._matching(query)), key=lambda x: (x.at, x.seq))
        last = (-1, -1) if after is None else (after.at, after.seq)
        return [line for line in found if (line.at, line.seq) > last][:limit]

    async def purge(self, query: LogQuery) -> int:
        await asyncio.sleep(0)
        found = [id(entry) for _, entry in self._matching(query)]
        self._journal.logs[:] = [each for each in self._journal.logs if id(each) not in found]
        return len(found)

    def _matching(self, query: LogQuery) -> Iterator[tuple[LogLine, LogEntry]]:
        for seq, entry in enumerate(self._journal.logs):
            if entry.execution_id in self._journal.events:
                execution = self._journal.execution(entry.execution_id)
            elif entry.execution_id in self._journal.kept:
                execution = self._journal.kept[entry.execution_id]
            else:
                continue
            trigger = (execution.trigger or {}).get("id")
            place = (execution.tenant, execution.namespace, execution.flow_id, trigger)
            line = LogLine(seq, *place, *entry)
            if _of(query, execution, trigger) and _wanted(query, line):
                yield line, entry


def _of(query: LogQuery, execution: Execution, trigger: str | None) -> bool:
    return (
        execution.tenant == query.tenant
        and within(query.namespace, execution, below=query.below)
        and query.flow_id in (None, execution.flow_id)
        and query.trigger_id in (None, trigger)
        and query.execution_id in (None, execution.id)
    )


def _wanted(query: LogQuery, line: LogLine) -> bool:
    text = (query.text or "").casefold()
    return (
        line.level >= query.least
        and (not query.levels or line.level in query.levels)
        and (not query.task_ids or line.task_id in query.task_ids)
        and query.task_run_id in (None, line.task_run_id)
        and query.attempt in (None, line.attempt)
        and (query.since is None or line.at >= query.since)
        and (query.until is None or line.at <= query.until)
        and any(text in each.casefold() for each in (line.message, line.task_id, line.flow_id))
    )


class MemoryArchive:
    """The `Archive` port over a journal in memory."""

    def __init__(self, journal: MemoryJournal) -> None:
        self._journal = journal

    def _matching(self, query: ArchiveQuery) -> list[Execution]:
        return [
            execution
            for execution in map(self._journal.execution, sorted(self._journal.events))
            if execution.tenant == query.tenant
            and within(query.namespace, execution, below=query.below)
            and query.flow_id in (None, execution.flow_id)
            and (not query.states or execution.state.value in query.states)
            and (query.since is None or execution.created_at >= query.since)
            and (query.until is None or execution.created_at <= query.until)
        ]

    async def count(self, query: ArchiveQuery) -> int:
        await asyncio.sleep(0)
        return len(self._matching(query))

    async def ended(self, query: ArchiveQuery, *, after: str = "", limit: int = 500) -> list[Ended]:
        await asyncio.sleep(0)
        over = [each for each in self._matching(query) if each.over and each.id > after]
        return [Ended(each.id, each.namespace, each.flow_id) for each in over[:limit]]

    async def delete(self, ids: Sequence[str]) -> int:
        await asyncio.sleep(0)
        known = [each for each in ids if each in self._journal.events]
        over = [each for each in known if self._journal.execution(each).over]
        left = {each.execution_id for each in (*self._journal.logs, *self._journal.metrics)}
        for each in over:
            if each in left:
                self._journal.kept[each] = self._journal.execution(each)
            del self._journal.events[each]
            self._journal.rows.pop(each, None)
        claims = self._journal.claims
        for key in [key for key, value in claims.items() if value[0] in over]:
            del claims[key]
        return len(over)

    async def delete_logs(self, ids: Sequence[str]) -> int:
        await asyncio.sleep(0)
        kept = [each for each in self._journal.logs if each.execution_id not in ids]
        count = len(self._journal.logs) - len(kept)
        self._journal.logs[:] = kept
        return count

    async def delete_metrics(self, ids: Sequence[str]) -> int:
        await asyncio.sleep(0)
        kept = [each for each in self._journal.metrics if each.execution_id not in ids]
        count = len(self._journal.metrics) - len(kept)
        self._journal.metrics[:] = kept
        return count


class MemoryTriggers:
    """The `Triggers` port: remembers what is disabled."""

    def __init__(self, *known: tuple[str, str, str]) -> None:
        self._known = known
        self.disabled: set[tuple[str, str, str]] = set()

    async def set_disabled(
        self, tenant: str, namespace: str, flow_id: str, trigger: str, *, disabled: bool
    ) -> None:
        await asyncio.sleep(0)
        key = (namespace, flow_id, trigger)
        if key not in self._known:
            raise NotFound(f"the flow {namespace}.{flow_id} of {tenant} has no trigger {trigger}")
        (self.disabled.add if disabled else self.disabled.discard)(key)
