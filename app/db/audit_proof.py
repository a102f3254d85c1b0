"""The proof of the audit log: walks every chain and names the first entry that does not hold."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import select

from app.db.audit_chain import FIELDS, Anchor, Broken, Head, Key, Link, Walk, beginning
from app.db.audit_sealing import floor
from app.db.audit_segments import Segment, links, segments
from app.db.read_only import Reader
from app.db.tables import AnchorRow, AuditRow, SealRow, SegmentRow
from app.errors import NotFound
from app.ports import Storage

_AUDIT: Any = AuditRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_SEAL: Any = SealRow.__table__  # type: ignore[attr-defined]  # as above
_ANCHOR: Any = AnchorRow.__table__  # type: ignore[attr-defined]  # as above
_SEGMENT: Any = SegmentRow.__table__  # type: ignore[attr-defined]  # as above

_ANCHORS = select(_ANCHOR)
_TENANTS = [select(each.c.tenant).distinct() for each in (_AUDIT, _SEAL, _SEGMENT)]
_UNSEALED = (
    select(_AUDIT.c.id, _AUDIT.c.tenant)
    .outerjoin(_SEAL, _SEAL.c.entry_id == _AUDIT.c.id)
    .where(_SEAL.c.entry_id.is_(None))
    .order_by(_AUDIT.c.id)
)
_NAMED = 20
"""Entries that nobody sealed, named at most."""


@dataclass(slots=True)
class Proof:
    """What was found of one chain."""

    tenant: str
    """"" is the instance."""
    entries: int = 0
    """That were looked at."""
    closed: int = 0
    """In closed segments."""
    seq: int = 0
    hash: str = ""
    """The end of the chain, as far as it holds."""
    anchored: int = 0
    """The last entry that an anchor vouches for."""
    pending: int = 0
    """Entries that are about to be sealed."""
    problems: list[Broken] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON; the instance's has no tenant."""
        return {
            "tenant": self.tenant or None,
            "holds": self.holds,
            "entries": self.entries,
            "closed": self.closed,
            "seq": self.seq,
            "hash": self.hash,
            "anchored": self.anchored,
            "pending": self.pending,
            "problems": [{"seq": each.seq, "what": each.what} for each in self.problems],
        }


