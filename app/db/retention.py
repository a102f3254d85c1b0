"""Retention: what the database need not remember any longer (contract D1, D8)."""

from typing import Any

from sqlalchemy import delete

from app.db.database import Database
from app.db.tables import ClaimRow, DeliveryRow

_CLAIM: Any = ClaimRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_DELIVERY: Any = DeliveryRow.__table__  # type: ignore[attr-defined]  # as above


async def forget(database: Database, *, claims_before: int, deliveries_before: int) -> list[int]:
    """Delete idempotency keys and webhook deliveries older than these times (µs).

    Returns how many of each went. Deliveries that were not worked off stay.
    """
    return await database.transact(
        delete(_CLAIM).where(_CLAIM.c.at < claims_before),
        delete(_DELIVERY).where(
            _DELIVERY.c.received_at < deliveries_before, _DELIVERY.c.state != "received"
        ),
    )
