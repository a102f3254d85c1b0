"""Changesets on SQL: edits that become one commit, and what has become of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, not_, or_, select

from app.access import Reach
from app.db.database import Database
from app.db.reaching import within_reach
from app.db.revisions import pulls_write
from app.db.sql import Row, Write
from app.db.tables import ChangesetRow, DraftRow, PullJobRow
from app.errors import NotFound

_CHANGESET: Any = ChangesetRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_DRAFT: Any = DraftRow.__table__  # type: ignore[attr-defined]  # as above
_JOB: Any = PullJobRow.__table__  # type: ignore[attr-defined]  # as above

OPEN = ("COMMITTED", "PUSHED", "PR_OPEN", "CHECKS_FAILED", "CHECKS_PASSED", "CONFLICT", "MERGED")
"""States of a changeset that is on its way."""


class Viewer(NamedTuple):
    """Who looks for changesets: sees what lies within reach, and what is their own."""

    reach: Reach
    id: str
    """As whom they own changesets."""


@dataclass(frozen=True, slots=True)
class Changeset:
    """Edits that become one commit, and usually a pull request. Times are µs since the epoch."""

    id: str
    source_id: str
    tenant: str
    title: str
    owner: str
    description: str = ""
    owner_email: str = ""
    kind: str = "edit"
    """edit | revert"""
    state: str = "DRAFT"
    """DRAFT | COMMITTED | PUSHED | PR_OPEN | CHECKS_FAILED | CHECKS_PASSED | MERGED | ACTIVE |
    CLOSED | CONFLICT | ABANDONED"""
    base_commit: str | None = None
    branch: str | None = None
    commit_sha: str | None = None
    pull_number: int | None = None
    pull_url: str | None = None
    error: str = ""
    created_at: int = 0
    updated_at: int = 0
    merged_sha: str | None = None
    """The commit of the followed branch that has it, where that is another one."""
    owner_id: str | None = None
    """Whose it is: names and addresses are what people choose for themselves."""
    reason: str | None = None
    """Why a revert was asked for."""

    @property
    def is_open(self) -> bool:
        """Whether it is on its way to the followed branch."""
        return self.state in OPEN

    @property
    def may_change(self) -> bool:
        """Whether a look at it can find another state: a closed pull request may be opened again.

        So may one whose branch is to be deleted still, and a draft whose commit was made: it may
        have been pushed before a crash.
        """
        if self.state == "DRAFT":
            return self.commit_sha is not None
        if self.state == "CLOSED":
            return self.pull_number is not None
        return self.is_open or (self.state == "ACTIVE" and self.branch is not None)


IN_GIT = ("MERGED", "ACTIVE")
"""States of a changeset that is on the followed branch."""
_NAMES = [each.name for each in fields(Changeset)]
_KEPT = {
    *("id", "source_id", "tenant", "owner", "owner_email", "owner_id", "kind", "created_at"),
    "reason",
}
_FORGET = "DELETE FROM changeset WHERE id = ? AND state = 'DRAFT'"
_SAVE = (
    f"INSERT INTO changeset ({', '.join(_NAMES)}) VALUES ({', '.join('?' * len(_NAMES))})"  # noqa: S608 - constants
    " ON CONFLICT (id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _NAMES if name not in _KEPT)
)


class ChangesetStore:
    """Changesets, those on their way and those that ended."""

    def __init__(self, database: Database) -> None:
        """Read from and write to `database`."""
        self._database = database
        self.heard: list[Callable[[Changeset], None]] = []
        """Who hears of every change of a changeset."""

    async def save(self, changeset: Changeset, *also: Write) -> Changeset:
        """Store a changeset as it is now, `also` what goes with it, and return it."""
        is_merged = changeset.pull_number is not None and changeset.state in IN_GIT
        noted = [pulls_write(changeset.source_id)] if is_merged else []
        await self._database.submit([changeset_write(changeset), *noted, *also])
        for hear in self.heard:
            hear(changeset)
        return changeset

    async def forget(self, changeset_id: str) -> None:
        """Forget a changeset of which nothing came into Git."""
        await self._database.submit([Write(_FORGET, [(changeset_id,)])])

    async def get(self, changeset_id: str) -> Changeset:
        """Return a changeset; raises `NotFound`."""
        query = select(_CHANGESET).where(_CHANGESET.c.id == changeset_id)
        rows = await self._database.fetch(query)
        if not rows:
            message = f"there is no changeset {changeset_id}"
            raise NotFound(message)
        return _changeset(rows[0])

    async def find(
        self,
        *,
        tenant: str | None = None,
        source_id: str | None = None,
        states: Sequence[str] = (),
        viewer: Viewer | None = None,
        limit: int = 100,
    ) -> list[Changeset]:
        """Return the newest changesets, newest first: all, of a tenant, a source, in states.

        For a `viewer` only those that they may see.
        """
        query = select(_CHANGESET).order_by(_CHANGESET.c.id.desc()).limit(limit)
        if tenant is not None:
            query = query.where(_CHANGESET.c.tenant == tenant)
        if source_id is not None:
            query = query.where(_CHANGESET.c.source_id == source_id)
        if states:
            query = query.where(_CHANGESET.c.state.in_(list(states)))
        if viewer is not None and not viewer.reach.everywhere:
            query = query.where(_seen_by(viewer))
        return [_changeset(row) for row in await self._database.fetch(query)]

    async def unfinished(self, source_id: str | None = None, limit: int = 200) -> list[Changeset]:
        """Return changesets that are on their way, or whose branch is still there; newest first.

        A draft whose commit was made may be on its way, too.
        """
        left = (_CHANGESET.c.state == "ACTIVE") & _CHANGESET.c.branch.is_not(None)
        begun = (_CHANGESET.c.state == "DRAFT") & _CHANGESET.c.commit_sha.is_not(None)
        query = select(_CHANGESET).where(_CHANGESET.c.state.in_(OPEN) | left | begun)
        if source_id is not None:
            query = query.where(_CHANGESET.c.source_id == source_id)
        rows = await self._database.fetch(query.order_by(_CHANGESET.c.id.desc()).limit(limit))
        return [_changeset(row) for row in rows]

    async def of_pull(self, source_id: str, number: int) -> list[Changeset]:
        """Return the changesets of a pull request, ended or not."""
        query = select(_CHANGESET).where(
            _CHANGESET.c.source_id == source_id, _CHANGESET.c.pull_number == number
        )
        return [_changeset(row) for row in await self._database.fetch(query)]

    async def of_commit(self, sha: str) -> Changeset | None:
        """Return the changeset that a commit was made for, by its id and by nothing else."""
        query = select(_CHANGESET).where(
            (_CHANGESET.c.commit_sha == sha) | (_CHANGESET.c.merged_sha == sha)
        )
        rows = await self._database.fetch(query.limit(1))
        return _changeset(rows[0]) if rows else None

    async def verdict(self, source_id: str, number: int, head: str) -> str | None:
        """Return the outcome of the last review of a pull request's head, None before it ends."""
        query = (
            select(_JOB.c.outcome)
            .where(_JOB.c.source_id == source_id, _JOB.c.number == number)
            .where(_JOB.c.head_sha == head, _JOB.c.state == "done")
            .order_by(_JOB.c.id.desc())
            .limit(1)
        )
        rows = await self._database.fetch(query)
        return str(rows[0].outcome) if rows else None


def changeset_write(changeset: Changeset) -> Write:
    """Return what stores a changeset, for the transaction of something larger."""
    return Write(_SAVE, [tuple(getattr(changeset, name) for name in _NAMES)])


def _changeset(row: Row) -> Changeset:
    return Changeset(**{name: getattr(row, name) for name in _NAMES})


def _seen_by(viewer: Viewer) -> ColumnElement[bool]:
    """Return the condition that a changeset is somebody's own, or edits only what they may see.

    Of one whose drafts are gone nobody knows any more what it edits.
    """
    table = _CHANGESET.c
    own = table.owner_id == viewer.id
    drafts = select(_DRAFT.c.id).where(_DRAFT.c.changeset_id == table.id)
    outside = drafts.where(not_(and_(*within_reach(_DRAFT.c.namespace, viewer.reach))))
    return or_(own, and_(drafts.exists(), not_(outside.exists())))
