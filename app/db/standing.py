"""How flows stand beside Git: what is newer than what runs, what is disabled, what was heard."""

from typing import Any, NamedTuple

from sqlalchemy import and_, func, select

from app.db.database import Database
from app.db.records import FlowKey
from app.db.tables import (
    ActiveFlowRow,
    DeliveryRow,
    FlowRevisionRow,
    PinRow,
    SnapshotRow,
    SyncRunRow,
)

_ACTIVE: Any = ActiveFlowRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_REVISION: Any = FlowRevisionRow.__table__  # type: ignore[attr-defined]  # as above
_PIN: Any = PinRow.__table__  # type: ignore[attr-defined]  # as above
_SNAPSHOT: Any = SnapshotRow.__table__  # type: ignore[attr-defined]  # as above
_RUN: Any = SyncRunRow.__table__  # type: ignore[attr-defined]  # as above
_DELIVERY: Any = DeliveryRow.__table__  # type: ignore[attr-defined]  # as above

_NAMES = ("tenant", "namespace", "flow_id")


class Ahead(NamedTuple):
    """A revision that is newer than what is active of its flow (or of which nothing ever was)."""

    key: FlowKey
    revision: int
    state: str
    kind: str
    source_id: str


class Place(NamedTuple):
    """A namespace of a source and the commit that is active there."""

    source_id: str
    tenant: str
    namespace: str
    commit: str
    state: str


class StandingStore:
    """Reads how flows, namespaces and sources stand."""

    def __init__(self, database: Database) -> None:
        """Read from `database`."""
        self._database = database

    async def ahead(
        self, tenant: str | None = None, namespace: str | None = None
    ) -> dict[FlowKey, Ahead]:
        """Return flow -> its newest revision, where that is not active."""
        newer = _REVISION.c.revision > func.coalesce(_ACTIVE.c.revision, 0)
        query = (
            select(
                *(_REVISION.c[name] for name in _NAMES),
                _REVISION.c.revision,
                _REVISION.c.state,
                _REVISION.c.kind,
                _REVISION.c.source_id,
            )
            .outerjoin(_ACTIVE, and_(*_same(_REVISION, _ACTIVE)))
            .where(newer, *_of(_REVISION, tenant, namespace))
            .order_by(_REVISION.c.revision)
        )
        rows = await self._database.fetch(query)
        found = (Ahead(_key(row), row.revision, row.state, row.kind, row.source_id) for row in rows)
        return {each.key: each for each in found}

    async def behind(self, tenant: str | None = None) -> dict[FlowKey, int]:
        """Return pinned flow -> how many commits changed it since its pinned revision."""
        query = (
            select(*(_PIN.c[name] for name in _NAMES), func.count().label("n"))
            .join(_REVISION, and_(*_same(_PIN, _REVISION)))
            .where(_PIN.c.ended_at.is_(None), _REVISION.c.revision > _PIN.c.revision)
            .group_by(*(_PIN.c[name] for name in _NAMES))
        )
        if tenant is not None:
            query = query.where(_PIN.c.tenant == tenant)
        return {_key(row): row.n for row in await self._database.fetch(query)}

    async def disabled(self) -> set[FlowKey]:
        """Return the flows that their sources disable."""
        query = select(*(_ACTIVE.c[name] for name in _NAMES))
        rows = await self._database.fetch(query.where(_ACTIVE.c.disabled == 1))
        return {_key(row) for row in rows}

    async def places(
        self, source_id: str | None = None, tenant: str | None = None, namespace: str | None = None
    ) -> list[Place]:
        """Return the namespaces that something is, or is to be, active in."""
        query = select(_SNAPSHOT).where(*_of(_SNAPSHOT, tenant, namespace))
        if source_id is not None:
            query = query.where(_SNAPSHOT.c.source_id == source_id)
        rows = await self._database.fetch(query.order_by(_SNAPSHOT.c.tenant, _SNAPSHOT.c.namespace))
        return [
            Place(row.source_id, row.tenant, row.namespace, row.commit_sha, row.state)
            for row in rows
            if row.tree or row.state != "active"
        ]

    async def first_seen(self, source_id: str, commit: str) -> int | None:
        """Return when (µs) a run first found a commit at the remote."""
        query = select(func.min(_RUN.c.started_at).label("at")).where(
            _RUN.c.source_id == source_id, _RUN.c.new_commit == commit
        )
        at = (await self._database.fetch(query))[0].at
        return None if at is None else int(at)

    async def last_delivery(self, source_id: str) -> tuple[int, str] | None:
        """Return when (µs) the last webhook delivery came, and what became of it."""
        query = select(_DELIVERY.c.received_at, _DELIVERY.c.state).where(
            _DELIVERY.c.source_id == source_id
        )
        newest = query.order_by(_DELIVERY.c.received_at.desc()).limit(1)
        rows = await self._database.fetch(newest)
        return (rows[0].received_at, rows[0].state) if rows else None


def _key(row: Any) -> FlowKey:
    return row.tenant, row.namespace, row.flow_id


def _same(one: Any, other: Any) -> list[Any]:
    return [one.c[name] == other.c[name] for name in _NAMES]


def _of(table: Any, tenant: str | None, namespace: str | None) -> list[Any]:
    wanted = (("tenant", tenant), ("namespace", namespace))
    return [table.c[name] == value for name, value in wanted if value is not None]