class Prover:
    """Looks whether chains hold."""

    def __init__(
        self, reader: Reader, outside: Iterable[Anchor] = (), key: Key | None = None
    ) -> None:
        """Read from `reader`; `outside` are anchors from elsewhere, `key` checks signatures."""
        self._reader = reader
        self._outside = list(outside)
        self._key = key

    async def prove(self, tenant: str | None = None) -> list[Proof]:
        """Look at the chain of a tenant, or (None) at all of them."""
        anchors = await self._anchors()
        names = await self._tenants(anchors) if tenant is None else [tenant]
        proofs = [await self._one(name, anchors.get(name, [])) for name in names]
        await self._unsealed({each.tenant: each for each in proofs})
        return proofs

    async def _tenants(self, anchors: Iterable[str]) -> list[str]:
        found = set(anchors)
        for query in _TENANTS:
            found |= {row.tenant for row in await self._reader.fetch(query)}
        return sorted(found)

    async def _anchors(self) -> dict[str, list[Anchor]]:
        rows = await self._reader.fetch(_ANCHORS)
        found: dict[str, list[Anchor]] = defaultdict(list)
        for anchor in [*(Anchor(**row._asdict()) for row in rows), *self._outside]:
            found[anchor.tenant].append(anchor)
        return found

    async def _one(self, tenant: str, anchors: Sequence[Anchor]) -> Proof:
        """Look at a chain; again, if entries were closed meanwhile: they seem to be missing."""
        while True:
            closed = await segments(self._reader, tenant)
            proof = await self._look(tenant, anchors, closed)
            if proof.holds or closed == await segments(self._reader, tenant):
                return proof

    async def _look(
        self, tenant: str, anchors: Sequence[Anchor], closed: Sequence[Segment]
    ) -> Proof:
        proof = Proof(tenant)
        genuine = self._genuine(proof, anchors)
        start = self._start(proof, closed)
        walk = Walk(tenant, start, genuine)
        if walk.broken is None:
            async for link in links(self._reader, tenant, start.seq):
                if not walk.step(link):
                    break
                proof.entries += 1
        walk.end()
        proof.seq, proof.hash = walk.head
        proof.anchored = max((a.seq for a in genuine if a.seq <= walk.head.seq), default=0)
        if walk.broken is not None:
            proof.problems.insert(0, walk.broken)
        return proof

    def _genuine(self, proof: Proof, anchors: Sequence[Anchor]) -> list[Anchor]:
        """Return the anchors that we signed; the others are a problem of their own."""
        good = []
        for each in anchors:
            record = each._asdict()
            if self._key is None or self._key.holds(record):
                good.append(each)
            else:
                what = f"the anchor of entry {each.seq} in {each.place} was not signed by us"
                proof.problems.append(Broken(proof.tenant, each.seq, what))
        return good

    def _start(self, proof: Proof, closed: Sequence[Segment]) -> Head:
        """Return where the open part of a chain begins: after its closed segments."""
        head = beginning(proof.tenant)
        for segment in closed:
            if (wrong := _wrong(segment, head, self._key)) is not None:
                proof.problems.append(Broken(proof.tenant, segment.first_seq, wrong))
            head = Head(segment.last_seq, segment.last_hash)
        proof.closed = head.seq
        return head

    async def _unsealed(self, proofs: dict[str, Proof]) -> None:
        least = await floor(self._reader)
        for row in await self._reader.fetch(_UNSEALED):
            proof = proofs.get(row.tenant)
            if proof is None:
                continue
            if row.id >= least:
                proof.pending += 1
            elif len(proof.problems) < _NAMED:
                what = f"the entry {row.id} was never sealed: it was inserted afterwards"
                proof.problems.append(Broken(row.tenant, None, what))


def _wrong(segment: Segment, head: Head, key: Key | None) -> str | None:
    name = f"the closed segment of entries {segment.first_seq} to {segment.last_seq}"
    if key is not None and not key.holds(segment._asdict()):
        return f"{name} was not signed by us"
    if (segment.first_seq, segment.previous_hash) != (head.seq + 1, head.hash):
        return f"{name} does not follow the one before it"
    return None


async def prove_archive(segment: Segment, storage: Storage) -> Broken | None:
    """Look whether the file of a closed segment is the one that was written, entry by entry."""
    name = f"the file of entries {segment.first_seq} to {segment.last_seq}"
    try:
        data = b"".join([piece async for piece in storage.get(segment.archive)])
    except NotFound:
        return Broken(segment.tenant, segment.first_seq, f"{name} is not there")
    if hashlib.sha256(data).hexdigest() == segment.digest:
        return None
    start = Head(segment.first_seq - 1, segment.previous_hash)
    return prove_lines(segment.tenant, data, start) or Broken(
        segment.tenant, segment.first_seq, f"{name} was changed"
    )


def prove_lines(tenant: str, data: bytes, start: Head | None = None) -> Broken | None:
    """Look whether the chain of exported lines holds; `start` is what the first one follows.

    Without a start the hash of the first line is believed.
    """
    walk: Walk | None = None if start is None else Walk(tenant, start)
    for text in data.splitlines():
        try:
            found = orjson.loads(text)
            entry = {name: found[name] for name in FIELDS}
            link = Link(int(found["seq"]), str(found["hash"]), entry)
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            at = None if walk is None else walk.head.seq + 1
            return Broken(tenant, at, "a line is no entry of an audit log")
        if walk is None:
            walk = Walk(tenant, Head(link.seq, link.hash))
        elif not walk.step(link):
            return walk.broken
    return None
