"""What the gate of a source goes by, on SQL: decisions of people, and moves of the followed ref."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from sqlalchemy import func, select

from app.db.audit import AuditEntry, audit_write
from app.db.database import Database
from app.db.sql import Write
from app.db.tables import CommitRow, RefEventRow, SyncRunRow
from app.executions import execution_id

_RUN: Any = SyncRunRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_EVENT: Any = RefEventRow.__table__  # type: ignore[attr-defined]  # as above
_COMMIT: Any = CommitRow.__table__  # type: ignore[attr-defined]  # as above

UNJUDGED: Final = ""
"""A commit that is stored, but was not at the gate yet."""
WAITS: Final = "waits"
"""A commit that only a closed window keeps: it passes with what comes on top of it."""
HELD: Final = "held"
"""A commit that was held, or left behind unjudged: it passes by itself, or by what is approved."""
PASSED: Final = "passed"
"""A commit that passed once: for ever."""

_MARK = "UPDATE git_commit SET gate = ? WHERE source_id = ? AND sha = ? AND gate <> 'passed'"
_LET_NEW = "UPDATE git_commit SET gate = 'passed' WHERE source_id = ? AND gate = ''"
_DECIDE = "UPDATE sync_run SET decision = ?, decided_by = ?, decided_at = ? WHERE id = ?"
_ADD_EVENT = (
    "INSERT INTO ref_event (id, source_id, ref, old, new, forced, kept, at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)


class Decision(NamedTuple):
    """What somebody decided about a commit that was held. `at` is µs since the epoch."""

    run_id: str
    hold: str
    """What it was held for."""
    word: str
    """approved | rejected"""
    by: str
    at: int


@dataclass(frozen=True, slots=True)
class RefEvent:
    """A move of a followed ref. `kept` is the private ref that holds what was forced away."""

    source_id: str
    ref: str
    old: str | None
    new: str | None
    at: int
    forced: bool = False
    kept: str | None = None
    id: str = field(default_factory=execution_id)


def marks(source_id: str, word: str, commits: Iterable[str]) -> Write:
    """Return what notes what became of commits at the gate; what passed once has passed."""
    return Write(_MARK, [(word, source_id, each) for each in commits])


def new_pass(source_id: str) -> Write:
    """Return what notes that all commits passed that were not judged yet."""
    return Write(_LET_NEW, [(source_id,)])


class GateStore:
    """Decisions, moves of refs, and which commits passed."""

    def __init__(self, database: Database) -> None:
        """Read from and write to `database`."""
        self._database = database

    async def decide(self, run_id: str, word: str, entry: AuditEntry) -> None:
        """Note what somebody decided about the commit of a run, and that they did."""
        row = (word, entry.actor, entry.at, run_id)
        await self._database.submit([Write(_DECIDE, [row]), audit_write(entry)])

    async def decisions(self, source_id: str, commit: str) -> list[Decision]:
        """Return what was decided about a commit, the newest word first."""
        query = select(_RUN).where(
            _RUN.c.source_id == source_id, _RUN.c.new_commit == commit, _RUN.c.decision != ""
        )
        rows = await self._database.fetch(query.order_by(_RUN.c.decided_at.desc()))
        return [
            Decision(row.id, row.hold, row.decision, row.decided_by or "", row.decided_at or 0)
            for row in rows
        ]

    async def kept_out(self, source_id: str) -> dict[str, str]:
        """Return the commits of a source that did not pass (yet), each with its mark."""
        query = select(_COMMIT.c.sha, _COMMIT.c.gate).where(
            _COMMIT.c.source_id == source_id, _COMMIT.c.gate != PASSED
        )
        return {row.sha: row.gate for row in await self._database.fetch(query)}

    async def stopped(self, source_id: str) -> dict[str, str]:
        """Return the commits that their signature kept out, each with the last word about it."""
        query = select(_RUN.c.new_commit, _RUN.c.decision).where(
            _RUN.c.source_id == source_id, _RUN.c.hold == "SIGNATURE"
        )
        rows = await self._database.fetch(
            query.order_by(func.coalesce(_RUN.c.decided_at, 0), _RUN.c.id)
        )
        return {row.new_commit: row.decision for row in rows if row.new_commit}

    async def left_at(self, source_id: str, commit: str) -> str:
        """Return the id of the last move of the ref to another commit than this one, "" if none.

        Runs with a greater id were made since.
        """
        query = select(_EVENT.c.id).where(_EVENT.c.source_id == source_id, _EVENT.c.new != commit)
        rows = await self._database.fetch(query.order_by(_EVENT.c.id.desc()).limit(1))
        return rows[0].id if rows else ""

    async def note(self, event: RefEvent) -> None:
        """Note a move of a ref; one that was noted last already is not noted again."""
        last = await self.moves(event.source_id, limit=1)
        if last and (last[0].ref, last[0].new) == (event.ref, event.new):
            return
        row = (
            event.id,
            event.source_id,
            event.ref,
            event.old,
            event.new,
            int(event.forced),
            event.kept,
            event.at,
        )
        await self._database.submit([Write(_ADD_EVENT, [row])])

    async def moves(self, source_id: str, limit: int = 50) -> list[RefEvent]:
        """Return the moves of a source's ref, newest first."""
        query = select(_EVENT).where(_EVENT.c.source_id == source_id)
        rows = await self._database.fetch(query.order_by(_EVENT.c.id.desc()).limit(limit))
        return [
            RefEvent(
                row.source_id, row.ref, row.old, row.new, row.at, bool(row.forced), row.kept, row.id
            )
            for row in rows
        ]
