"""How executions of one flow followed each other: the last good one, the first that failed."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select

from app.db.database import Database
from app.db.records import FlowKey
from app.db.sql import Row
from app.db.tables import ExecutionRow

_C: Any = ExecutionRow.__table__.c  # type: ignore[attr-defined]  # SQLModel sets it

GOOD = ("SUCCESS", "WARNING")
BAD = ("FAILED",)
"""States that speak for and against a flow; what people ended does neither."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """An execution that ended. Times are µs since the epoch."""

    id: str
    revision: int
    commit: str
    state: str
    created_at: int
    ended_at: int | None = None


class OutcomeStore:
    """Asks about executions of single flows."""

    def __init__(self, database: Database) -> None:
        """Read from `database`."""
        self._database = database

    async def newest(
        self, key: FlowKey, states: tuple[str, ...], before: Outcome | None = None
    ) -> Outcome | None:
        """Return the newest execution in one of the states, or the newest one before another."""
        wanted = _of(key, states)
        if before is not None:
            wanted.append(_earlier(before))
        query = _query(*wanted).order_by(_C.created_at.desc(), _C.id.desc()).limit(1)
        return _first(await self._database.fetch(query))

    async def oldest(
        self, key: FlowKey, states: tuple[str, ...], after: Outcome | None = None
    ) -> Outcome | None:
        """Return the oldest execution in one of the states, or the oldest one after another."""
        wanted = _of(key, states)
        if after is not None:
            wanted.append(_later(after))
        query = _query(*wanted).order_by(_C.created_at, _C.id).limit(1)
        return _first(await self._database.fetch(query))

    async def count(self, key: FlowKey, states: tuple[str, ...], since: Outcome) -> int:
        """Return how many executions are in one of the states, from one on."""
        wanted = _of(key, states)
        query = select(func.count().label("n")).where(
            *wanted, or_(_C.id == since.id, _later(since))
        )
        return int((await self._database.fetch(query))[0].n)


def _query(*wanted: ColumnElement[bool]) -> Any:
    columns = (_C.id, _C.revision, _C.commit_sha, _C.state, _C.created_at, _C.ended_at)
    return select(*columns).where(*wanted)


def _of(key: FlowKey, states: tuple[str, ...]) -> list[ColumnElement[bool]]:
    tenant, namespace, flow_id = key
    return [
        _C.tenant == tenant,
        _C.namespace == namespace,
        _C.flow_id == flow_id,
        _C.state.in_(states),
    ]


def _earlier(than: Outcome) -> ColumnElement[bool]:
    same = and_(_C.created_at == than.created_at, _C.id < than.id)
    return or_(_C.created_at < than.created_at, same)


def _later(than: Outcome) -> ColumnElement[bool]:
    same = and_(_C.created_at == than.created_at, _C.id > than.id)
    return or_(_C.created_at > than.created_at, same)


def _first(rows: list[Row]) -> Outcome | None:
    if not rows:
        return None
    row = rows[0]
    return Outcome(row.id, row.revision, row.commit_sha, row.state, row.created_at, row.ended_at)
