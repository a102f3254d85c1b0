"""Revisions that nobody has compared with the one before, on SQL."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import and_, select

from app.db.database import Database
from app.db.packing import unpacked
from app.db.records import FlowKey
from app.db.sql import Row, Write
from app.db.tables import BlobRow, FlowRevisionRow

_REVISION: Any = FlowRevisionRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_BLOB: Any = BlobRow.__table__  # type: ignore[attr-defined]  # as above

_NAMES = ("tenant", "namespace", "flow_id")
_COMPARED = (
    "UPDATE flow_revision SET semantic = ?"
    " WHERE tenant = ? AND namespace = ? AND flow_id = ? AND revision = ?"
)
# What was active meanwhile, or is held, is not judged here.
_INVALID = (
    "UPDATE flow_revision SET state = 'invalid' WHERE tenant = ? AND namespace = ?"
    " AND flow_id = ? AND revision = ? AND state = 'superseded'"
)


class Unseen(NamedTuple):
    """A revision, and the text of the one before it."""

    key: FlowKey
    revision: int
    state: str
    blob: str | None
    """None: it is a deletion."""
    before: str | None
    """The blob of the revision before; None: there is none, or it is a deletion."""


class Judgement(NamedTuple):
    """What was found of a revision."""

    key: FlowKey
    revision: int
    is_semantic: bool
    """Whether the document is another one than before."""
    is_valid: bool = True


class ComparisonStore:
    """Reads what was not compared yet, and writes what was found."""

    def __init__(self, database: Database) -> None:
        """Read from and write to `database`."""
        self._database = database

    async def unseen(self, source_id: str, limit: int) -> list[Unseen]:
        """Return the newest revisions of a source that were not compared yet."""
        before = _REVISION.alias()
        same = and_(
            *(before.c[name] == _REVISION.c[name] for name in _NAMES),
            before.c.revision == _REVISION.c.revision - 1,
        )
        columns = (
            _REVISION,
            before.c.blob.label("blob_before"),
            before.c.kind.label("kind_before"),
        )
        query = (
            select(*columns)
            .outerjoin_from(_REVISION, before, same)
            .where(_REVISION.c.source_id == source_id, _REVISION.c.semantic.is_(None))
            .order_by(_REVISION.c.seq.desc())
            .limit(limit)
        )
        return [_unseen(row) for row in await self._database.fetch(query)]

    async def texts(self, oids: Iterable[str]) -> dict[str, str]:
        """Return the texts of blobs; those that were redacted are not there."""
        query = select(_BLOB).where(_BLOB.c.oid.in_(sorted(set(oids))))
        return {row.oid: unpacked(row.data) for row in await self._database.fetch(query)}

    async def store(self, found: Sequence[Judgement]) -> None:
        """Store what was found, in one transaction."""
        compared = [(int(each.is_semantic), *each.key, each.revision) for each in found]
        invalid = [(*each.key, each.revision) for each in found if not each.is_valid]
        writes = [Write(_COMPARED, compared), Write(_INVALID, invalid)]
        await self._database.submit([write for write in writes if write.rows])


def _unseen(row: Row) -> Unseen:
    return Unseen(
        (row.tenant, row.namespace, row.flow_id),
        row.revision,
        row.state,
        None if row.kind == "delete" else row.blob,
        None if row.kind_before == "delete" else row.blob_before,
    )
