"""Commits of sources: which lie between two, and which pull request brought each of them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import select

from app.db.database import Database
from app.db.records import CommitRecord
from app.db.revisions import commit_of
from app.db.tables import ChangesetRow, CommitRow, PullRow

_COMMIT: Any = CommitRow.__table__.c  # type: ignore[attr-defined]  # SQLModel sets it
_PULL: Any = PullRow.__table__.c  # type: ignore[attr-defined]  # as above
_CHANGESET: Any = ChangesetRow.__table__.c  # type: ignore[attr-defined]  # as above

_MERGED: Final = re.compile(r"^Merge pull request #(\d{1,9})\b|\(#(\d{1,9})\)$")
"""What GitHub writes into the subject of a merge, and of a squashed one."""


class CommitStore:
    """Asks about commits that were processed."""

    def __init__(self, database: Database) -> None:
        """Read from `database`."""
        self._database = database

    async def between(
        self, source_id: str, old: str, new: str, limit: int = 100
    ) -> list[CommitRecord]:
        """Return the commits after `old` up to `new` as they were processed, newest first."""
        seqs = {
            row.sha: row.seq
            for row in await self._database.fetch(
                select(_COMMIT.sha, _COMMIT.seq).where(
                    _COMMIT.source_id == source_id, _COMMIT.sha.in_([old, new])
                )
            )
        }
        if len(seqs) < 2:
            return []
        low, high = sorted(seqs.values())
        query = select(CommitRow.__table__).where(  # type: ignore[attr-defined]  # as above
            _COMMIT.source_id == source_id, _COMMIT.seq > low, _COMMIT.seq <= high
        )
        rows = await self._database.fetch(query.order_by(_COMMIT.seq.desc()).limit(limit))
        return [commit_of(row) for row in rows]

    async def pulls(self, source_id: str, subjects: Mapping[str, str]) -> dict[str, int]:
        """Return commit -> number of its pull request; `subjects`: commit -> subject.

        The tables of pull requests and of changesets are asked, then the subject.
        """
        shas = list(subjects)
        found = {sha: number for sha, text in subjects.items() if (number := _told(text))}
        if not shas:
            return found
        for rows in (
            await self._changesets(source_id, shas),
            await self._merged(source_id, shas),
            await self._noted(source_id, shas),
        ):
            found |= dict(rows)
        return found

    async def _changesets(self, source_id: str, shas: Sequence[str]) -> Iterable[tuple[str, int]]:
        query = select(_CHANGESET.commit_sha, _CHANGESET.merged_sha, _CHANGESET.pull_number).where(
            _CHANGESET.source_id == source_id,
            _CHANGESET.pull_number.is_not(None),
            _CHANGESET.commit_sha.in_(shas) | _CHANGESET.merged_sha.in_(shas),
        )
        rows = await self._database.fetch(query)
        pairs = [(sha, row.pull_number) for row in rows for sha in (row.commit_sha, row.merged_sha)]
        return [(sha, number) for sha, number in pairs if sha in shas]

    async def _merged(self, source_id: str, shas: Sequence[str]) -> Iterable[tuple[str, int]]:
        query = select(_PULL.merged_sha, _PULL.number).where(
            _PULL.source_id == source_id, _PULL.merged_sha.in_(shas)
        )
        return [(row.merged_sha, row.number) for row in await self._database.fetch(query)]

    async def _noted(self, source_id: str, shas: Sequence[str]) -> Iterable[tuple[str, int]]:
        query = select(_COMMIT.sha, _COMMIT.pull_number).where(
            _COMMIT.source_id == source_id,
            _COMMIT.sha.in_(shas),
            _COMMIT.pull_number.is_not(None),
        )
        return [(row.sha, row.pull_number) for row in await self._database.fetch(query)]


def _told(subject: str) -> int | None:
    found = _MERGED.search(subject.strip())
    return int(found.group(1) or found.group(2)) if found else None
