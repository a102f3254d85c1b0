"""Who syncs a source: a lease in its row, for nodes that share a database.

A lease is taken by compare-and-set and ends by itself. Whoever writes under it writes `guarded`:
after the lease went to somebody else the whole transaction is refused.
"""

from typing import Any

from sqlalchemy import select

from app.db.database import Database
from app.db.sql import Write
from app.db.tables import SourceRow

_SOURCE: Any = SourceRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it

_TAKE = (
    "UPDATE source SET lease_holder = ?, lease_until = ? WHERE id = ?"
    " AND (lease_holder IS NULL OR lease_holder = ? OR lease_until <= ?)"
)
_RENEW = "UPDATE source SET lease_until = ? WHERE id = ? AND lease_holder = ?"
_GIVE = (
    "UPDATE source SET lease_holder = NULL, lease_until = NULL WHERE id = ? AND lease_holder = ?"
)
# It locks the row, so that nobody takes the lease between the guard and the commit.
_TURN = "UPDATE source SET sync_turn = COALESCE(sync_turn, 0) + ? WHERE id = ?"
# A row that is there already: the transaction fails, unless the lease is still the writer's.
_GUARD = (
    "INSERT INTO source (id, tenant, url, ref, root, layout, edit_mode, atomic, conditions, spec,"
    " origin) SELECT id, tenant, url, ref, root, layout, edit_mode, atomic, conditions, spec,"
    " origin FROM source WHERE id = ? AND (lease_holder IS NULL OR lease_holder <> ?)"
)


class LeaseStore:
    """The leases of sources. Times are µs since the epoch."""

    def __init__(self, database: Database) -> None:
        """Read from and write to `database`."""
        self._database = database

    async def take(self, source_id: str, holder: str, *, over: str, now: int, until: int) -> bool:
        """Take a lease that is free, over by `now`, or held by `over`; return whether it was."""
        row = (holder, until, source_id, over, now)
        counts = await self._database.submit([Write(_TAKE, [row])])
        return counts[0] > 0

    async def renew(self, source_id: str, holder: str, *, until: int) -> bool:
        """Hold a lease for longer; return whether it was still there to be renewed."""
        counts = await self._database.submit([Write(_RENEW, [(until, source_id, holder)])])
        return counts[0] > 0

    def give(self, source_id: str, holder: str) -> None:
        """Give a lease back, without waiting for it."""
        self._database.submit([Write(_GIVE, [(source_id, holder)])])

    async def holder(self, source_id: str) -> str | None:
        """Return who holds, or held, the lease; None when it was given back."""
        query = select(_SOURCE.c.lease_holder).where(_SOURCE.c.id == source_id)
        rows = await self._database.fetch(query)
        return rows[0].lease_holder if rows else None


def guarded(source_id: str, holder: str, *, moves: bool) -> list[Write]:
    """Return what makes a transaction fail (`Fenced`) when the lease is not the holder's any more.

    `moves`: what is written concerns other nodes, who see it by the number of the turn.
    """
    return [
        Write(_TURN, [(int(moves), source_id)]),
        Write(_GUARD, [(source_id, holder)]),
    ]
