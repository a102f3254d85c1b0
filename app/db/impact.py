"""Whom a change of a flow concerns, on SQL: its executions that go on, and who started the last."""

from typing import Any, NamedTuple

from app.db.database import Database
from app.db.records import FlowKey
from app.executions.ids import first_id

_RECENT = (
    "FROM (SELECT id, state, commit_sha, revision, open, trigger_type, parent_id FROM execution"
    " WHERE tenant = ? AND namespace = ? AND flow_id = ? AND id >= ? ORDER BY id DESC LIMIT 1000)"
    " AS recent"
)
_OPEN = f"SELECT id, state, commit_sha, revision {_RECENT} WHERE open = 1 ORDER BY id DESC LIMIT 20"
_CALLS = f"SELECT count(*) AS calls {_RECENT} WHERE trigger_type IS NULL AND parent_id IS NULL"


class OpenExecution(NamedTuple):
    """An execution that has not ended, and the commit that it is of."""

    id: str
    state: str
    commit: str
    revision: int


class ImpactStore:
    """Looks at the newest thousand executions of a flow, none older than asked for."""

    def __init__(self, database: Database) -> None:
        """Read from `database`."""
        self._database = database

    async def open_ones(self, key: FlowKey, since: int) -> list[OpenExecution]:
        """Return executions since a time (µs) that have not ended, newest first, at most 20."""
        rows = await self._fetch(_OPEN, key, since)
        return [OpenExecution(row.id, row.state, row.commit_sha, row.revision) for row in rows]

    async def calls(self, key: FlowKey, since: int) -> int:
        """Return how many executions since a time (µs) somebody started by the API."""
        rows = await self._fetch(_CALLS, key, since)
        return int(rows[0].calls)

    async def _fetch(self, sql: str, key: FlowKey, since: int) -> list[Any]:
        return await self._database.fetch_sql(sql, *key, first_id(since))
