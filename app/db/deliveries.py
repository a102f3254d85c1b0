"""Webhook deliveries on SQL (contract D8): stored before they are answered, kept for days."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from app.db.database import Database
from app.db.sql import Write
from app.db.tables import DeliveryRow

_DELIVERY: Any = DeliveryRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it

_ADD = (
    "INSERT INTO webhook_delivery (provider, delivery_id, source_id, event, payload, state,"
    " received_at) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (provider, delivery_id) DO NOTHING"
)
_AGAIN = (
    "UPDATE webhook_delivery SET state = 'received' WHERE provider = ? AND delivery_id = ?"
    " AND state = 'failed'"
)
_STATE = (
    "UPDATE webhook_delivery SET state = ? WHERE source_id = ? AND state = 'received'"
    " AND received_at <= ?"
)
_FORGET = "DELETE FROM webhook_delivery WHERE received_at < ?"


@dataclass(frozen=True, slots=True)
class StoredDelivery:
    """One delivery of a forge. `state`: received, done, ignored or failed."""

    provider: str
    delivery_id: str
    source_id: str
    event: str
    payload: str
    state: str
    received_at: int


class DeliveryStore:
    """Deliveries by provider and id."""

    def __init__(self, database: Database) -> None:
        """Read from and write to `database`."""
        self._database = database

    async def add(self, delivery: StoredDelivery) -> bool:
        """Store a delivery; return False when it was stored before (a failed one counts anew)."""
        row = (
            delivery.provider,
            delivery.delivery_id,
            delivery.source_id,
            delivery.event,
            delivery.payload,
            delivery.state,
            delivery.received_at,
        )
        again = (delivery.provider, delivery.delivery_id)
        counts = await self._database.submit([Write(_ADD, [row]), Write(_AGAIN, [again])])
        return any(counts)

    async def settle(self, source_id: str, state: str, *, until: int) -> None:
        """Note what became of the deliveries that arrived up to a time."""
        await self._database.submit([Write(_STATE, [(state, source_id, until)])])

    async def unfinished(self, source_id: str) -> int:
        """Return how many deliveries wait for a sync."""
        query = select(_DELIVERY.c.delivery_id).where(
            _DELIVERY.c.source_id == source_id, _DELIVERY.c.state == "received"
        )
        return len(await self._database.fetch(query))

    async def forget(self, before: int) -> None:
        """Delete deliveries that arrived before a time (µs)."""
        await self._database.submit([Write(_FORGET, [(before,)])])
