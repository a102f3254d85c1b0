"""Log lines on SQL: the `Logs` port, and the searches of the API."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, func, select, tuple_

from app.db.database import Database
from app.db.owners import EITHER, Owner, forget, ids_where, kept, with_owner, within
from app.db.reaching import within_reach
from app.db.sql import Row
from app.db.tables import LogRow
from app.ports import LogLine, LogQuery

_LOG: Any = LogRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_L = _LOG.c

SORTABLE = {
    "timestamp": _L.at,
    "level": _L.level,
    "namespace": EITHER.namespace,
    "flowId": EITHER.flow_id,
    "taskId": _L.task_id,
    "executionId": _L.execution_id,
}
"""Kestra's sort keys and our columns."""

_DELETED_AT_ONCE = 5_000
"""Lines that one transaction deletes: others write in between."""


class SqlLogs:
    """Reads and deletes what tasks wrote."""

    def __init__(self, database: Database) -> None:
        """Read from `database`."""
        self._database = database

    async def lines(
        self,
        execution_id: str,
        *,
        least: int = 0,
        task_run_id: str | None = None,
        task_id: str | None = None,
        attempt: int | None = None,
        after: int = -1,
        limit: int = 10_000,
    ) -> Sequence[Row]:
        """Return lines of an execution in order, from level `least` on (5 trace … 40 error).

        Rows have the columns of the `log` table; `after` is the `seq` of the last line seen.
        """
        query = select(_LOG).where(
            _L.execution_id == execution_id, _L.level >= least, _L.seq > after
        )
        if task_run_id is not None:
            query = query.where(_L.task_run_id == task_run_id)
        if task_id is not None:
            query = query.where(_L.task_id == task_id)
        if attempt is not None:
            query = query.where(_L.attempt == attempt)
        return await self._database.fetch(query.order_by(_L.seq).limit(limit))

    async def find(
        self, query: LogQuery, *, after: LogLine | None = None, limit: int = 1000
    ) -> list[LogLine]:
        """Return lines that come after `after`, in order of time and of writing."""
        statement = _lines(query).order_by(_L.at, _L.seq).limit(limit)
        if after is not None:
            statement = statement.where(tuple_(_L.at, _L.seq) > (after.at, after.seq))
        return [LogLine(*row) for row in await self._database.fetch(statement)]

    async def kept(self, tenant: str, execution_id: str) -> Row | None:
        """Return whose the logs or metrics of a deleted execution are, if some were kept."""
        rows = await self._database.fetch(kept(tenant, execution_id))
        return rows[0] if rows else None

    async def search(
        self, query: LogQuery, *, page: int = 1, size: int = 10, sort: Sequence[str] = ()
    ) -> tuple[list[LogLine], int]:
        """Return one page of lines (newest first unless sorted) and how many there are."""
        matching = _lines(query)
        counted = matching.with_only_columns(func.count())
        count = (await self._database.fetch(counted))[0][0]
        ordered = matching.order_by(*_order(sort)).limit(size).offset((page - 1) * size)
        return [LogLine(*row) for row in await self._database.fetch(ordered)], count

    async def purge(self, query: LogQuery) -> int:
        """Delete lines; return how many."""
        keys = tuple_(_L.execution_id, _L.seq)
        some = _lines(query).with_only_columns(_L.execution_id, _L.seq).limit(_DELETED_AT_ONCE)
        count = 0
        while True:
            deleted = (await self._database.transact(delete(_LOG).where(keys.in_(some))))[0]
            count += deleted
            if deleted < _DELETED_AT_ONCE:
                await self._database.transact(forget())
                return count


def _lines(query: LogQuery) -> Select[Any]:
    columns = (
        _L.seq,
        EITHER.tenant,
        EITHER.namespace,
        EITHER.flow_id,
        EITHER.trigger_id,
        _L.execution_id,
        _L.task_run_id,
        _L.task_id,
        _L.attempt,
        _L.level,
        _L.at,
        _L.message,
    )
    joined = select(*columns).select_from(with_owner(_LOG))
    return joined.where(*_of_executions(query), *_of_lines(query))


def _of_executions(query: LogQuery) -> list[ColumnElement[bool]]:
    """Return the conditions on the execution that a line belongs to.

    Of one flow or trigger, executions are found first; else lines are taken in order of time.
    """

    def meant(owner: Owner) -> list[ColumnElement[bool]]:
        return _of_owner(query, owner)

    if query.execution_id:
        return [_L.execution_id == query.execution_id, *meant(EITHER)]
    if query.flow_id or query.trigger_id:
        return [_L.execution_id.in_(ids_where(meant))]
    return meant(EITHER)


def _of_owner(query: LogQuery, owner: Owner) -> list[ColumnElement[bool]]:
    checks = within(owner, query.tenant, query.namespace, query.flow_id, below=query.below)
    checks += within_reach(owner.namespace, query.reach)
    return [*checks, owner.trigger_id == query.trigger_id] if query.trigger_id else checks


def _of_lines(query: LogQuery) -> list[ColumnElement[bool]]:
    """Return the conditions on the line itself."""
    checks = [_L.level >= query.least] if query.least else []
    if query.levels:
        checks.append(_L.level.in_(query.levels))
    if query.task_ids:
        checks.append(_L.task_id.in_(query.task_ids))
    if query.task_run_id:
        checks.append(_L.task_run_id == query.task_run_id)
    if query.attempt is not None:
        checks.append(_L.attempt == query.attempt)
    if query.since is not None:
        checks.append(_L.at >= query.since)
    if query.until is not None:
        checks.append(_L.at <= query.until)
    if query.text:
        texts = (_L.message, _L.task_id, EITHER.flow_id, EITHER.namespace, _L.execution_id)
        found = [column.icontains(query.text, autoescape=True) for column in texts]
        checks.append(found[0] | found[1] | found[2] | found[3] | found[4])
    return checks


def _order(sort: Sequence[str]) -> list[Any]:
    order = []
    for each in sort:
        name, _, direction = each.partition(":")
        column = SORTABLE.get(name)
        if column is not None:
            order.append(column.desc() if direction == "desc" else column.asc())
    newest_first = not sort or sort[0] == "timestamp:desc"
    return [*order, _L.at.desc(), _L.seq.desc()] if newest_first else [*order, _L.at, _L.seq]
