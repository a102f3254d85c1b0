"""Who did what to what, and why, on SQL. Append-only."""

from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import select

from app.db.database import Database
from app.db.sql import Row, Write
from app.db.tables import AuditRow
from app.executions import execution_id

_AUDIT: Any = AuditRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it

_ADD = (
    "INSERT INTO audit (id, tenant, at, actor, action, target, reason, detail)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that somebody did. `at` is µs since the epoch."""

    tenant: str
    at: int
    actor: str
    action: str
    """Such as `flow.pin`, `source.approve`."""
    target: str
    """Such as `flow/shop.orders`, `source/main`."""
    reason: str = ""
    detail: dict[str, Any] = field(default_factory=dict)
    id: str = field(default_factory=execution_id)


class AuditStore:
    """What was done, newest first."""

    def __init__(self, database: Database) -> None:
        """Read from and write to `database`."""
        self._database = database

    async def add(self, entry: AuditEntry) -> None:
        """Note that somebody did something."""
        await self._database.submit([audit_write(entry)])

    async def find(
        self, tenant: str | None = None, target: str | None = None, limit: int = 100
    ) -> list[AuditEntry]:
        """Return the newest entries: all, of a tenant, about a target."""
        query = select(_AUDIT).order_by(_AUDIT.c.id.desc()).limit(limit)
        if tenant is not None:
            query = query.where(_AUDIT.c.tenant == tenant)
        if target is not None:
            query = query.where(_AUDIT.c.target == target)
        return [_entry(row) for row in await self._database.fetch(query)]


def audit_write(entry: AuditEntry) -> Write:
    """Return what stores an entry, for the transaction of the deed itself."""
    detail = orjson.dumps(entry.detail).decode()
    row = (
        entry.id,
        entry.tenant,
        entry.at,
        entry.actor,
        entry.action,
        entry.target,
        entry.reason,
        detail,
    )
    return Write(_ADD, [row])


def _entry(row: Row) -> AuditEntry:
    return AuditEntry(
        tenant=row.tenant,
        at=row.at,
        actor=row.actor,
        action=row.action,
        target=row.target,
        reason=row.reason,
        detail=orjson.loads(row.detail),
        id=row.id,
    )
