"""What became of tests of flows, on SQL: each run of a file of tests, the newest kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import func, select, tuple_

from app.access import Reach
from app.db.database import Database
from app.db.reaching import within_reach
from app.db.sql import Row, Write
from app.db.tables import SuiteRunRow
from app.executions import execution_id

_RUN: Any = SuiteRunRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_C = _RUN.c

_ADD = (
    "INSERT INTO suite_run (id, tenant, namespace, suite_id, flow_id, state, commit_sha,"
    " started_at, ended_at, result) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_FORGET = (
    "DELETE FROM suite_run WHERE tenant = ? AND namespace = ? AND suite_id = ? AND id NOT IN"
    " (SELECT id FROM suite_run WHERE tenant = ? AND namespace = ? AND suite_id = ?"
    " ORDER BY id DESC LIMIT ?)"
)

_NAMES = ("tenant", "namespace", "suite_id", "flow_id")

KEPT = 100
"""Runs that are kept of each file of tests."""

SORTABLE: Mapping[str, Any] = {
    "id": _C.id,
    "testSuiteId": _C.suite_id,
    "namespace": _C.namespace,
    "flowId": _C.flow_id,
    "state": _C.state,
    "startDate": _C.started_at,
    "endDate": _C.ended_at,
}


@dataclass(frozen=True, slots=True)
class SuiteRun:
    """One run of a file of tests. Times are µs since the epoch."""

    tenant: str
    namespace: str
    suite_id: str
    flow_id: str
    state: str
    commit: str
    started_at: int
    ended_at: int
    result: Mapping[str, Any] = field(default_factory=dict)
    """As the API answers it."""
    id: str = field(default_factory=execution_id)


@dataclass(frozen=True, slots=True)
class RunQuery:
    """Which runs; empty fields do not matter."""

    tenant: str
    namespace: str | None = None
    suite_id: str | None = None
    flow_id: str | None = None
    sort: Sequence[tuple[str, bool]] = ()
    """Names of `SORTABLE`, and whether downwards; by default newest first."""
    reach: Reach | None = None
    """Only in namespaces that it holds."""


class SuiteRuns:
    """Runs of tests."""

    def __init__(self, database: Database) -> None:
        """Read from and write to `database`."""
        self._database = database

    async def add(self, run: SuiteRun) -> None:
        """Store a run; of the same tests only the newest `KEPT` stay."""
        row = (
            run.id,
            run.tenant,
            run.namespace,
            run.suite_id,
            run.flow_id,
            run.state,
            run.commit,
            run.started_at,
            run.ended_at,
            orjson.dumps(run.result, default=str).decode(),
        )
        suite = (run.tenant, run.namespace, run.suite_id)
        await self._database.submit([Write(_ADD, [row]), Write(_FORGET, [(*suite, *suite, KEPT)])])

    async def get(self, tenant: str, run_id: str) -> SuiteRun | None:
        """Return a run, None if there is none."""
        query = select(_RUN).where(_C.tenant == tenant, _C.id == run_id)
        rows = await self._database.fetch(query)
        return _run(rows[0]) if rows else None

    async def find(self, query: RunQuery, *, offset: int, limit: int) -> tuple[list[SuiteRun], int]:
        """Return some of the runs that a query asks for, and how many there are."""
        asked = {name: getattr(query, name) for name in _NAMES}
        wanted = [_C[name] == value for name, value in asked.items() if value is not None]
        wanted += within_reach(_C.namespace, query.reach)
        order = [SORTABLE[name].desc() if down else SORTABLE[name] for name, down in query.sort]
        found = select(_RUN).where(*wanted).order_by(*order, _C.id.desc())
        rows = await self._database.fetch(found.offset(offset).limit(limit))
        count = await self._database.fetch(select(func.count().label("n")).where(*wanted))
        return [_run(row) for row in rows], count[0].n

    async def last(self, tenant: str, suites: Sequence[tuple[str, str]]) -> list[SuiteRun]:
        """Return the newest run of each of these tests, (namespace, id); none for the others."""
        if not suites:
            return []
        newest = (
            select(func.max(_C.id).label("id"))
            .where(_C.tenant == tenant, tuple_(_C.namespace, _C.suite_id).in_(suites))
            .group_by(_C.namespace, _C.suite_id)
            .subquery()
        )
        query = select(_RUN).join(newest, newest.c.id == _C.id)
        rows = await self._database.fetch(query.order_by(_C.namespace, _C.suite_id))
        return [_run(row) for row in rows]


def _run(row: Row) -> SuiteRun:
    return SuiteRun(
        row.tenant,
        row.namespace,
        row.suite_id,
        row.flow_id,
        row.state,
        row.commit_sha,
        row.started_at,
        row.ended_at,
        orjson.loads(row.result),
        row.id,
    )
