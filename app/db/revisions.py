"""The index of flow revisions and the commits that made them, on SQL. Append-only."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from sqlalchemy import and_, func, select

from app.db.database import Database
from app.db.records import CommitRecord, FileMove, FlowKey, Head, NewRevision, PathMove
from app.db.sql import Row, Write
from app.db.tables import BlobRow, CommitRow, FlowRevisionRow, PathRow, SourceRow

_REVISION: Any = FlowRevisionRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_COMMIT: Any = CommitRow.__table__  # type: ignore[attr-defined]  # as above
_SOURCE: Any = SourceRow.__table__  # type: ignore[attr-defined]  # as above
_PATH: Any = PathRow.__table__  # type: ignore[attr-defined]  # as above
_BLOB: Any = BlobRow.__table__  # type: ignore[attr-defined]  # as above

_ADD_BLOB = "INSERT INTO blob (oid, data) VALUES (?, ?) ON CONFLICT (oid) DO NOTHING"
# What was redacted does not come back with the next commit, or copy, that holds it.
_STAY_REDACTED = "DELETE FROM blob WHERE oid IN (SELECT oid FROM redacted)"
_ADD_COMMIT = (
    "INSERT INTO git_commit (source_id, sha, seq, first_parent, author_name, author_email,"
    " authored_at, committer_name, committed_at, subject) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (source_id, sha) DO NOTHING"
)
_ADD_REVISION = (
    "INSERT INTO flow_revision (tenant, namespace, flow_id, revision, source_id, commit_sha, blob,"
    " path, kind, state, incarnation, at, seq, renamed_from)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, CASE WHEN EXISTS (SELECT 1 FROM redacted WHERE oid = ?)"
    " THEN 'redacted' ELSE 'superseded' END, ?, ?, ?, ?)"
)
_ADD_PATH = (
    "INSERT INTO path_history (tenant, namespace, flow_id, seq, source_id, path, commit_sha)"
    " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, namespace, flow_id, seq)"
    " DO UPDATE SET source_id = excluded.source_id, path = excluded.path,"
    " commit_sha = excluded.commit_sha"
)
_ATTEMPTED = "UPDATE source SET last_attempted = ? WHERE id = ?"


# Which pull requests were merged is known before, or after, their commits are processed.
_NOTE_PULLS = """
    UPDATE git_commit SET pull_number = COALESCE(
        (SELECT MIN(number) FROM pull
            WHERE pull.source_id = git_commit.source_id AND pull.merged_sha = git_commit.sha),
        (SELECT MIN(pull_number) FROM changeset
            WHERE changeset.source_id = git_commit.source_id
            AND (changeset.merged_sha = git_commit.sha OR changeset.commit_sha = git_commit.sha)))
    WHERE source_id = ? AND pull_number IS NULL AND sha IN (
        SELECT merged_sha FROM pull WHERE source_id = ? AND merged_sha IS NOT NULL
        UNION SELECT merged_sha FROM changeset
            WHERE source_id = ? AND merged_sha IS NOT NULL AND pull_number IS NOT NULL
        UNION SELECT commit_sha FROM changeset
            WHERE source_id = ? AND commit_sha IS NOT NULL AND pull_number IS NOT NULL)
