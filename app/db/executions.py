"""Queries over executions: what the executor sweeps and what people search."""
# ruff: noqa: S608 - conditions are constants of `tables`

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import ColumnElement, func, select

from app.access import Reach
from app.db.database import Database
from app.db.journal import SqlJournal
from app.db.reaching import within_reach
from app.db.tables import MOVING, TIMED, WAITING, ExecutionRow
from app.errors import NotFound
from app.executions import Execution
from app.ports import Claim

_TABLE: Any = ExecutionRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it, its stubs do not say so
_C = _TABLE.c

SORTABLE = {
    "id": _C.id,
    "state.startDate": _C.created_at,
    "state.endDate": _C.ended_at,
    "state.current": _C.state,
    "namespace": _C.namespace,
    "flowId": _C.flow_id,
}
"""Kestra's sort keys and our columns."""

_BATCH = 500
"""Ids in one query."""


@dataclass(frozen=True, slots=True)
class ExecutionFilter:
    """What executions to list; empty fields do not matter. Times are µs since the epoch."""

    tenant: str
    namespace: str | None = None
    """This namespace and those below it."""
    flow_id: str | None = None
    states: Sequence[str] = ()
    labels: Sequence[tuple[str, str]] = ()
    since: int | None = None
    until: int | None = None
    parent_id: str | None = None
    text: str | None = None
    """Part of an id, a flow id or a namespace."""
    exact_namespace: bool = False
    child: bool | None = None
    """Only executions that another one started (True), or only those it did not (False)."""
    ids: Sequence[str] = ()
    revision: int | None = None
    trigger_id: str | None = None
    reach: Reach | None = None
    """Only in namespaces that it holds."""


class SqlExecutions:
    """The `Executions` port, and the searches of the API."""

    def __init__(self, database: Database, journal: SqlJournal) -> None:
        """Read from `database`; `journal` folds what is found."""
        self._database = database
        self._journal = journal

    async def get(self, tenant: str, execution_id: str) -> Execution:
        """Return the execution as committed.

        Raises:
            NotFound: when this tenant has no such execution.
        """
        events = await self._journal.read(execution_id)
        if events:
            execution = Execution.fold(execution_id, events)
            if execution.tenant == tenant:
                return execution
        message = f"there is no execution {execution_id}"
        raise NotFound(message)

    async def search(
        self, wanted: ExecutionFilter, *, page: int = 1, size: int = 10, sort: Sequence[str] = ()
    ) -> tuple[list[Execution], int]:
        """Return one page of executions (newest first unless sorted) and how many there are."""
        conditions = conditions_of(wanted)
        count = await self._database.fetch(
            select(func.count()).select_from(_TABLE).where(*conditions)
        )
        query = select(_C.id).where(*conditions).order_by(*_order(sort))
        rows = await self._database.fetch(query.limit(size).offset((page - 1) * size))
        journals = await self._journal.read_many([row.id for row in rows])
        found = [Execution.fold(each, events) for each, events in journals.items() if events]
        return found, count[0][0]

    async def ids(self, wanted: ExecutionFilter, *, limit: int) -> list[str]:
        """Return the ids of what is wanted, newest first."""
        query = select(_C.id).where(*conditions_of(wanted)).order_by(_C.id.desc()).limit(limit)
        return [row.id for row in await self._database.fetch(query)]

    async def matching(self, prefix: str, tenant: str, limit: int = 2) -> list[str]:
        """Return ids that begin with `prefix`, for people who type half of one."""
        query = select(_C.id).where(_C.tenant == tenant, _C.id.startswith(prefix, autoescape=True))
        return [row.id for row in await self._database.fetch(query.order_by(_C.id).limit(limit))]

    async def unfinished(self, after: str = "", limit: int = 1000) -> list[str]:
        """Return ids of executions that are neither ended nor parked, in order of id."""
        rows = await self._database.fetch_sql(
            f"SELECT id FROM execution WHERE {MOVING} AND id > ? ORDER BY id LIMIT ?", after, limit
        )
        return [row.id for row in rows]

    async def due(self, now: int, limit: int = 1000) -> list[str]:
        """Return ids of parked executions whose time has come."""
        rows = await self._database.fetch_sql(
            f"SELECT id FROM execution WHERE {TIMED} AND wake_at <= ? ORDER BY wake_at LIMIT ?",
            now,
            limit,
        )
        return [row.id for row in rows]

    async def next_wake(self, after: int = 0) -> int | None:
        """Return the earliest time (µs), later than `after`, at which a parked execution is due."""
        rows = await self._database.fetch_sql(
            f"SELECT wake_at FROM execution WHERE {TIMED} AND wake_at > ? ORDER BY wake_at LIMIT 1",
            after,
        )
        return int(rows[0].wake_at) if rows else None

    async def parents_of_ended(self) -> list[str]:
        """Return ids of parked executions that have a child which ended."""
        rows = await self._database.fetch_sql(
            f"SELECT id FROM execution parent WHERE {WAITING} AND EXISTS ("
            "SELECT 1 FROM execution child WHERE child.parent_id = parent.id"
            " AND child.ended_at IS NOT NULL)"
        )
        return [row.id for row in rows]

    async def children(self, execution_id: str) -> list[str]:
        """Return ids of those that this one started and that are not over."""
        rows = await self._database.fetch_sql(
            "SELECT id FROM execution WHERE parent_id = ? AND open = 1", execution_id
        )
        return [row.id for row in rows]

    async def open_among(self, ids: Sequence[str]) -> set[str]:
        """Return which of these executions are not over: they may run tasks still."""
        found: set[str] = set()
        for start in range(0, len(ids), _BATCH):
            query = select(_C.id).where(_C.id.in_(ids[start : start + _BATCH]), _C.open == 1)
            found.update(row.id for row in await self._database.fetch(query))
        return found

    async def claimed(self, claim: Claim) -> tuple[str, str] | None:
        """Return (execution id, body hash) of an idempotency key used before."""
        rows = await self._database.fetch_sql(
            "SELECT execution_id, body_hash FROM claim WHERE tenant = ? AND scope = ? AND key = ?",
            claim.tenant,
            claim.scope,
            claim.key,
        )
        return (rows[0].execution_id, rows[0].body_hash) if rows else None


