"""Outputs of tasks that may be used again, on SQL: the `TaskCache` port."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete

from app.db.database import Database
from app.db.journal import decoded, encoded
from app.db.sql import Write
from app.db.tables import TaskCacheRow

_TABLE: Any = TaskCacheRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_C = _TABLE.c

_FIND = (
    "SELECT outputs FROM task_cache WHERE tenant = ? AND key = ?"
    " AND (expires_at IS NULL OR expires_at > ?)"
)
_KEEP = (
    "INSERT INTO task_cache (tenant, key, outputs, at, expires_at) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (tenant, key) DO UPDATE SET outputs = excluded.outputs, at = excluded.at,"
    " expires_at = excluded.expires_at"
)


class SqlTaskCache:
    """Implements `TaskCache`."""

    def __init__(self, database: Database) -> None:
        """Keep outputs in `database`."""
        self._database = database

    async def find(self, tenant: str, key: str, now: int) -> Mapping[str, Any] | None:
        """Return the outputs kept under `key` and not expired at `now` (µs)."""
        rows = await self._database.fetch_sql(_FIND, tenant, key, now)
        return dict(decoded(rows[0].outputs)) if rows else None

    async def keep(
        self, tenant: str, key: str, outputs: Mapping[str, Any], now: int, expires_at: int | None
    ) -> None:
        """Keep outputs; what was kept under the key before is replaced."""
        row = (tenant, key, encoded(dict(outputs)), now, expires_at)
        await self._database.submit([Write(_KEEP, [row])])


async def forget_outdated(database: Database, now: int) -> int:
    """Delete outputs that have expired at `now` (µs); return how many."""
    return (await database.transact(delete(_TABLE).where(_C.expires_at <= now)))[0]
