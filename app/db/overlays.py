"""Overlays on SQL: what operators override of a flow without touching Git, and what ended that.

A sync never resets one: what is disabled here stays disabled, whatever is committed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import select

from app.db.database import Database
from app.db.records import FlowKey
from app.db.sql import Row, Write
from app.db.tables import OverlayRow

_OVERLAY: Any = OverlayRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it

DISABLED: Final = "disabled"
"""Value `true` or `false`: whether the flow is disabled, whatever its source says."""
TRIGGER: Final = "trigger-disabled"
CONCURRENCY: Final = "concurrency"
"""Value: how many executions may run at once."""

_ADD = (
    "INSERT INTO overlay (id, tenant, namespace, flow_id, trigger_id, kind, value, owner, reason,"
    " created_at, expires_at, ended_at, ended_by)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL)"
)
_REPLACE = (
    "UPDATE overlay SET ended_at = ?, ended_by = ? WHERE tenant = ? AND namespace = ?"
    " AND flow_id = ? AND trigger_id = ? AND kind = ? AND ended_at IS NULL"
)
_END = "UPDATE overlay SET ended_at = ?, ended_by = ? WHERE id = ? AND ended_at IS NULL"


@dataclass(frozen=True, slots=True)
class Overlay:
    """One thing that somebody overrides. Times are µs since the epoch."""

    id: str
    tenant: str
    namespace: str
    flow_id: str
    kind: str
    """disabled | trigger-disabled | concurrency"""
    owner: str
    created_at: int
    value: str = ""
    trigger_id: str = ""
    reason: str = ""
    expires_at: int | None = None
    ended_at: int | None = None
    ended_by: str | None = None

    @property
    def key(self) -> FlowKey:
        """The flow it is about."""
        return self.tenant, self.namespace, self.flow_id


class Override(NamedTuple):
    """All that is overridden of one flow now."""

    disabled: bool | None = None
    limit: int | None = None
    triggers: frozenset[str] = frozenset()
    """Triggers that do not fire."""

    @classmethod
    def of(cls, overlays: Iterable[Overlay]) -> "Override":
        """Return what the overlays of a flow amount to."""
        found = cls()
        for each in overlays:
            if each.kind == DISABLED:
                found = found._replace(disabled=each.value == "true")
            elif each.kind == CONCURRENCY:
                found = found._replace(limit=int(each.value))
            else:
                found = found._replace(triggers=found.triggers | {each.trigger_id})
        return found


class OverlayStore:
    """Overlays, those that hold and those that ended."""

    def __init__(self, database: Database) -> None:
        """Read from and write to `database`."""
        self._database = database

    async def open(self, tenant: str | None = None, key: FlowKey | None = None) -> list[Overlay]:
        """Return the overlays that hold, oldest first: all, of a tenant, or of a flow."""
        query = select(_OVERLAY).where(_OVERLAY.c.ended_at.is_(None)).order_by(_OVERLAY.c.id)
        if tenant is not None:
            query = query.where(_OVERLAY.c.tenant == tenant)
        if key is not None:
            query = query.where(*_of(key))
        return [overlay_of(row) for row in await self._database.fetch(query)]

    async def of_flow(self, key: FlowKey) -> list[Overlay]:
        """Return every overlay that a flow has or had, oldest first."""
        query = select(_OVERLAY).where(*_of(key)).order_by(_OVERLAY.c.id)
        return [overlay_of(row) for row in await self._database.fetch(query)]

    async def add(self, overlays: Sequence[Overlay], *further: Write) -> None:
        """Store overlays; what they replace ends, and `further` is written in the same step."""
        ended = [
            (each.created_at, f"replaced by {each.owner}", *each.key, each.trigger_id, each.kind)
            for each in overlays
        ]
        added = [_row(each) for each in overlays]
        if added:
            await self._database.submit([Write(_REPLACE, ended), Write(_ADD, added), *further])

    async def end(self, overlays: Iterable[Overlay], *further: Write, by: str, at: int) -> None:
        """Note that overlays ended, and who ended them."""
        rows = [(at, by, each.id) for each in overlays]
        if rows:
            await self._database.submit([Write(_END, rows), *further])


def open_query() -> Any:
    """Return the query for the overlays that hold."""
    return select(_OVERLAY).where(_OVERLAY.c.ended_at.is_(None))


COLUMNS: Any = _OVERLAY.c


def _of(key: FlowKey) -> list[Any]:
    columns = (_OVERLAY.c.tenant, _OVERLAY.c.namespace, _OVERLAY.c.flow_id)
    return [column == value for column, value in zip(columns, key, strict=True)]


def _row(overlay: Overlay) -> tuple[Any, ...]:
    return (
        overlay.id,
        *overlay.key,
        overlay.trigger_id,
        overlay.kind,
        overlay.value,
        overlay.owner,
        overlay.reason,
        overlay.created_at,
        overlay.expires_at,
    )


def overlay_of(row: Row) -> Overlay:
    """Return a row as an overlay."""
    return Overlay(
        id=row.id,
        tenant=row.tenant,
        namespace=row.namespace,
        flow_id=row.flow_id,
        kind=row.kind,
        owner=row.owner,
        created_at=row.created_at,
        value=row.value,
        trigger_id=row.trigger_id,
        reason=row.reason,
        expires_at=row.expires_at,
        ended_at=row.ended_at,
        ended_by=row.ended_by,
    )
