"""Epochs: each start of a process gets the next number, which fences all earlier ones."""

from typing import Any

from sqlalchemy import func, insert, select

from app.db.database import Database
from app.db.tables import NodeRow

_NODE: Any = NodeRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it


async def next_epoch(database: Database, *, now: int, pid: int, host: str) -> int:
    """Register this start and return its epoch, counted from 1."""
    rows = await database.fetch(select(func.max(_NODE.c.epoch)))
    epoch = int(rows[0][0] or 0) + 1
    await database.transact(insert(_NODE).values(epoch=epoch, started_at=now, pid=pid, host=host))
    return epoch
