"""Watched releases on SQL: flows that a commit changed a little while ago."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from app.db.database import Database
from app.db.records import FlowKey
from app.db.sql import Row, Write
from app.db.tables import WatchRow

_WATCH: Any = WatchRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it

_ADD = (
    "INSERT INTO release_watch (id, tenant, namespace, flow_id, revision, previous,"
    " min_executions, max_failure_rate, action, state, started_at, until_at, ended_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'watching', ?, ?, NULL)"
)
_SUPERSEDE = (
    "UPDATE release_watch SET state = 'superseded', ended_at = ? WHERE tenant = ?"
    " AND namespace = ? AND flow_id = ? AND state = 'watching'"
)
# Decided by the database: a pin may end by the very commit whose flows are watched.
_LEAVE_PINNED = (
    "DELETE FROM release_watch WHERE id = ? AND EXISTS (SELECT 1 FROM pin"
    " WHERE pin.tenant = release_watch.tenant AND pin.namespace = release_watch.namespace"
    " AND pin.flow_id = release_watch.flow_id AND pin.ended_at IS NULL)"
)
_END = "UPDATE release_watch SET state = ?, ended_at = ? WHERE id = ? AND state = 'watching'"


@dataclass(frozen=True, slots=True)
class Watch:
    """A release that is watched. Times are µs since the epoch."""

    id: str
    key: FlowKey
    revision: int
    previous: int
    """The revision before, which an automatic rollback pins."""
    min_executions: int
    max_failure_rate: float
    action: str
    """pin | alert"""
    started_at: int
    until_at: int
    state: str = "watching"
    """watching | passed | superseded | rolled-back | alerted"""
    ended_at: int | None = None


class WatchStore:
    """Releases that are watched, and those that were."""

    def __init__(self, database: Database) -> None:
        """Read from and write to `database`."""
        self._database = database

    async def open(self) -> list[Watch]:
        """Return the releases that are watched now, oldest first."""
        query = select(_WATCH).where(_WATCH.c.state == "watching").order_by(_WATCH.c.id)
        return [_watch(row) for row in await self._database.fetch(query)]

    async def of_flow(self, key: FlowKey) -> list[Watch]:
        """Return every release of a flow that is or was watched, oldest first."""
        columns = (_WATCH.c.tenant, _WATCH.c.namespace, _WATCH.c.flow_id)
        own = (column == value for column, value in zip(columns, key, strict=True))
        rows = await self._database.fetch(select(_WATCH).where(*own).order_by(_WATCH.c.id))
        return [_watch(row) for row in rows]

    async def end(self, watch: Watch, state: str, at: int) -> bool:
        """Note what became of a release; return whether nobody else did before."""
        return bool((await self._database.submit([Write(_END, [(state, at, watch.id)])]))[0])


def watch_writes(watches: Sequence[Watch], superseded: Sequence[FlowKey], at: int) -> list[Write]:
    """Return what watches releases, those of pinned flows left out, for the transaction of a sync.

    Earlier releases of `superseded` flows are watched no more.
    """
    writes = [
        Write(_SUPERSEDE, [(at, *key) for key in superseded]),
        Write(_ADD, [_row(each) for each in watches]),
        Write(_LEAVE_PINNED, [(each.id,) for each in watches]),
    ]
    return [each for each in writes if each.rows]


def _row(watch: Watch) -> tuple[Any, ...]:
    return (
        watch.id,
        *watch.key,
        watch.revision,
        watch.previous,
        watch.min_executions,
        watch.max_failure_rate,
        watch.action,
        watch.started_at,
        watch.until_at,
    )


def _watch(row: Row) -> Watch:
    return Watch(
        row.id,
        (row.tenant, row.namespace, row.flow_id),
        row.revision,
        row.previous,
        row.min_executions,
        row.max_failure_rate,
        row.action,
        row.started_at,
        row.until_at,
        row.state,
        row.ended_at,
    )
