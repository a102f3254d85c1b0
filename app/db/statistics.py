"""Figures about executions and logs: counted by the database, one look for each question."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import func, select

from app.db.database import Database
from app.db.executions import ExecutionFilter, conditions_of
from app.db.owners import EITHER, with_owner, within
from app.db.reaching import within_reach
from app.db.tables import ExecutionRow, LogRow

_E: Any = ExecutionRow.__table__.c  # type: ignore[attr-defined]  # SQLModel sets it
_LOG: Any = LogRow.__table__  # type: ignore[attr-defined]  # as above

FIELDS = {"namespace": _E.namespace, "flowId": _E.flow_id, "state": _E.state}
"""What distinct values can be asked for: Kestra's names and our columns."""


class Bucket(NamedTuple):
    """Executions of one state that began in one period; times in µs.

    `start` is that of the period, the other times are how long they took.
    """

    start: int
    group: str
    state: str
    executions: int
    ended: int
    total: int
    shortest: int | None
    longest: int | None


class Statistics:
    """Counts what is stored."""

    def __init__(self, database: Database) -> None:
        """Ask `database`."""
        self._database = database

    async def executions(
        self, wanted: ExecutionFilter, period: int, *, by: Sequence[str] = ()
    ) -> list[Bucket]:
        """Count executions by period (µs), by state, and by the columns `by`."""
        start = (_E.created_at - _E.created_at % period).label("start")
        took = _E.ended_at - _E.created_at
        keys = [start, *(FIELDS[name] for name in by), _E.state]
        figures = (
            func.count().label("count"),
            func.count(took).label("ended"),
            func.coalesce(func.sum(took), 0).label("total"),
            func.min(took).label("shortest"),
            func.max(took).label("longest"),
        )
        query = select(*keys, *figures).where(*conditions_of(wanted)).group_by(*keys)
        rows = await self._database.fetch(query.order_by(start))
        return [_bucket(row, len(by)) for row in rows]

    async def logs(self, wanted: ExecutionFilter, period: int) -> list[tuple[int, int, int]]:
        """Return (start of the period, level, count) of the log lines of executions.

        The times of the filter are those of the lines.
        """
        start = (_LOG.c.at - _LOG.c.at % period).label("start")
        query = (
            select(start, _LOG.c.level, func.count().label("count"))
            .select_from(with_owner(_LOG))
            .where(*within(EITHER, wanted.tenant, wanted.namespace, wanted.flow_id))
            .where(*within_reach(EITHER.namespace, wanted.reach))
            .group_by(start, _LOG.c.level)
        )
        if wanted.since is not None:
            query = query.where(_LOG.c.at >= wanted.since)
        if wanted.until is not None:
            query = query.where(_LOG.c.at <= wanted.until)
        rows = await self._database.fetch(query.order_by(start))
        return [(int(row[0]), int(row[1]), int(row[2])) for row in rows]

    async def latest(self, tenant: str, flows: Sequence[tuple[str, str]]) -> list[str]:
        """Return the id of the newest execution of each of these flows."""
        found = []
        for namespace, flow_id in flows:
            wanted = ExecutionFilter(tenant, namespace, flow_id, exact_namespace=True)
            query = select(_E.id).where(*conditions_of(wanted)).order_by(_E.id.desc()).limit(1)
            found += [row.id for row in await self._database.fetch(query)]
        return found

    async def distinct(self, field: str, wanted: ExecutionFilter, limit: int) -> list[str]:
        """Return the different values of a field (see `FIELDS`), in order."""
        column = FIELDS[field]
        query = select(column).distinct().where(*conditions_of(wanted)).order_by(column)
        return [str(row[0]) for row in await self._database.fetch(query.limit(limit))]


def _bucket(row: Any, groups: int) -> Bucket:
    start, *rest = row
    group = "/".join(str(each) for each in rest[:groups])
    state, count, ended, total, shortest, longest = rest[groups:]
    return Bucket(int(start), group, state, count, ended, int(total), shortest, longest)
