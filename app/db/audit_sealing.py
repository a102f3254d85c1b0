"""Seals entries of the audit log: puts each into the chain of its tenant.

It is done beside the requests, within a second. Whatever else writes to the database cannot take a
place twice: tenant and number are the key of a seal, and so is the entry.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sqlalchemy import bindparam, func, select

from app.db.audit_chain import Head, beginning, following
from app.db.database import Database
from app.db.read_only import Reader
from app.db.sql import Row, Write
from app.db.tables import AuditRow, SealRow, SegmentRow
from app.errors import Fenced
from app.executions import first_id
from app.ports import Clock

_AUDIT: Any = AuditRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_SEAL: Any = SealRow.__table__  # type: ignore[attr-defined]  # as above
_SEGMENT: Any = SegmentRow.__table__  # type: ignore[attr-defined]  # as above

_MOST = 500
"""Entries that are sealed in one transaction."""
_SECOND = 1_000_000
RECENT = 15 * _SECOND
"""How far back (µs) is looked for entries each time: an id is made before its row is written."""
LATE = 600 * _SECOND
"""How much older (µs) than the newest sealed one an entry may be that is sealed at a start."""
_THOROUGH = LATE // 2
"""How often (µs) is looked for late ones, and at where the chains really end."""

_OPEN = (
    select(_AUDIT)
    .outerjoin(_SEAL, _SEAL.c.entry_id == _AUDIT.c.id)
    .where(_SEAL.c.entry_id.is_(None), _AUDIT.c.id >= bindparam("since"))
    .order_by(_AUDIT.c.id)
    .limit(_MOST)
)
_HEAD = (
    select(_SEAL.c.seq, _SEAL.c.hash)
    .where(_SEAL.c.tenant == bindparam("tenant"))
    .order_by(_SEAL.c.seq.desc())
    .limit(1)
)
_CLOSED = (
    select(_SEGMENT.c.last_seq, _SEGMENT.c.last_hash)
    .where(_SEGMENT.c.tenant == bindparam("tenant"))
    .order_by(_SEGMENT.c.last_seq.desc())
    .limit(1)
)
_NEWEST = (
    select(_AUDIT.c.at)
    .join(_SEAL, _SEAL.c.entry_id == _AUDIT.c.id)
    .order_by(_AUDIT.c.id.desc())
    .limit(1)
)
_TENANTS = select(_SEAL.c.tenant, func.max(_SEAL.c.seq).label("seq")).group_by(_SEAL.c.tenant)
_ADD = "INSERT INTO audit_seal (tenant, seq, entry_id, hash) VALUES (?, ?, ?, ?)"


async def floor(reader: Reader) -> str:
    """Return the least id that is still sealed: what is older was put in behind our back."""
    rows = await reader.fetch(_NEWEST)
    return first_id(max(0, rows[0].at - LATE)) if rows else ""


class Sealer:
    """Puts entries into chains; there may be several, in turns."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """Read from and write to `database`."""
        self._database = database
        self._clock = clock
        self._heads: dict[str, Head] = {}
        self._all = False
        """Whether the heads of all chains are known, not only of those that moved."""
        self._looked = 0
        """When (µs) all there was had been sealed; 0: never yet."""
        self._thorough = clock.now() + _THOROUGH
        """When (µs) is looked thoroughly again."""

    async def seal_left(self) -> int:
        """Seal what an earlier process wrote and did not seal; return how many entries."""
        now = self._clock.now()
        count = await self._seal(await floor(self._database))
        self._looked = now
        return count

    async def seal(self) -> int:
        """Seal what was written since the last time, and what is late; return how many entries.

        Since the last time that went well: the database may have been away for longer.
        """
        now = self._clock.now()
        is_thorough = now >= self._thorough
        if is_thorough:
            # Others seal, too, and close what is old: a head of long ago may be that of no entry.
            self._forget()
        since = min(now, self._looked or now) - (LATE if is_thorough else RECENT)
        count = await self._seal(first_id(max(0, since)))
        self._looked = now
        if is_thorough:
            self._thorough = now + _THOROUGH
        return count

    async def _seal(self, since: str) -> int:
        count = 0
        while rows := await self._database.fetch(_OPEN, since=since):
            if not await self._link(rows):
                continue  # somebody else sealed some of them: look again
            count += len(rows)
            since = rows[-1].id  # what came in below it meanwhile is found the next time
            if len(rows) < _MOST:
                break
        return count

    async def _link(self, rows: Iterable[Row]) -> bool:
        by_tenant: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            by_tenant[row.tenant].append(row)
        heads: dict[str, Head] = {}
        seals = []
        for tenant, entries in by_tenant.items():
            head = self._heads.get(tenant) or await self.head(tenant)
            for entry in entries:
                head = following(head, entry._asdict())
                seals.append((tenant, head.seq, entry.id, head.hash))
            heads[tenant] = head
        try:
            await self._database.submit([Write(_ADD, seals)])
        except Fenced:
            self._forget()
            return False
        self._heads |= heads
        return True

    def _forget(self) -> None:
        self._heads.clear()
        self._all = False

    async def head(self, tenant: str) -> Head:
        """Return the end of a tenant's chain, as the database has it."""
        for query in (_HEAD, _CLOSED):
            rows = await self._database.fetch(query, tenant=tenant)
            if rows:
                return Head(*rows[0])
        return beginning(tenant)

    async def heads(self) -> dict[str, Head]:
        """Return the ends of all chains that have entries; looked up once, then remembered."""
        if not self._all:
            rows = await self._database.fetch(_TENANTS)
            self._heads |= {row.tenant: await self.head(row.tenant) for row in rows}
            self._all = True
        return dict(self._heads)
