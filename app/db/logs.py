"""Queries over task logs and metrics."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from app.db.database import Database
from app.db.sql import Row
from app.db.tables import LogRow, MetricRow

_LOG: Any = LogRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_METRIC: Any = MetricRow.__table__  # type: ignore[attr-defined]  # as above


class SqlLogs:
    """Reads what tasks wrote."""

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
        columns = _LOG.c
        query = select(_LOG).where(
            columns.execution_id == execution_id, columns.level >= least, columns.seq > after
        )
        if task_run_id is not None:
            query = query.where(columns.task_run_id == task_run_id)
        if task_id is not None:
            query = query.where(columns.task_id == task_id)
        if attempt is not None:
            query = query.where(columns.attempt == attempt)
        return await self._database.fetch(query.order_by(columns.seq).limit(limit))

    async def metrics(self, execution_id: str) -> Sequence[Row]:
        """Return the figures that the tasks of an execution reported, in order."""
        query = select(_METRIC).where(_METRIC.c.execution_id == execution_id)
        return await self._database.fetch(query.order_by(_METRIC.c.seq))
