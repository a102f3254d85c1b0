"""Pull requests and their reviews on SQL: the queue of reviews outlives the process."""

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any

import orjson
from sqlalchemy import select

from app.db.database import Database
from app.db.pull_records import Pull, Review
from app.db.revisions import pulls_write
from app.db.sql import Row, Write
from app.db.tables import PullJobRow, PullRow
from app.ports import PullRequest

_PULL: Any = PullRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_JOB: Any = PullJobRow.__table__  # type: ignore[attr-defined]  # as above

_SAVE = (
    "INSERT INTO pull (source_id, number, title, author, head_sha, head_ref, head_repo, base_ref,"
    " base_sha, state, draft, merged_sha, updated_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (source_id, number) DO UPDATE SET"
    " title = excluded.title, author = excluded.author, head_sha = excluded.head_sha,"
    " head_ref = excluded.head_ref, head_repo = excluded.head_repo, base_ref = excluded.base_ref,"
    " base_sha = excluded.base_sha, state = excluded.state, draft = excluded.draft,"
    " merged_sha = excluded.merged_sha, updated_at = excluded.updated_at"
)
_APPROVE = "UPDATE pull SET approved_sha = ? WHERE source_id = ? AND number = ?"
_COMMENT = "UPDATE pull SET comment_id = ? WHERE source_id = ? AND number = ?"
_CLOSE = "UPDATE pull SET state = 'closed', updated_at = ? WHERE source_id = ? AND number = ?"

# A merge group has no number: it stands in the way of none but a review of the same commit.
_SUPERSEDE = (
    "UPDATE pull_job SET state = 'superseded', ended_at = ? WHERE source_id = ? AND number = ?"
    " AND (number <> 0 OR head_sha = ?) AND state IN ('queued', 'running')"
)
_ADD = (
    "INSERT INTO pull_job (id, source_id, number, head_sha, base_sha, cause, state, outcome,"
    " merge_tree, findings, plan, tests, checks, error, created_at, ended_at, scope, touched)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_UPDATE = (
    "UPDATE pull_job SET base_sha = ?, state = ?, outcome = ?, merge_tree = ?, findings = ?,"
    " plan = ?, tests = ?, checks = ?, error = ?, ended_at = ?, scope = ?, touched = ?"
    " WHERE id = ? AND state IN ('queued', 'running')"
)
_DROP = (
    "UPDATE pull_job SET state = 'superseded', ended_at = ? WHERE id = ?"
    " AND state IN ('queued', 'running')"
)
_CHECKS = "UPDATE pull_job SET checks = ? WHERE id = ?"
_CLAIM = "UPDATE pull_job SET state = 'running' WHERE id = ? AND state = 'queued'"
_RELEASE = "UPDATE pull_job SET state = 'queued' WHERE id = ? AND state = 'running'"
_AGAIN = "UPDATE pull_job SET state = 'queued' WHERE source_id = ? AND state = 'running'"
_BEGIN = (
    "INSERT INTO pull_command (source_id, comment_id, place, begun_at) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (source_id, comment_id, place) DO NOTHING"
)
_UNBEGIN = "DELETE FROM pull_command WHERE source_id = ? AND comment_id = ? AND place = ?"
_FORGET_COMMANDS = "DELETE FROM pull_command WHERE begun_at < ?"
_FORGET = (
    "DELETE FROM pull_job WHERE created_at < ? AND state NOT IN ('queued', 'running') AND NOT"
    " EXISTS (SELECT 1 FROM pull WHERE pull.source_id = pull_job.source_id"
    " AND pull.number = pull_job.number AND pull.state = 'open')"
)


