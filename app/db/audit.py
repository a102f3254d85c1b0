"""Who did what to what, and why, on SQL. Append-only; `audit_sealing` makes a chain of it."""

from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from sqlalchemy import func, select

from app.access.occasion import OCCASION, Occasion
from app.db.audit_filter import AuditFilter, conditions
from app.db.database import Database
from app.db.sql import Row, Write
from app.db.tables import AuditRow
from app.executions import Execution, execution_id

__all__ = [
    "AuditEntry",
    "AuditFilter",
    "AuditStore",
    "audit_write",
    "creation_writes",
    "flow_write",
]

_AUDIT: Any = AuditRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_COLUMNS = tuple(column.name for column in _AUDIT.columns)
_ADD = (
    f"INSERT INTO audit ({', '.join(_COLUMNS)})"  # noqa: S608 - names of our own columns
    f" VALUES ({', '.join('?' * len(_COLUMNS))})"
)
_LAST = 9
"""The rank of entries about executions: after all that the journal writes."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that somebody did. `at` is µs since the epoch; see `AuditRow` for the fields."""

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
    namespace: str | None = None
    actor_id: str | None = None
    actor_kind: str | None = None
    token_id: str | None = None
    ip: str | None = None
    request_id: str | None = None
    before_hash: str | None = None
    after_hash: str | None = None
    outcome: str | None = None


class AuditStore:
    """What was done, newest first."""

    def __init__(self, database: Database) -> None:
        """Read from and write to `database`."""
        self._database = database

    async def add(self, entry: AuditEntry) -> None:
        """Note that somebody did something; it is durable then."""
        await self._database.submit([audit_write(entry)])

    async def find(
        self, tenant: str | None = None, target: str | None = None, limit: int = 100
    ) -> list[AuditEntry]:
        """Return the newest entries: all, of a tenant, about a target."""
        return await self.search(AuditFilter(tenant, target), limit)

    async def search(
        self, wanted: AuditFilter, limit: int, *, offset: int = 0, oldest_first: bool = False
    ) -> list[AuditEntry]:
        """Return the newest (or oldest) entries that a filter means."""
        order = _AUDIT.c.id.asc() if oldest_first else _AUDIT.c.id.desc()
        query = select(_AUDIT).where(*conditions(wanted)).order_by(order)
        return [
            _entry(row) for row in await self._database.fetch(query.limit(limit).offset(offset))
        ]

    async def count(self, wanted: AuditFilter) -> int:
        """Return how many entries a filter means."""
        query = select(func.count().label("n")).select_from(_AUDIT).where(*conditions(wanted))
        rows = await self._database.fetch(query)
        return int(rows[0].n)

    async def get(self, entry_id: str, wanted: AuditFilter) -> AuditEntry | None:
        """Return an entry by its id, None if there is none that a filter means."""
        query = select(_AUDIT).where(_AUDIT.c.id == entry_id, *conditions(wanted))
        rows = await self._database.fetch(query)
        return _entry(rows[0]) if rows else None


def audit_write(entry: AuditEntry) -> Write:
    """Return what stores an entry, for the transaction of the deed itself.

    What it does not say of who did it is told by the request that it is done for.
    """
    occasion = OCCASION.get()
    if occasion is not None and occasion.open:
        occasion.noted = True
        entry = _told(entry, occasion)
    return Write(_ADD, [_row(entry)])


def flow_write(entry: AuditEntry) -> Write:
    """Return what stores an entry about a flow that runs: no request did it."""
    return Write(_ADD, [_row(entry)], _LAST)


def creation_writes(execution: Execution) -> list[Write]:
    """Return what notes that a request starts an execution: nothing where none does.

    It goes into the transaction of the execution itself, and costs no commit of its own.
    """
    occasion = OCCASION.get()
    if occasion is None or not occasion.open or execution.caller_id is not None:
        return []
    occasion.noted = True
    row = (  # in the order of the columns: this is done for every execution
        execution_id(),
        execution.tenant,
        execution.created_at,
        occasion.actor,
        "execution.create",
        f"execution/{execution.id}",
        "",
        _about(execution),
        execution.namespace,
        occasion.actor_id,
        occasion.actor_kind,
        occasion.token_id,
        occasion.ip,
        occasion.request_id,
        None,
        execution.blob or None,
        None,
    )
    return [Write(_ADD, [row], _LAST)]


def _about(execution: Execution) -> str:
    about = {"flow": f"{execution.namespace}.{execution.flow_id}"}
    if execution.original_id is not None:
        about["original"] = execution.original_id
    return orjson.dumps(about).decode()


def _told(entry: AuditEntry, occasion: Occasion) -> AuditEntry:
    return replace(
        entry,
        namespace=entry.namespace or _namespace(entry.target),
        actor_id=entry.actor_id or occasion.actor_id,
        actor_kind=entry.actor_kind or occasion.actor_kind,
        token_id=entry.token_id or occasion.token_id,
        ip=entry.ip or occasion.ip,
        request_id=entry.request_id or occasion.request_id,
        outcome=entry.outcome or ("denied" if entry.action.endswith(".failed") else None),
    )


def _namespace(target: str) -> str | None:
    """Return the namespace that a target names: `flow/shop.eu.orders`, `namespace/shop.eu`."""
    kind, _, name = target.partition("/")
    if kind == "flow":
        return name.rpartition(".")[0] or None
    return name if kind == "namespace" else None


def _row(entry: AuditEntry) -> tuple[Any, ...]:
    return (
        entry.id,
        entry.tenant,
        entry.at,
        entry.actor,
        entry.action,
        entry.target,
        entry.reason,
        orjson.dumps(entry.detail).decode(),
        entry.namespace or _namespace(entry.target),
        entry.actor_id,
        entry.actor_kind,
        entry.token_id,
        entry.ip,
        entry.request_id,
        entry.before_hash,
        entry.after_hash,
        entry.outcome,
    )


def _entry(row: Row) -> AuditEntry:
    values = row._asdict()
    return AuditEntry(**{**values, "detail": orjson.loads(row.detail)})
