"""Anchors: the heads of the chains, written where whoever owns the database does not write.

Each goes to the log, to a file of the day below the audit log's own folder, to a file that the
operator names, and to the database, signed. Who cuts off the tail of a chain, or makes it anew,
cannot take back all of them.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import func, select

from app.db.audit_chain import Anchor, Head, Key, read_anchors
from app.db.audit_sealing import Sealer
from app.db.database import Database
from app.db.sql import Write
from app.db.tables import AnchorRow
from app.errors import HeadwaterError, NotFound
from app.ports import Clock, Storage
from app.telemetry import get_logger

_LOG = get_logger(__name__)
_ANCHOR: Any = AnchorRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_LAST = select(_ANCHOR.c.tenant, func.max(_ANCHOR.c.seq).label("seq")).group_by(_ANCHOR.c.tenant)
_ADD = "INSERT INTO audit_anchor (tenant, seq, hash, at, signature) VALUES (?, ?, ?, ?, ?)"
FOLDER = "kestra:///anchors"


class Anchors:
    """Writes anchors, and reads those that were written."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        key: Key,
        clock: Clock,
        file: Path | None = None,
    ) -> None:
        """Write to `database`, to `storage` (the audit log's own) and to `file`, if any."""
        self._database = database
        self._storage = storage
        self._key = key
        self._clock = clock
        self._file = file

    async def drop(self, sealer: Sealer) -> int:
        """Write down the heads that moved since the last time; return how many."""
        rows = await self._database.fetch(_LAST)
        known = {row.tenant: row.seq for row in rows}
        heads = await sealer.heads()
        moved = [
            self._signed(tenant, head)
            for tenant, head in sorted(heads.items())
            if head.seq > known.get(tenant, 0)
        ]
        if moved:
            await self._outside(moved)
            await self._database.submit([Write(_ADD, [each[:5] for each in moved])])
        return len(moved)

    def _signed(self, tenant: str, head: Head) -> Anchor:
        anchor = Anchor(tenant, head.seq, head.hash, self._clock.now())
        return anchor._replace(signature=self._key.sign(_record(anchor)))

    async def _outside(self, anchors: list[Anchor]) -> None:
        """Write anchors outside of the database; a place that fails does not stop the others."""
        for each in anchors:
            _LOG.info("audit anchor", **_record(each))
        lines = b"".join(orjson.dumps(_record(each)) + b"\n" for each in anchors)
        day = datetime.fromtimestamp(anchors[0].at / 1_000_000, UTC).date().isoformat()
        try:
            await self._append(f"{FOLDER}/{day}.jsonl", lines)
            if self._file is not None:
                await asyncio.to_thread(_append, self._file, lines)
        except (HeadwaterError, OSError) as error:
            _LOG.warning("an audit anchor could not be written outside", error=str(error))

    async def _append(self, uri: str, lines: bytes) -> None:
        async def whole() -> AsyncIterator[bytes]:
            yield before + lines

        before = await _read(self._storage, uri)
        await self._storage.put(uri, whole())

    async def outside(self) -> list[Anchor]:
        """Return the anchors that were written outside of the database."""
        return await anchors_outside(self._storage, self._file)


async def anchors_outside(storage: Storage, file: Path | None) -> list[Anchor]:
    """Return the anchors in the audit log's own storage, and in a further file."""
    found: list[Anchor] = []
    for uri in await storage.below(FOLDER):
        text = (await _read(storage, uri)).decode(errors="replace")
        found += read_anchors(text, f"the anchors of {uri.rsplit('/', 1)[-1]}")
    if file is not None:
        found += await asyncio.to_thread(_anchors_in, file)
    return found


def _record(anchor: Anchor) -> dict[str, Any]:
    record = anchor._asdict()
    del record["place"]
    return record


async def _read(storage: Storage, uri: str) -> bytes:
    try:
        return b"".join([piece async for piece in storage.get(uri)])
    except NotFound:
        return b""


def _append(file: Path, lines: bytes) -> None:
    with file.open("ab") as target:
        target.write(lines)


def _anchors_in(file: Path) -> list[Anchor]:
    try:
        text = file.read_text("utf-8", errors="replace")
    except FileNotFoundError:
        return []
    return list(read_anchors(text, str(file)))
