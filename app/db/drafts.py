"""Drafts on SQL: edits that are not in Git yet, with the bytes that each began from."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import select

from app.db.database import Database
from app.db.sql import Row, Write
from app.db.tables import DraftRow
from app.errors import NotFound

_DRAFT: Any = DraftRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it


@dataclass(frozen=True, slots=True)
class StoredDraft:
    """One edit. Times are µs since the epoch."""

    id: str
    tenant: str
    namespace: str
    kind: str
    """flow | file | test | variables | secrets"""
    name: str
    """The flow's id; the path of a file or test below its folder; "" for the others."""
    source_id: str
    base_commit: str
    base_blob: str
    """"" where there is no such file yet."""
    content: str | None
    """None: a deletion."""
    owner: str
    changeset_id: str | None = None
    created_at: int = 0
    updated_at: int = 0


_NAMES = [each.name for each in fields(StoredDraft)]
_SAVE = (
    f"INSERT INTO draft ({', '.join(_NAMES)}) VALUES ({', '.join('?' * len(_NAMES))})"  # noqa: S608 - constants
    " ON CONFLICT (id) DO UPDATE SET base_commit = excluded.base_commit, base_blob ="
    " excluded.base_blob, content = excluded.content, changeset_id = excluded.changeset_id,"
    " updated_at = excluded.updated_at"
)
_REMOVE = "DELETE FROM draft WHERE id = ?"
_RELEASE = "UPDATE draft SET changeset_id = NULL WHERE changeset_id = ?"
_REMOVE_OF = "DELETE FROM draft WHERE changeset_id = ?"


class DraftStore:
    """Drafts by id, by what they edit, and by their changeset."""

    def __init__(self, database: Database) -> None:
        """Read from and write to `database`."""
        self._database = database

    async def save(self, drafts: Sequence[StoredDraft]) -> None:
        """Store drafts as they are now, all of them or none."""
        rows = [tuple(getattr(each, name) for name in _NAMES) for each in drafts]
        if rows:
            await self._database.submit([Write(_SAVE, rows)])

    async def get(self, draft_id: str) -> StoredDraft:
        """Return a draft; raises `NotFound`."""
        rows = await self._database.fetch(select(_DRAFT).where(_DRAFT.c.id == draft_id))
        if not rows:
            message = f"there is no draft {draft_id}"
            raise NotFound(message)
        return _draft(rows[0])

    async def of(
        self, tenant: str, owner: str | None = None, limit: int = 500
    ) -> list[StoredDraft]:
        """Return the drafts of a tenant (and owner) that are in no changeset, newest first."""
        query = select(_DRAFT).where(_DRAFT.c.tenant == tenant, _DRAFT.c.changeset_id.is_(None))
        if owner is not None:
            query = query.where(_DRAFT.c.owner == owner)
        rows = await self._database.fetch(query.order_by(_DRAFT.c.id.desc()).limit(limit))
        return [_draft(row) for row in rows]

    async def about(self, draft: StoredDraft) -> StoredDraft | None:
        """Return the owner's other draft of the same thing that is in no changeset, if any."""
        names = ("tenant", "namespace", "kind", "name", "owner")
        query = select(_DRAFT).where(
            *(_DRAFT.c[each] == getattr(draft, each) for each in names),
            _DRAFT.c.changeset_id.is_(None),
        )
        rows = await self._database.fetch(query.order_by(_DRAFT.c.id.desc()).limit(1))
        return _draft(rows[0]) if rows else None

    async def in_changeset(self, changeset_id: str) -> list[StoredDraft]:
        """Return the drafts of a changeset, oldest first."""
        query = select(_DRAFT).where(_DRAFT.c.changeset_id == changeset_id).order_by(_DRAFT.c.id)
        return [_draft(row) for row in await self._database.fetch(query)]

    async def remove(self, draft_id: str) -> None:
        """Delete a draft."""
        await self._database.submit([Write(_REMOVE, [(draft_id,)])])

    async def release(self, changeset_id: str) -> None:
        """Take the drafts of a changeset that came to nothing out of it: they are edits again."""
        await self._database.submit([Write(_RELEASE, [(changeset_id,)])])

    async def remove_of(self, changeset_id: str) -> None:
        """Delete the drafts of a changeset that is in Git."""
        await self._database.submit([Write(_REMOVE_OF, [(changeset_id,)])])


def _draft(row: Row) -> StoredDraft:
    return StoredDraft(**{name: getattr(row, name) for name in _NAMES})
