"""Sources, the runs of their sync loops and what was found wrong, on SQL."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import orjson
from sqlalchemy import select

from app.db.activation import ActivationStore
from app.db.audit import AuditEntry, audit_write
from app.db.changesets import ChangesetStore
from app.db.comparisons import ComparisonStore
from app.db.database import Database
from app.db.deliveries import DeliveryStore
from app.db.drafts import DraftStore
from app.db.gates import GateStore
from app.db.health import HealthStore
from app.db.keeping import KeepingStore
from app.db.leases import LeaseStore
from app.db.pins import PinStore
from app.db.records import Condition, Source, StoredFinding, SyncRun
from app.db.revisions import RevisionStore
from app.db.signatures import SignatureStore
from app.db.sql import Row, Write
from app.db.standing import StandingStore
from app.db.tables import FindingRow, SourceRow, SyncRunRow
from app.db.tenants import TenantStore
from app.db.watches import WatchStore
from app.errors import NotFound

_SOURCE: Any = SourceRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_RUN: Any = SyncRunRow.__table__  # type: ignore[attr-defined]  # as above
_FINDING: Any = FindingRow.__table__  # type: ignore[attr-defined]  # as above

_REGISTER = (
    "INSERT INTO source (id, tenant, url, ref, root, layout, edit_mode, atomic, spec, origin,"
    " parent, conditions) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '[]')"
    " ON CONFLICT (id) DO UPDATE SET spec = excluded.spec, origin = excluded.origin,"
    " parent = excluded.parent, tenant = excluded.tenant,"
    # One that was removed begins anew: nobody knows any more that it was suspended before.
    " suspended_at = CASE WHEN source.removed_at IS NULL THEN source.suspended_at END,"
    " removed_at = NULL,"
    " url = excluded.url, ref = excluded.ref, root = excluded.root,"
    " layout = excluded.layout, edit_mode = excluded.edit_mode, atomic = excluded.atomic"
)
_STATUS = "UPDATE source SET conditions = ?, last_seen = ?, last_sync_at = ? WHERE id = ?"
_CONDITIONS = "UPDATE source SET conditions = ? WHERE id = ?"
_SUSPEND = "UPDATE source SET suspended_at = ? WHERE id = ?"
_REMOVE = "UPDATE source SET removed_at = ? WHERE id = ?"
_RUN_SAVE = (
    "INSERT INTO sync_run (id, source_id, cause, outcome, reason, old_commit, new_commit,"
    " started_at, ended_at, phases, counts, hold) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (id) DO UPDATE SET outcome = excluded.outcome, reason = excluded.reason,"
    " old_commit = excluded.old_commit, new_commit = excluded.new_commit,"
    " ended_at = excluded.ended_at, phases = excluded.phases, counts = excluded.counts,"
    " hold = excluded.hold"
)
# What somebody decided about a commit holds as long as the commit does.
_RUN_FORGET = (
    "DELETE FROM sync_run WHERE source_id = ? AND id < ? AND ended_at IS NOT NULL AND decision = ''"
)


class SourceStore:
    """What is known of sources. Its parts keep revisions, activation, pins, deliveries, gates."""

    def __init__(self, database: Database) -> None:
        """Read from and write to `database`."""
        self._database = database
        self.revisions = RevisionStore(database)
        self.activation = ActivationStore(database)
        self.pins = PinStore(database)
        self.comparisons = ComparisonStore(database)
        self.health = HealthStore(database)
        self.standing = StandingStore(database)
        self.watches = WatchStore(database)
        self.deliveries = DeliveryStore(database)
        self.changesets = ChangesetStore(database)
        self.drafts = DraftStore(database)
        self.gates = GateStore(database)
        self.keeping = KeepingStore(database)
        self.leases = LeaseStore(database)
        self.signatures = SignatureStore(database)
        self.tenants = TenantStore(database)

    async def register(self, source: Source) -> Source:
        """Store how a source is set up, keep what is known of it, and return it."""
        row = (
            source.id,
            source.tenant,
            source.url,
            source.ref,
            source.root,
            source.layout,
            source.edit_mode,
            source.atomic,
            source.spec,
            source.origin,
            source.parent,
        )
        await self._database.submit([Write(_REGISTER, [row])])
        return await self.get(source.id)

    async def get(self, source_id: str) -> Source:
        """Return a source; raises `NotFound`."""
        rows = await self._database.fetch(select(_SOURCE).where(_SOURCE.c.id == source_id))
        if not rows:
            message = f"there is no source {source_id}"
            raise NotFound(message)
        return _source(rows[0])

    async def all(self) -> list[Source]:
        """Return all sources that were not removed, in order of id."""
        query = select(_SOURCE).where(_SOURCE.c.removed_at.is_(None)).order_by(_SOURCE.c.id)
        return [_source(row) for row in await self._database.fetch(query)]

    async def spec(self, source_id: str) -> str | None:
        """Return the stored settings of a source, None when it is new here, or was removed."""
        query = select(_SOURCE.c.spec).where(
            _SOURCE.c.id == source_id, _SOURCE.c.removed_at.is_(None)
        )
        rows = await self._database.fetch(query)
        return rows[0].spec if rows else None

    async def suspend(self, source_id: str, at: int | None, audit: AuditEntry) -> None:
        """Suspend a source since `at` µs, or resume it (None)."""
        await self._database.submit([Write(_SUSPEND, [(at, source_id)]), audit_write(audit)])

    async def remove(self, source_id: str, at: int, audit: AuditEntry) -> None:
        """Mark a source as removed: its commits, revisions and runs stay readable."""
        await self._database.submit([Write(_REMOVE, [(at, source_id)]), audit_write(audit)])

    async def save_status(
        self, source_id: str, conditions: Sequence[Condition], *, seen: str | None, at: int
    ) -> None:
        """Store the conditions of a source and what the last look at it found."""
        text = orjson.dumps([_condition_json(each) for each in conditions]).decode()
        await self._database.submit([Write(_STATUS, [(text, seen, at, source_id)])])

    def note_status(self, source_id: str, conditions: Sequence[Condition]) -> None:
        """Store the conditions of a source without waiting for it."""
        text = orjson.dumps([_condition_json(each) for each in conditions]).decode()
        self._database.submit([Write(_CONDITIONS, [(text, source_id)])])

    # -- runs ------------------------------------------------------------------------------------

    async def save_run(self, run: SyncRun) -> None:
        """Store a run, or what became of it."""
        row = (
            run.id,
            run.source_id,
            run.cause,
            run.outcome,
            run.reason,
            run.old_commit,
            run.new_commit,
            run.started_at,
            run.ended_at,
            orjson.dumps(dict(run.phases)).decode(),
            orjson.dumps(dict(run.counts)).decode(),
            run.hold,
        )
        await self._database.submit([Write(_RUN_SAVE, [row])])

    async def runs(self, source_id: str, limit: int = 50) -> list[SyncRun]:
        """Return the newest runs of a source, newest first."""
        query = select(_RUN).where(_RUN.c.source_id == source_id).order_by(_RUN.c.id.desc())
        return [_run(row) for row in await self._database.fetch(query.limit(limit))]

    async def run(self, run_id: str) -> SyncRun:
        """Return a run; raises `NotFound`."""
        rows = await self._database.fetch(select(_RUN).where(_RUN.c.id == run_id))
        if not rows:
            message = f"there is no sync run {run_id}"
            raise NotFound(message)
        return _run(rows[0])

    async def forget_runs(self, source_id: str, *, keep: int) -> None:
        """Delete all but the newest runs of a source."""
        query = select(_RUN.c.id).where(_RUN.c.source_id == source_id).order_by(_RUN.c.id.desc())
        rows = await self._database.fetch(query.offset(keep).limit(1))
        if rows:
            await self._database.submit([Write(_RUN_FORGET, [(source_id, rows[0].id)])])

    # -- findings --------------------------------------------------------------------------------

    async def findings(
        self, source_id: str, *, open_only: bool = True, limit: int | None = None
    ) -> list[StoredFinding]:
        """Return what was found wrong, by path and line; only what still is with `open_only`."""
        query = select(_FINDING).where(_FINDING.c.source_id == source_id)
        if open_only:
            query = query.where(_FINDING.c.resolved_at.is_(None))
        query = query.order_by(_FINDING.c.path, _FINDING.c.line, _FINDING.c.col, _FINDING.c.id)
        return [_finding(row) for row in await self._database.fetch(query.limit(limit))]


def _condition_json(condition: Condition) -> dict[str, Any]:
    record = asdict(condition)
    record["lastTransition"] = record.pop("last_transition")
    return record


def _conditions(text: str) -> Iterable[Condition]:
    for each in orjson.loads(text):
        yield Condition(
            each["type"], each["status"], each["reason"], each["message"], each["lastTransition"]
        )


def _source(row: Row) -> Source:
    return Source(
        id=row.id,
        tenant=row.tenant,
        url=row.url,
        ref=row.ref,
        root=row.root,
        layout=row.layout,
        edit_mode=row.edit_mode,
        atomic=row.atomic,
        conditions=tuple(_conditions(row.conditions)),
        last_seen=row.last_seen,
        last_attempted=row.last_attempted,
        last_applied=row.last_applied,
        last_sync_at=row.last_sync_at,
        spec=row.spec,
        origin=row.origin,
        parent=row.parent,
        suspended_at=row.suspended_at,
        last_passed=row.last_passed,
        turn=row.sync_turn or 0,
    )


def _run(row: Row) -> SyncRun:
    return SyncRun(
        id=row.id,
        source_id=row.source_id,
        cause=row.cause,
        started_at=row.started_at,
        outcome=row.outcome,
        reason=row.reason,
        old_commit=row.old_commit,
        new_commit=row.new_commit,
        ended_at=row.ended_at,
        phases=orjson.loads(row.phases),
        counts=orjson.loads(row.counts),
        hold=row.hold,
        decision=row.decision,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
    )


def _finding(row: Row) -> StoredFinding:
    return StoredFinding(
        id=row.id,
        source_id=row.source_id,
        run_id=row.run_id,
        commit=row.commit_sha,
        code=row.code,
        severity=row.severity,
        path=row.path,
        message=row.message,
        tenant=row.tenant,
        namespace=row.namespace,
        flow_id=row.flow_id,
        line=row.line,
        column=row.col,
        pointer=row.pointer,
        fix=row.fix,
        at=row.at,
        resolved_at=row.resolved_at,
    )
