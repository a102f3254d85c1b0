"""Closed segments: entries that are kept no longer, as a summary that the chain goes on from.

A segment is written to a file first, then its summary is stored and its entries are deleted, in one
transaction. The summary is signed: who takes entries away cannot make one up.
"""

import hashlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple

import orjson
from sqlalchemy import bindparam, select

from app.db.audit_chain import FIELDS, Head, Key, Link, Walk, beginning
from app.db.database import Database
from app.db.read_only import Reader
from app.db.sql import Row, Write
from app.db.tables import AuditRow, SealRow, SegmentRow
from app.errors import Conflict
from app.ports import Clock, Storage

_AUDIT: Any = AuditRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_SEAL: Any = SealRow.__table__  # type: ignore[attr-defined]  # as above
_SEGMENT: Any = SegmentRow.__table__  # type: ignore[attr-defined]  # as above

LONGEST = 5_000
"""Entries of one segment: it is one transaction."""
FOLDER = "kestra:///segments"

LINKS = (
    select(_SEAL.c.seq, _SEAL.c.hash, *_AUDIT.columns)
    .outerjoin(_AUDIT, _AUDIT.c.id == _SEAL.c.entry_id)
    .where(_SEAL.c.tenant == bindparam("of"), _SEAL.c.seq > bindparam("after"))
    .order_by(_SEAL.c.seq)
    .limit(bindparam("most"))
)
_SEGMENTS = select(_SEGMENT).where(_SEGMENT.c.tenant == bindparam("of")).order_by(
    _SEGMENT.c.last_seq
)  # fmt: skip
_ADD = (
    "INSERT INTO audit_segment (tenant, last_seq, first_seq, previous_hash, last_hash, first_at,"
    " last_at, closed_at, archive, digest, signature) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_DELETE_ENTRIES = (
    "DELETE FROM audit WHERE id IN (SELECT entry_id FROM audit_seal WHERE tenant = ? AND seq <= ?)"
)
_DELETE_SEALS = "DELETE FROM audit_seal WHERE tenant = ? AND seq <= ?"


class Segment(NamedTuple):
    """A closed part of a chain (see `SegmentRow`)."""

    tenant: str
    last_seq: int
    first_seq: int
    previous_hash: str
    last_hash: str
    first_at: int
    last_at: int
    closed_at: int
    archive: str = ""
    digest: str = ""
    signature: str = ""


def link_of(row: Row) -> Link:
    """Return a row of `LINKS` as a link of the chain."""
    values = row._asdict()
    seq, digest = values.pop("seq"), values.pop("hash")
    return Link(seq, digest, values if values["id"] is not None else None)


async def links(reader: Reader, tenant: str, after: int) -> AsyncIterator[Link]:
    """Yield the links of a chain that come after a number, as they are stored."""
    while rows := await reader.fetch(LINKS, of=tenant, after=after, most=LONGEST):
        for row in rows:
            yield link_of(row)
        after = rows[-1].seq


async def segments(reader: Reader, tenant: str) -> list[Segment]:
    """Return the closed segments of a tenant, the oldest first."""
    rows = await reader.fetch(_SEGMENTS, of=tenant)
    return [Segment(**row._asdict()) for row in rows]


def line(link: Link) -> bytes:
    """Return a link as a line of JSON: an entry with its number and its hash."""
    entry = {name: (link.entry or {}).get(name) for name in FIELDS}
    return orjson.dumps({**entry, "seq": link.seq, "hash": link.hash}) + b"\n"


class Segments:
    """Closes what is old."""

    def __init__(self, database: Database, storage: Storage, key: Key, clock: Clock) -> None:
        """Delete from `database`; keep the entries in `storage`, the audit log's own."""
        self._database = database
        self._storage = storage
        self._key = key
        self._clock = clock

    async def close(self, tenant: str, before: int, *, keep: bool = True) -> list[Segment]:
        """Close all entries at the beginning of a chain that are older than `before` (µs).

        With `keep` they are written to a file first. Later in the chain even old ones stay.

        Raises:
            Conflict: when the chain does not hold there: nothing is taken away then.
        """
        made: list[Segment] = []
        while (segment := await self._next(tenant, before, keep=keep)) is not None:
            made.append(segment)
        return made

    async def _next(self, tenant: str, before: int, *, keep: bool) -> Segment | None:
        earlier = await segments(self._database, tenant)
        start = Head(earlier[-1].last_seq, earlier[-1].last_hash) if earlier else beginning(tenant)
        old = await self._old(Walk(tenant, start), before)
        if not old:
            return None
        lines = [line(each) for each in old]
        archive = await self._archived(tenant, old, lines) if keep else ""
        segment = self._summary(tenant, start, old)._replace(
            archive=archive, digest=hashlib.sha256(b"".join(lines)).hexdigest()
        )
        segment = segment._replace(signature=self._key.sign(segment._asdict()))
        through = (tenant, segment.last_seq)
        await self._database.submit(
            [
                Write(_ADD, [tuple(segment)]),
                Write(_DELETE_ENTRIES, [through]),
                Write(_DELETE_SEALS, [through]),
            ]
        )
        return segment

    async def _old(self, walk: Walk, before: int) -> list[Link]:
        after = walk.head.seq
        rows = await self._database.fetch(LINKS, of=walk.tenant, after=after, most=LONGEST)
        found: list[Link] = []
        for link in map(link_of, rows):
            if link.entry is not None and link.entry["at"] >= before:
                break
            if not walk.step(link) and walk.broken is not None:
                message = f"the audit log is kept as it is: {walk.broken.what}"
                raise Conflict(message)
            found.append(link)
        return found

    async def _archived(self, tenant: str, old: Sequence[Link], lines: list[bytes]) -> str:
        async def whole() -> AsyncIterator[bytes]:
            for each in lines:
                yield each

        # A tenant's name has no leading underscore, so the instance's folder is nobody's.
        uri = f"{FOLDER}/{tenant or '_instance'}/{old[0].seq:012}-{old[-1].seq:012}.jsonl"
        await self._storage.put(uri, whole())
        return uri

    def _summary(self, tenant: str, start: Head, old: Sequence[Link]) -> Segment:
        times = [each.entry["at"] for each in old if each.entry is not None]
        return Segment(
            tenant=tenant,
            last_seq=old[-1].seq,
            first_seq=start.seq + 1,
            previous_hash=start.hash,
            last_hash=old[-1].hash,
            first_at=min(times),
            last_at=max(times),
            closed_at=self._clock.now(),
        )
