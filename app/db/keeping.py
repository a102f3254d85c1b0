"""What of Git is kept, and what must not be, on SQL: private refs with reasons, redacted blobs."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import select

from app.db.audit import AuditEntry, audit_write
from app.db.database import Database
from app.db.sql import Write
from app.db.tables import BlobRow, FlowRevisionRow, KeepRow, RedactedRow

_KEEP: Any = KeepRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_REDACTED: Any = RedactedRow.__table__  # type: ignore[attr-defined]  # as above
_BLOB: Any = BlobRow.__table__  # type: ignore[attr-defined]  # as above
_REVISION: Any = FlowRevisionRow.__table__  # type: ignore[attr-defined]  # as above

_ADD = (
    "INSERT INTO keep_ref (source_id, ref, commit_sha, reason, created_at, expires_at)"
    " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (source_id, ref) DO UPDATE SET"
    " commit_sha = excluded.commit_sha, reason = excluded.reason, expires_at = excluded.expires_at"
)
_DROP = "DELETE FROM keep_ref WHERE source_id = ? AND ref = ?"
_DENY = (
    "INSERT INTO redacted (oid, at, actor, reason) VALUES (?, ?, ?, ?) ON CONFLICT (oid) DO NOTHING"
)
# A deleted row may stay in the file of the database until its place is used again: its bytes are
# written over before, at the same length, which SQLite does in place.
_BLANK = "UPDATE blob SET data = ? WHERE oid = ?"
_FORGET = "DELETE FROM blob WHERE oid = ?"
_MARK = "UPDATE flow_revision SET state = 'redacted' WHERE blob = ?"
_SOME = 500


class Kept(NamedTuple):
    """A commit that a private ref of the mirror holds on to. Times are µs; None: for ever."""

    source_id: str
    ref: str
    commit: str
    reason: str
    """forced | deleted | pull | pin"""
    created_at: int
    expires_at: int | None = None


class KeepingStore:
    """The private refs of mirrors, and the blobs that were redacted."""

    def __init__(self, database: Database) -> None:
        """Read from and write to `database`."""
        self._database = database

    async def kept(self, source_id: str) -> list[Kept]:
        """Return what is held on to of a source, oldest first."""
        query = select(_KEEP).where(_KEEP.c.source_id == source_id)
        rows = await self._database.fetch(query.order_by(_KEEP.c.created_at, _KEEP.c.ref))
        return [
            Kept(row.source_id, row.ref, row.commit_sha, row.reason, row.created_at, row.expires_at)
            for row in rows
        ]

    async def keep(self, kept: Iterable[Kept]) -> None:
        """Note that refs hold on to commits."""
        rows = [tuple(each) for each in kept]
        if rows:
            await self._database.submit([Write(_ADD, rows)])

    async def wanted_by_others(self, source_id: str, refs: Mapping[str, str], now: int) -> set[str]:
        """Return those of some refs (ref -> commit) that another source holds on to, too.

        Several sources may share a copy of one repository.
        """
        if not refs:
            return set()
        query = select(_KEEP).where(
            _KEEP.c.source_id != source_id, _KEEP.c.ref.in_(sorted(refs)[:_SOME])
        )
        return {
            row.ref
            for row in await self._database.fetch(query)
            if refs[row.ref] == row.commit_sha and (row.expires_at or now + 1) > now
        }

    async def drop(self, source_id: str, refs: Iterable[str]) -> None:
        """Note that refs are gone."""
        rows = [(source_id, ref) for ref in refs]
        if rows:
            await self._database.submit([Write(_DROP, rows)])

    # -- redaction -------------------------------------------------------------------------------

    async def redacted(self) -> set[str]:
        """Return all blobs that were redacted: a few."""
        return {row.oid for row in await self._database.fetch(select(_REDACTED.c.oid))}

    async def revisions_of(self, oid: str) -> list[tuple[str, str, str, int]]:
        """Return (tenant, namespace, flow, revision) of every revision that a blob is."""
        columns = (
            _REVISION.c.tenant,
            _REVISION.c.namespace,
            _REVISION.c.flow_id,
            _REVISION.c.revision,
        )
        query = select(*columns).where(_REVISION.c.blob == oid).order_by(*columns)
        rows = await self._database.fetch(query)
        return [(row.tenant, row.namespace, row.flow_id, row.revision) for row in rows]

    async def redact(self, oid: str, entry: AuditEntry) -> None:
        """Delete the bytes of a blob, mark its revisions, and never take it up again."""
        rows = await self._database.fetch(select(_BLOB.c.data).where(_BLOB.c.oid == oid))
        await self._database.submit(
            [
                Write(_DENY, [(oid, entry.at, entry.actor, entry.reason)]),
                *(Write(_BLANK, [(bytes(len(row.data)), oid)]) for row in rows),
                Write(_FORGET, [(oid,)]),
                Write(_MARK, [(oid,)]),
                audit_write(entry),
            ]
        )