"""


def pulls_write(source_id: str) -> Write:
    """Return what notes at its commits which pull request brought them."""
    return Write(_NOTE_PULLS, [(source_id,) * 4])


class RevisionStore:
    """Revisions, commits and the bytes of flow sources."""

    def __init__(self, database: Database) -> None:
        """Read from and write to `database`."""
        self._database = database

    async def heads(self, source_id: str) -> dict[FlowKey, Head]:
        """Return the newest revision of every flow that a source ever had."""
        newest = (
            select(
                _REVISION.c.tenant,
                _REVISION.c.namespace,
                _REVISION.c.flow_id,
                func.max(_REVISION.c.revision).label("revision"),
            )
            .where(_REVISION.c.source_id == source_id)
            .group_by(_REVISION.c.tenant, _REVISION.c.namespace, _REVISION.c.flow_id)
            .subquery()
        )
        same = and_(
            *(
                _REVISION.c[name] == newest.c[name]
                for name in ("tenant", "namespace", "flow_id", "revision")
            )
        )
        rows = await self._database.fetch(select(_REVISION).join(newest, same))
        return {(row.tenant, row.namespace, row.flow_id): _head(row) for row in rows}

    async def heads_elsewhere(self, source_id: str) -> dict[FlowKey, Head]:
        """Return the newest revisions that other sources made of their flows."""
        others = select(_SOURCE.c.id).where(_SOURCE.c.id != source_id)
        found: dict[FlowKey, Head] = {}
        for row in await self._database.fetch(others):
            for key, head in (await self.heads(row.id)).items():
                if key not in found or found[key].revision < head.revision:
                    found[key] = head
        return found

    async def known_commits(self, source_id: str) -> set[str]:
        """Return the ids of the commits that were processed."""
        query = select(_COMMIT.c.sha).where(_COMMIT.c.source_id == source_id)
        return {row.sha for row in await self._database.fetch(query)}

    async def last_seq(self, source_id: str) -> int:
        """Return the last place that a commit or a revision took, 0 before the first."""
        last = 0
        for table in (_COMMIT, _REVISION):
            query = select(func.max(table.c.seq)).where(table.c.source_id == source_id)
            last = max(last, (await self._database.fetch(query))[0][0] or 0)
        return last

    async def commits(
        self,
        source_id: str,
        *,
        flow: FlowKey | None = None,
        path: str | None = None,
        limit: int = 100,
    ) -> list[CommitRecord]:
        """Return commits, newest first: all, or those that made a revision of a flow or path."""
        query = select(_COMMIT).where(_COMMIT.c.source_id == source_id)
        if flow is not None or path is not None:
            made = select(_REVISION.c.commit_sha).where(_REVISION.c.source_id == source_id)
            if flow is not None:
                names = ("tenant", "namespace", "flow_id")
                made = made.where(*(_REVISION.c[n] == v for n, v in zip(names, flow, strict=True)))
            if path is not None:
                below = _REVISION.c.path.startswith(path.rstrip("/") + "/", autoescape=True)
                made = made.where((_REVISION.c.path == path) | below)
            query = query.where(_COMMIT.c.sha.in_(made))
        rows = await self._database.fetch(query.order_by(_COMMIT.c.seq.desc()).limit(limit))
        return [commit_of(row) for row in rows]

    async def paths(self, key: FlowKey) -> list[PathMove]:
        """Return where the file of a flow was, oldest first."""
        names = zip(("tenant", "namespace", "flow_id"), key, strict=True)
        query = select(_PATH).where(*(_PATH.c[name] == value for name, value in names))
        rows = await self._database.fetch(query.order_by(_PATH.c.seq))
        return [PathMove(key, row.seq, row.path, row.commit_sha) for row in rows]

    async def file_moves(self, key: FlowKey) -> list[FileMove]:
        """Return how the file of a flow was moved, oldest first; where it began is none."""
        made = (_COMMIT.c.source_id == _PATH.c.source_id) & (_COMMIT.c.sha == _PATH.c.commit_sha)
        names = zip(("tenant", "namespace", "flow_id"), key, strict=True)
        query = (
            select(_PATH, _COMMIT.c.author_name, _COMMIT.c.authored_at, _COMMIT.c.subject)
            .outerjoin(_COMMIT, made)
            .where(*(_PATH.c[name] == value for name, value in names))
        )
        rows = await self._database.fetch(query.order_by(_PATH.c.seq))
        return [
            FileMove(
                old.path, new.path, new.commit_sha,
                new.author_name or "", new.authored_at or 0, new.subject or "",
            )
            for old, new in pairwise(rows)
            if old.path != new.path and old.source_id == new.source_id
        ]  # fmt: skip

    async def add_blobs(self, blobs: Sequence[tuple[str, bytes]]) -> None:
        """Store packed sources by object id; those that are there stay as they are."""
        if blobs:
            await self._database.submit([Write(_ADD_BLOB, blobs), Write(_STAY_REDACTED, [()])])

    async def add(
        self,
        source_id: str,
        commits: Iterable[CommitRecord],
        revisions: Iterable[NewRevision],
        *,
        attempted: str,
        at: int,
        paths: Iterable[PathMove] = (),
        guard: Sequence[Write] = (),
    ) -> None:
        """Append commits, revisions and paths and note how far the index is, in one transaction.

        `guard` is written first: what it refuses is not written.
        """
        added = [_commit_row(each) for each in commits]
        writes = [
            *guard,
            Write(_ADD_COMMIT, added),
            *([pulls_write(source_id)] if added else ()),
            Write(_ADD_REVISION, [_revision_row(source_id, each, at) for each in revisions]),
            Write(_ADD_PATH, [_path_row(source_id, each) for each in paths]),
            Write(_ATTEMPTED, [(attempted, source_id)]),
        ]
        await self._database.submit([write for write in writes if write.rows])


def _head(row: Row) -> Head:
    return Head(
        row.revision,
        row.blob,
        row.path,
        row.kind == "delete",
        row.incarnation,
        row.commit_sha,
    )


def commit_of(row: Row) -> CommitRecord:
    """Return a row of `git_commit` as a value."""
    return CommitRecord(
        source_id=row.source_id,
        sha=row.sha,
        seq=row.seq,
        first_parent=row.first_parent,
        author_name=row.author_name,
        author_email=row.author_email,
        authored_at=row.authored_at,
        committer_name=row.committer_name,
        committed_at=row.committed_at,
        subject=row.subject,
    )


def _commit_row(commit: CommitRecord) -> tuple[Any, ...]:
    return (
        commit.source_id,
        commit.sha,
        commit.seq,
        commit.first_parent,
        commit.author_name,
        commit.author_email,
        commit.authored_at,
        commit.committer_name,
        commit.committed_at,
        commit.subject,
    )


def _revision_row(source_id: str, new: NewRevision, at: int) -> tuple[Any, ...]:
    return (
        *new.key,
        new.revision,
        source_id,
        new.commit,
        new.blob,
        new.path,
        new.kind,
        new.blob,
        new.incarnation,
        at,
        new.seq,
        new.renamed_from,
    )


def _path_row(source_id: str, move: PathMove) -> tuple[Any, ...]:
    return (*move.key, move.seq, source_id, move.path, move.commit)
