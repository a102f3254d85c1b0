"""Figures that tasks reported, on SQL: lists, names, and aggregates over time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, func, literal_column, select

from app.db.database import Database
from app.db.owners import Owner, ids_where, within
from app.db.sql import Row
from app.db.tables import MetricRow

_METRIC: Any = MetricRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_M = _METRIC.c

SORTABLE = {"timestamp": _M.at, "name": _M.name, "value": _M.value, "taskId": _M.task_id}
"""Kestra's sort keys and our columns."""


@dataclass(frozen=True, slots=True)
class MetricQuery:
    """Which figures of a flow; empty fields do not matter. Times are µs since the epoch."""

    tenant: str
    namespace: str
    flow_id: str
    task_id: str | None = None
    name: str | None = None
    since: int | None = None
    until: int | None = None


class Totals(NamedTuple):
    """What the `number` figures within one stretch of time come to; `start` counts stretches."""

    start: int
    kind: str
    number: int
    total: float
    least: float
    most: float


class SqlMetrics:
    """Reads what tasks reported."""

    def __init__(self, database: Database) -> None:
        """Read from `database`."""
        self._database = database

    async def of_execution(
        self,
        execution_id: str,
        *,
        task_run_id: str | None = None,
        task_id: str | None = None,
        page: int = 1,
        size: int = 10,
        sort: Sequence[str] = (),
    ) -> tuple[list[Row], int]:
        """Return one page of the figures of an execution (in order unless sorted), and how many."""
        where = [_M.execution_id == execution_id]
        if task_run_id is not None:
            where.append(_M.task_run_id == task_run_id)
        if task_id is not None:
            where.append(_M.task_id == task_id)
        counted = select(func.count()).select_from(_METRIC).where(*where)
        count = (await self._database.fetch(counted))[0][0]
        query = select(_METRIC).where(*where).order_by(*_order(sort))
        rows = await self._database.fetch(query.limit(size).offset((page - 1) * size))
        return rows, count

    async def names(self, query: MetricQuery) -> list[str]:
        """Return the names of the figures that tasks of a flow reported, in order."""
        return await self._distinct(query, _M.name)

    async def tasks(self, query: MetricQuery) -> list[str]:
        """Return the ids of the tasks of a flow that reported figures, in order."""
        return await self._distinct(query, _M.task_id)

    async def _distinct(self, query: MetricQuery, column: Any) -> list[str]:
        rows = await self._database.fetch(_matching(query, column).distinct())
        return sorted(row[0] for row in rows)

    async def totals(self, query: MetricQuery, width: int) -> list[Totals]:
        """Return what figures come to in every stretch of `width` µs that has some, in order."""
        # A parameter would be another one in GROUP BY, as far as PostgreSQL can tell.
        stretch = _M.at.op("/")(literal_column(str(width)))
        columns = (
            stretch,
            func.min(_M.kind),
            func.count(),
            func.sum(_M.value),
            func.min(_M.value),
            func.max(_M.value),
        )
        grouped = _matching(query, *columns).group_by(stretch).order_by(stretch)
        return [Totals(*row) for row in await self._database.fetch(grouped)]


def _matching(query: MetricQuery, *columns: Any) -> Select[Any]:
    return select(*columns).select_from(_METRIC).where(*_conditions(query))


def _conditions(query: MetricQuery) -> list[ColumnElement[bool]]:
    def meant(owner: Owner) -> list[ColumnElement[bool]]:
        return within(owner, query.tenant, query.namespace, query.flow_id, below=False)

    checks = [_M.execution_id.in_(ids_where(meant))]
    if query.task_id is not None:
        checks.append(_M.task_id == query.task_id)
    if query.name is not None:
        checks.append(_M.name == query.name)
    if query.since is not None:
        checks.append(_M.at >= query.since)
    if query.until is not None:
        checks.append(_M.at <= query.until)
    return checks


def _order(sort: Sequence[str]) -> list[Any]:
    order = []
    for each in sort:
        name, _, direction = each.partition(":")
        column = SORTABLE.get(name)
        if column is not None:
            order.append(column.desc() if direction == "desc" else column.asc())
    return [*order, _M.seq]
