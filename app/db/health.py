"""How executions of flows went, by revision: what health and watched releases are made of."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from app.db.database import Database
from app.db.records import FlowKey
from app.db.tables import ExecutionRow
from app.executions import first_id

_TABLE: Any = ExecutionRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_C = _TABLE.c
_KEY = (_C.tenant, _C.namespace, _C.flow_id)

FAILED = ("FAILED",)
"""States that speak against a revision; what people ended does not."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Executions of one revision of a flow that are in one state."""

    key: FlowKey
    revision: int
    state: str
    count: int
    last: int
    """When the newest ended, or was created if none has: µs."""


class HealthStore:
    """Counts over executions."""

    def __init__(self, database: Database) -> None:
        """Read from `database`."""
        self._database = database

    async def tallies(
        self,
        *,
        tenant: str | None = None,
        namespace: str | None = None,
        key: FlowKey | None = None,
        since: int = 0,
    ) -> list[Tally]:
        """Return how executions went that were created since a time (µs): all, or of some flows."""
        last = func.max(func.coalesce(_C.ended_at, _C.created_at))
        columns = (*_KEY, _C.revision, _C.state, func.count().label("n"), last.label("last"))
        query = select(*columns)
        if since:  # ids sort by time, but those of subflows follow from their parents
            made = (_C.id >= first_id(since)) | _C.parent_id.is_not(None)
            query = query.where(made, _C.created_at >= since)
        if tenant is not None:
            query = query.where(_C.tenant == tenant)
        if namespace is not None:
            query = query.where(_C.namespace == namespace)
        if key is not None:
            query = query.where(*(column == part for column, part in zip(_KEY, key, strict=True)))
        rows = await self._database.fetch(query.group_by(*_KEY, _C.revision, _C.state))
        return [
            Tally(
                (row.tenant, row.namespace, row.flow_id), row.revision, row.state, row.n, row.last
            )
            for row in rows
        ]

    async def failed(self, key: FlowKey, revision: int, limit: int = 10) -> list[str]:
        """Return ids of the newest executions of a revision that failed."""
        own = (column == part for column, part in zip(_KEY, key, strict=True))
        query = select(_C.id).where(*own, _C.revision == revision, _C.state.in_(FAILED))
        rows = await self._database.fetch(query.order_by(_C.id.desc()).limit(limit))
        return [row.id for row in rows]