class PullStore:
    """Pull requests by source and number, and their reviews."""

    def __init__(self, database: Database) -> None:
        """Read from and write to `database`."""
        self._database = database
        self.heard: list[Callable[[Review], None]] = []
        """Who hears of reviews that ended."""

    async def save(self, source_id: str, pull: PullRequest, at: int) -> Pull:
        """Note what the forge tells of a pull request; what is ours of it stays."""
        row = (
            source_id,
            pull.number,
            pull.title,
            pull.author,
            pull.head_sha,
            pull.head_ref,
            pull.head_repo,
            pull.base_ref,
            pull.base_sha,
            pull.state,
            int(pull.draft),
            pull.merged_sha,
            at,
        )
        noted = [pulls_write(source_id)] if pull.merged_sha else []
        await self._database.submit([Write(_SAVE, [row]), *noted])
        found = await self.get(source_id, pull.number)
        assert found is not None  # noqa: S101 - just written
        return found

    async def get(self, source_id: str, number: int) -> Pull | None:
        """Return a pull request, None if it was never heard of."""
        found = await self.find(source_id, number=number)
        return found[0] if found else None

    async def find(
        self,
        source_id: str | None = None,
        *,
        state: str | None = None,
        number: int | None = None,
        head: str | None = None,
        limit: int = 1_000,
    ) -> list[Pull]:
        """Return pull requests, the highest numbers first; with `head` those of a commit."""
        wanted = {"source_id": source_id, "state": state, "number": number, "head_sha": head}
        query = select(_PULL).order_by(_PULL.c.number.desc(), _PULL.c.source_id).limit(limit)
        query = query.where(*(_PULL.c[k] == v for k, v in wanted.items() if v is not None))
        rows = await self._database.fetch(query)
        return [Pull(**{**row._asdict(), "draft": bool(row.draft)}) for row in rows]

    async def close(self, source_id: str, number: int, at: int) -> None:
        """Note that a pull request is no longer open."""
        await self._database.submit([Write(_CLOSE, [(at, source_id, number)])])

    async def approve(self, pull: Pull, sha: str) -> Pull:
        """Note that a head of a fork may be tested."""
        await self._database.submit([Write(_APPROVE, [(sha, pull.source_id, pull.number)])])
        return replace(pull, approved_sha=sha)

    async def note_comment(self, source_id: str, number: int, comment_id: str) -> None:
        """Remember which comment of a pull request is ours."""
        await self._database.submit([Write(_COMMENT, [(comment_id, source_id, number)])])

    # -- reviews ---------------------------------------------------------------------------------

    async def enqueue(self, review: Review) -> list[Review]:
        """Store a review to make; return those of the same pull request that it supersedes."""
        key = (review.source_id, review.number, review.head_sha)
        before = [
            each
            for each in await self.reviews(*key[:2], states=("queued", "running"))
            if review.number or each.head_sha == review.head_sha
        ]
        supersede = Write(_SUPERSEDE, [(review.created_at, *key)])
        await self._database.submit([supersede, Write(_ADD, [_values(review)])])
        return before

    async def withdraw(self, review: Review, at: int) -> None:
        """Note that nobody needs a review, nor others of the same pull request, any more."""
        row = (at, review.source_id, review.number, review.head_sha)
        await self._database.submit([Write(_SUPERSEDE, [row])])

    async def drop(self, review: Review, at: int) -> None:
        """Note that one review is not needed any more."""
        await self._database.submit([Write(_DROP, [(at, review.id)])])

    async def next(self, source_id: str) -> Review | None:
        """Return the review of a source that waits longest."""
        query = select(_JOB).where(_JOB.c.source_id == source_id, _JOB.c.state == "queued")
        rows = await self._database.fetch(query.order_by(_JOB.c.created_at, _JOB.c.id).limit(1))
        return _review(rows[0]) if rows else None

    async def claim(self, review: Review) -> bool:
        """Take a review that waits; return False when somebody else has it, or nobody needs it."""
        return sum(await self._database.submit([Write(_CLAIM, [(review.id,)])])) > 0

    async def release(self, review: Review) -> None:
        """Put a review that was taken back into the queue."""
        await self._database.submit([Write(_RELEASE, [(review.id,)])])

    async def update(self, review: Review) -> bool:
        """Store what became of a review; return False when it was superseded in the meantime."""
        row = (
            review.base_sha,
            review.state,
            review.outcome,
            review.merge_tree,
            _json(review.findings),
            _json(review.plan),
            _json(review.tests),
            _json(review.checks),
            review.error,
            review.ended_at,
            review.scope,
            _json(review.touched),
            review.id,
        )
        is_stored = sum(await self._database.submit([Write(_UPDATE, [row])])) > 0
        if is_stored and review.state == "done":
            for hear in self.heard:
                hear(review)
        return is_stored

    async def note_checks(self, review: Review) -> None:
        """Remember the ids of checks, whatever became of the review."""
        await self._database.submit([Write(_CHECKS, [(_json(review.checks), review.id)])])

    async def take_up(self, source_id: str) -> None:
        """Put reviews back into the queue that an earlier process did not finish."""
        await self._database.submit([Write(_AGAIN, [(source_id,)])])

    async def reviews(
        self,
        source_id: str,
        number: int,
        *,
        states: Sequence[str] = (),
        head: str | None = None,
        limit: int = 50,
    ) -> list[Review]:
        """Return the reviews of a pull request, newest first."""
        query = select(_JOB).where(_JOB.c.source_id == source_id, _JOB.c.number == number)
        if states:
            query = query.where(_JOB.c.state.in_(states))
        if head is not None:
            query = query.where(_JOB.c.head_sha == head)
        query = query.order_by(_JOB.c.created_at.desc(), _JOB.c.id.desc()).limit(limit)
        return [_review(row) for row in await self._database.fetch(query)]

    async def forget(self, before: int) -> None:
        """Delete reviews older than a time (µs) of what is no longer open, and old commands."""
        writes = [Write(_FORGET, [(before,)]), Write(_FORGET_COMMANDS, [(before,)])]
        await self._database.submit(writes)

    # -- commands --------------------------------------------------------------------------------

    async def begin_command(self, source_id: str, comment_id: str, place: int, at: int) -> bool:
        """Note that a command of a comment is being done; return False when it was begun before."""
        row = (source_id, comment_id, place, at)
        return sum(await self._database.submit([Write(_BEGIN, [row])])) > 0

    async def release_command(self, source_id: str, comment_id: str, place: int) -> None:
        """Note that a command could not be done yet."""
        await self._database.submit([Write(_UNBEGIN, [(source_id, comment_id, place)])])


_JSON = frozenset({"findings", "plan", "tests", "checks", "touched"})
_ORDER = tuple(_ADD[_ADD.index("(") + 1 : _ADD.index(")")].replace(",", "").split())


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _values(review: Review) -> tuple[Any, ...]:
    values = ((name, getattr(review, name)) for name in _ORDER)
    return tuple(_json(value) if name in _JSON else value for name, value in values)


def _review(row: Row) -> Review:
    names = {each.name for each in fields(Review)}
    values = {name: value for name, value in row._asdict().items() if name in names}
    return Review(**values | {name: orjson.loads(values[name]) for name in _JSON})
