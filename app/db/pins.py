"""Pins on SQL: which flows an operator holds at a revision, and which pins there were."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import select

from app.db.database import Database
from app.db.records import FlowKey, Pin
from app.db.sql import Row, Write
from app.db.tables import PinRow

_PIN: Any = PinRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it

_ADD = (
    "INSERT INTO pin (id, tenant, namespace, flow_id, revision, commit_sha, blob, quarantined,"
    " until, until_at, reason, actor, created_at, ended_at, ended_by, scope, group_id,"
    " changeset_id, revert)"
    " VALUES (?, ?, ?, ?, ?, ?, ?,"
    " (SELECT blob FROM active_flow WHERE tenant = ? AND namespace = ? AND flow_id = ?),"
    " ?, ?, ?, ?, ?, NULL, NULL, ?, ?, NULL, ?)"
)
_END_FLOW = (
    "UPDATE pin SET ended_at = ?, ended_by = ? WHERE tenant = ? AND namespace = ? AND flow_id = ?"
    " AND ended_at IS NULL"
)
_END = "UPDATE pin SET ended_at = ?, ended_by = ? WHERE id = ? AND ended_at IS NULL"
# A changeset is there whatever else was noted meanwhile; the rest is about what the pin said then.
_REVERT = (
    "UPDATE pin SET revert = ?, changeset_id = COALESCE(CAST(? AS TEXT), changeset_id)"
    " WHERE id = ? AND (revert = ? OR CAST(? AS TEXT) IS NOT NULL)"
)


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
        return await self._found(query if key is None else query.where(*_of(key)))

    async def of_flow(self, key: FlowKey) -> list[Pin]:
        """Return every pin that a flow has or had, oldest first."""
        return await self._found(select(_PIN).where(*_of(key)).order_by(_PIN.c.id))

    async def unreverted(self) -> list[Pin]:
        """Return the pins, oldest first, that are still to be told at the forge."""
        query = select(_PIN).where(_PIN.c.revert.in_(("wanted", "tell"))).order_by(_PIN.c.id)
        return await self._found(query)

    async def _found(self, query: Any) -> list[Pin]:
        return [_pin(row) for row in await self._database.fetch(query)]

    async def add(self, pins: Sequence[Pin], *further: Write) -> list[Pin]:
        """Store pins, quarantine what is active now, and return them as they are stored.

        What held the flows before ends in the same transaction, and `further` is written in it.
        """
        ended = [(pin.created_at, f"replaced by {pin.actor}", *pin.key) for pin in pins]
        writes = [Write(_END_FLOW, ended), Write(_ADD, [_row(pin) for pin in pins])]
        await self._database.submit([*(each for each in writes if each.rows), *further])
        only = pins[0].key if len(pins) == 1 else None
        stored = {each.id: each for each in await self.open(key=only)}
        return [stored[pin.id] for pin in pins if pin.id in stored]

    async def end(self, pins: Iterable[Pin], *further: Write, by: str, at: int) -> None:
        """Note that pins ended, and what ended them; `further` is written in the same step."""
        rows = [(at, by, pin.id) for pin in pins]
        if rows:
            await self._database.submit([Write(_END, rows), *further])

    async def note_revert(self, pin: Pin, state: str, changeset: str | None = None) -> None:
        """Note what became of the revert that a rollback asks for.

        Without a changeset nothing changes when something else than `pin.revert` was noted since.
        """
        row = (state, changeset, pin.id, pin.revert, changeset)
        await self._database.submit([Write(_REVERT, [row])])


def _of(key: FlowKey) -> list[Any]:
    columns = (_PIN.c.tenant, _PIN.c.namespace, _PIN.c.flow_id)
    return [column == value for column, value in zip(columns, key, strict=True)]


def _row(pin: Pin) -> tuple[Any, ...]:
    return (
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
        pin.scope,
        pin.group_id,
        pin.revert,
    )


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
        scope=row.scope,
        group_id=row.group_id,
        changeset_id=row.changeset_id,
        revert=row.revert,
    )
