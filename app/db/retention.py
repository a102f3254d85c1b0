"""Retention: what the database need not remember any longer."""

from typing import Any

from sqlalchemy import delete

from app.db.database import Database
from app.db.tables import ClaimRow

_CLAIM: Any = ClaimRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it


async def forget_claims(database: Database, before: int) -> int:
    """Delete idempotency keys used before this time (µs); return how many (contract D1)."""
    return (await database.transact(delete(_CLAIM).where(_CLAIM.c.at < before)))[0]