def conditions_of(wanted: ExecutionFilter) -> list[ColumnElement[bool]]:
    """Return the conditions on a row that a filter means."""
    checks = [_C.tenant == wanted.tenant, *within_reach(_C.namespace, wanted.reach)]
    if wanted.namespace:
        below = _C.namespace.startswith(wanted.namespace + ".", autoescape=True)
        same = _C.namespace == wanted.namespace
        checks.append(same if wanted.exact_namespace else same | below)
    if wanted.flow_id:
        checks.append(_C.flow_id == wanted.flow_id)
    if wanted.states:
        checks.append(_C.state.in_(wanted.states))
    checks += _exactly(wanted)
    if wanted.child is not None:
        checks.append(_C.parent_id.is_not(None) if wanted.child else _C.parent_id.is_(None))
    if wanted.since is not None:
        checks.append(_C.created_at >= wanted.since)
    if wanted.until is not None:
        checks.append(_C.created_at <= wanted.until)
    checks.extend(_C.labels.contains(_label(*label), autoescape=True) for label in wanted.labels)
    if wanted.text:
        columns = (_C.id, _C.flow_id, _C.namespace)
        found = [column.icontains(wanted.text, autoescape=True) for column in columns]
        checks.append(found[0] | found[1] | found[2])
    return checks


def _exactly(wanted: ExecutionFilter) -> list[ColumnElement[bool]]:
    """Return the conditions on columns that must have one value."""
    columns = (
        (_C.parent_id, wanted.parent_id),
        (_C.trigger_id, wanted.trigger_id),
        (_C.revision, wanted.revision),
    )
    checks = [column == value for column, value in columns if value is not None]
    return [*checks, _C.id.in_(wanted.ids)] if wanted.ids else checks


def _label(key: str, value: str) -> str:
    return orjson.dumps([key, value]).decode()


def _order(sort: Sequence[str]) -> list[Any]:
    order = []
    for each in sort:
        name, _, direction = each.partition(":")
        column = SORTABLE.get(name)
        if column is not None:
            order.append(column.desc() if direction == "desc" else column.asc())
    return [*order, _C.id.desc()]
