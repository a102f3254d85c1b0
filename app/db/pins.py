"""Pins on SQL: which flows an operator holds at a revision, and which pins there were."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import select

from app.db.database import Database
from app.db.records import FlowKey, Pin
from app.db.sql import Row, Write
from app.db.tables import PinRow

_PIN: Any = PinRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it

_ADD = (
    "INSERT INTO pin (id, tenant, namespace, flow_id, revision, commit_sha, blob, quarantined,"
    " until, until_at, reason, actor, created_at, ended_at, ended_by)"
    " VALUES (?, ?, ?, ?, ?, ?, ?,"
    " (SELECT blob FROM active_flow WHERE tenant = ? AND namespace = ? AND flow_id = ?),"
    " ?, ?, ?, ?, ?, NULL, NULL)"
)
_END_FLOW = (
    "UPDATE pin SET ended_at = ?, ended_by = ? WHERE tenant = ? AND namespace = ? AND flow_id = ?"
    " AND ended_at IS NULL"
)
_END = "UPDATE pin SET ended_at = ?, ended_by = ? WHERE id = ? AND ended_at IS NULL"


class PinStore:
    """Pins, those that hold and those that ended."""

    def __init__(self, database: Database) -> None:
        """Read from and write to `database`."""
        self._database = database

    async def open(self, tenant: str | None = None, key: FlowKey | None = None) -> list[Pin]:
        """Return the pins that hold, oldest first: all, of a tenant, or of a flow."""
        query = select(_PIN).where(_PIN.c.ended_at.is_(None)).order_by(_PIN.c.id)
        if tenant is not None:
            query = query.where(_PIN.c.tenant == tenant)
        if key is not None:
            columns = (_PIN.c.tenant, _PIN.c.namespace, _PIN.c.flow_id)
            query = query.where(*(c == v for c, v in zip(columns, key, strict=True)))
        return [_pin(row) for row in await self._database.fetch(query)]

    async def add(self, pin: Pin) -> Pin:
        """Store a pin, quarantine what is active now, and return the pin as it is stored.

        One that held the flow before ends in the same transaction.
        """
        row = (
            pin.id,
            *pin.key,
            pin.revision,
            pin.commit,
            pin.blob,
            *pin.key,
            pin.until,
            pin.until_at,
            pin.reason,
            pin.actor,
            pin.created_at,
        )
        ended = (pin.created_at, f"replaced by {pin.actor}", *pin.key)
        await self._database.submit([Write(_END_FLOW, [ended]), Write(_ADD, [row])])
        return next(each for each in await self.open(key=pin.key) if each.id == pin.id)

    async def end(self, pins: Iterable[Pin], *, by: str, at: int) -> None:
        """Note that pins ended, and what ended them."""
        rows = [(at, by, pin.id) for pin in pins]
        if rows:
            await self._database.submit([Write(_END, rows)])


def _pin(row: Row) -> Pin:
    return Pin(
        id=row.id,
        tenant=row.tenant,
        namespace=row.namespace,
        flow_id=row.flow_id,
        revision=row.revision,
        commit=row.commit_sha,
        blob=row.blob,
        quarantined=row.quarantined,
        until=row.until,
        until_at=row.until_at,
        reason=row.reason,
        actor=row.actor,
        created_at=row.created_at,
        ended_at=row.ended_at,
        ended_by=row.ended_by,
    )
