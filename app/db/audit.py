"""Who did what to what, and why, on SQL. Append-only."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

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


class AuditFilter(NamedTuple):
    """Which entries are wanted; None stands for all."""

    tenant: str | None = None
    target: str | None = None
    action: str | None = None
    """With a dot at its end: every action that begins like this."""
    actor: str | None = None
    since: int | None = None
    """µs since the epoch."""
    until: int | None = None
    after: str | None = None
    """The id of the last entry of the page before."""


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
        return await self.search(AuditFilter(tenant, target), limit)

    async def search(self, wanted: AuditFilter, limit: int) -> list[AuditEntry]:
        """Return the newest entries that a filter means."""
        query = select(_AUDIT).where(*_conditions(wanted)).order_by(_AUDIT.c.id.desc())
        return [_entry(row) for row in await self._database.fetch(query.limit(limit))]


def _conditions(wanted: AuditFilter) -> list[Any]:
    columns = _AUDIT.c
    exact = ((columns.tenant, wanted.tenant), (columns.target, wanted.target))
    checks = [column == value for column, value in exact if value is not None]
    if wanted.actor is not None:
        checks.append(columns.actor == wanted.actor)
    if wanted.action is not None:
        begins = columns.action.startswith(wanted.action, autoescape=True)
        checks.append(begins if wanted.action.endswith(".") else columns.action == wanted.action)
    if wanted.since is not None:
        checks.append(columns.at >= wanted.since)
    if wanted.until is not None:
        checks.append(columns.at < wanted.until)
    if wanted.after is not None:
        checks.append(columns.id < wanted.after)
    return checks


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
