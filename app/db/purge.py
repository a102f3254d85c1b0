"""Deleting executions that ended, and what belongs to them: the `Archive` port on SQL."""

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select

from app.db.database import Database
from app.db.owners import forget_some, keep
from app.db.tables import ClaimRow, ExecutionRow, JournalRow, LogRow, MetricRow, SlotRow
from app.ports import ArchiveQuery, Ended

_EXECUTION: Any = ExecutionRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_JOURNAL: Any = JournalRow.__table__  # type: ignore[attr-defined]  # as above
_LOG: Any = LogRow.__table__  # type: ignore[attr-defined]  # as above
_METRIC: Any = MetricRow.__table__  # type: ignore[attr-defined]  # as above
_CLAIM: Any = ClaimRow.__table__  # type: ignore[attr-defined]  # as above
_SLOT: Any = SlotRow.__table__  # type: ignore[attr-defined]  # as above
_C = _EXECUTION.c


class SqlArchive:
    """Implements `Archive`."""

    def __init__(self, database: Database) -> None:
        """Count and delete in `database`."""
        self._database = database

    async def count(self, query: ArchiveQuery) -> int:
        """Return how many executions there are, ended or not."""
        counted = select(func.count()).select_from(_EXECUTION).where(*_conditions(query))
        return int((await self._database.fetch(counted))[0][0])

    async def ended(self, query: ArchiveQuery, *, after: str = "", limit: int = 500) -> list[Ended]:
        """Return executions that ended, in order of id, from the one after `after` on."""
        columns = (_C.id, _C.namespace, _C.flow_id)
        where = (*_conditions(query), _C.open == 0, _C.id > after)
        rows = await self._database.fetch(
            select(*columns).where(*where).order_by(_C.id).limit(limit)
        )
        return [Ended(*row) for row in rows]

    async def delete(self, ids: Sequence[str]) -> int:
        """Delete executions with their journals; return how many there were.

        Where log lines or figures stay, it stays known whose they are.
        """
        over = select(_C.id).where(_C.id.in_(ids), _C.open == 0)  # one may go on meanwhile
        parts = [
            delete(table).where(table.c.execution_id.in_(over))
            for table in (_JOURNAL, _CLAIM, _SLOT)
        ]
        going = delete(_EXECUTION).where(_C.id.in_(over))
        kept = keep(over, time.time_ns() // 1_000)
        gone = await self._database.transact(kept, *parts, going)
        return gone[-1]

    async def delete_logs(self, ids: Sequence[str]) -> int:
        """Delete the log lines of executions; return how many there were."""
        return await self._of(_LOG, ids)

    async def delete_metrics(self, ids: Sequence[str]) -> int:
        """Delete the figures of executions; return how many there were."""
        return await self._of(_METRIC, ids)

    async def _of(self, table: Any, ids: Sequence[str]) -> int:
        statement = delete(table).where(table.c.execution_id.in_(ids))
        return (await self._database.transact(statement, forget_some(ids)))[0]


def _conditions(query: ArchiveQuery) -> list[ColumnElement[bool]]:
    checks = [_C.tenant == query.tenant]
    if query.namespace is not None:
        same = _C.namespace == query.namespace
        below = _C.namespace.startswith(query.namespace + ".", autoescape=True)
        checks.append(same | below if query.below else same)
    if query.flow_id is not None:
        checks.append(_C.flow_id == query.flow_id)
    if query.states:
        checks.append(_C.state.in_(query.states))
    if query.since is not None:
        checks.append(_C.created_at >= query.since)
    if query.until is not None:
        checks.append(_C.created_at <= query.until)
    return checks
