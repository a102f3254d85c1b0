"""Activation: the one transaction that makes a commit what runs, wherever it is valid."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from app.db.audit import AuditEntry, flow_write
from app.db.carrying import Rename, carrying
from app.db.database import Database
from app.db.records import ActiveFlow, FlowKey, Snapshot, StoredFinding
from app.db.sql import Row, Write
from app.db.tables import ActiveFlowRow, FlowRevisionRow, SnapshotRow
from app.executions import execution_id

_ACTIVE: Any = ActiveFlowRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_REVISION: Any = FlowRevisionRow.__table__  # type: ignore[attr-defined]  # as above
_SNAPSHOT: Any = SnapshotRow.__table__  # type: ignore[attr-defined]  # as above

_NARROW = 100

_SAVE_ACTIVE = (
    "INSERT INTO active_flow (tenant, namespace, flow_id, source_id, revision, commit_sha,"
    " snapshot, blob, path, deleted, labels, description, disabled, updated_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (tenant, namespace, flow_id) DO UPDATE SET source_id = excluded.source_id,"
    " revision = excluded.revision, commit_sha = excluded.commit_sha,"
    " snapshot = excluded.snapshot, blob = excluded.blob, path = excluded.path,"
    " deleted = excluded.deleted, labels = excluded.labels,"
    " description = excluded.description, disabled = excluded.disabled,"
    " updated_at = excluded.updated_at"
)
_MOVE_SNAPSHOTS = (
    "UPDATE active_flow SET snapshot = ? WHERE source_id = ? AND tenant = ? AND namespace = ?"
)
_RELEASE = (
    "UPDATE flow_revision SET state = 'superseded' WHERE source_id = ? AND tenant = ?"
    " AND namespace = ? AND commit_sha = ? AND state = 'held'"
)
# What lies below a tip that is held waits with it, also what the tip has changed once more. Of a
# flow that runs, what is newer than that never passed the gate.
_HOLD = (
    "UPDATE flow_revision SET state = 'held' WHERE source_id = ? AND state = 'superseded'"
    " AND revision > COALESCE((SELECT a.revision FROM active_flow AS a"
    " WHERE a.tenant = flow_revision.tenant AND a.namespace = flow_revision.namespace"
    " AND a.flow_id = flow_revision.flow_id), 0)"
)
_REVISION_STATE = (
    "UPDATE flow_revision SET state = ? WHERE tenant = ? AND namespace = ? AND flow_id = ?"
    " AND revision = ? AND state <> 'redacted'"
)
_SAVE_SNAPSHOT = (
    "INSERT INTO namespace_snapshot (source_id, tenant, namespace, commit_sha, tree, state)"
    " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (source_id, tenant, namespace) DO UPDATE SET"
    " commit_sha = excluded.commit_sha, tree = excluded.tree, state = excluded.state"
)
_ADD_FINDING = (
    "INSERT INTO finding (id, source_id, run_id, commit_sha, tenant, namespace, flow_id, code,"
    " severity, path, line, col, pointer, message, fix, at, resolved_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)"
)
_RESOLVE_FINDING = "UPDATE finding SET resolved_at = ? WHERE id = ?"
# A pin ends with the flow, or when the flow becomes another one than the quarantined (until:
# changed), or when the revert of a rollback is active. Decided by the database: a pin may have been
# made while the plan was.
_END_PINS = (
    "UPDATE pin SET ended_at = ?, ended_by = CASE WHEN EXISTS"
    " (SELECT 1 FROM active_flow AS b WHERE b.tenant = pin.tenant"
    " AND b.namespace = pin.namespace AND b.flow_id = pin.flow_id AND b.deleted = 0"
    " AND b.blob = pin.blob AND b.blob <> pin.quarantined)"
    " THEN CAST(? AS TEXT) ELSE CAST(? AS TEXT) END WHERE ended_at IS NULL AND EXISTS"
    " (SELECT 1 FROM active_flow AS a WHERE a.tenant = pin.tenant"
    " AND a.namespace = pin.namespace AND a.flow_id = pin.flow_id AND a.source_id = ?"
    " AND (a.deleted = 1 OR (pin.until = 'changed' AND a.blob <> pin.quarantined)"
    " OR (pin.changeset_id IS NOT NULL AND a.blob = pin.blob AND a.blob <> pin.quarantined)))"
)
_AUDIT_PINS = (
    "INSERT INTO audit (id, tenant, at, actor, action, target, reason, detail)"
    " SELECT CAST(? AS TEXT) || pin.id, pin.tenant, pin.ended_at, 'system',"
    " CASE WHEN pin.ended_by LIKE 'reconciled%' THEN 'pin.reconciled' ELSE 'pin.ended' END,"
    " 'flow/' || pin.namespace || '.' || pin.flow_id, pin.ended_by,"
    " '{\"pin\":\"' || pin.id || '\"}'"
    " FROM pin WHERE pin.ended_at = ? AND pin.ended_by IN (?, ?)"
)
_APPLIED = "UPDATE source SET last_applied = ? WHERE id = ?"
_PASSED = "UPDATE source SET last_passed = ? WHERE id = ?"


@dataclass(slots=True)
class Activation:
    """Everything that changes when a commit becomes active."""

    source_id: str
    at: int
    applied: str | None = None
    """The commit, None when nothing of it becomes active."""
    holds: bool = False
    """Whether nothing of the tip may become active."""
    moved: list[Snapshot] = field(default_factory=list)
    """Namespaces that go to the commit, or are gone there."""
    released: list[tuple[str, str, str]] = field(default_factory=list)
    """Tenants, namespaces and commits whose revisions wait no longer."""
    stayed: list[Snapshot] = field(default_factory=list)
    """Namespaces that stay where they are, with their new state."""
    flows: list[ActiveFlow] = field(default_factory=list)
    states: list[tuple[FlowKey, int, str]] = field(default_factory=list)
    """Flow, revision, its new state; later ones win."""
    findings: list[StoredFinding] = field(default_factory=list)
    resolved: list[str] = field(default_factory=list)
    renames: list[Rename] = field(default_factory=list)
    """Flows that take along what the ones they were had."""
    passed: str | None = None
    """`ref@commit`, where the gate let a commit through that it had not seen before."""
    also: Sequence[Write] = ()
    """What else changes with it."""
    guard: Sequence[Write] = ()
    """What is written first: when it is refused, all of it is."""
    reason: str = ""
    """What is told of pins that end by it, where it is no commit that ends them."""

    @property
    def is_news(self) -> bool:
        """Whether anything of it is another one than before."""
        news = (self.moved, self.flows, self.findings, self.resolved, self.passed, self.also)
        return any(news)


class ActivationStore:
    """What is active, by flow and by namespace."""

    def __init__(self, database: Database) -> None:
        """Read from and write to `database`."""
        self._database = database

    async def flows(
        self, source_id: str, namespaces: Collection[tuple[str, str]] | None = None
    ) -> dict[FlowKey, ActiveFlow]:
        """Return what is active of a source's flows, tombstones too; of some namespaces or all."""
        query = select(_ACTIVE).where(_ACTIVE.c.source_id == source_id)
        if namespaces is not None and len(namespaces) <= _NARROW:
            query = query.where(
                _ACTIVE.c.tenant.in_(sorted({tenant for tenant, _ in namespaces})),
                _ACTIVE.c.namespace.in_(sorted({namespace for _, namespace in namespaces})),
            )
        found = [_active(row) for row in await self._database.fetch(query)]
        return {each.key: each for each in found}

    async def snapshots(self, source_id: str) -> dict[tuple[str, str], Snapshot]:
        """Return (tenant, namespace) -> what is active there."""
        query = select(_SNAPSHOT).where(_SNAPSHOT.c.source_id == source_id)
        rows = await self._database.fetch(query)
        return {(row.tenant, row.namespace): _snapshot(row) for row in rows}

    async def snapshot(self, source_id: str, tenant: str, namespace: str) -> Snapshot | None:
        """Return what is active in one namespace, None if nothing ever was."""
        query = select(_SNAPSHOT).where(
            _SNAPSHOT.c.source_id == source_id,
            _SNAPSHOT.c.tenant == tenant,
            _SNAPSHOT.c.namespace == namespace,
        )
        rows = await self._database.fetch(query)
        return _snapshot(rows[0]) if rows else None

    async def holder(self, tenant: str, namespace: str) -> str | None:
        """Return the source that has something active in a namespace, None if none has."""
        query = select(_SNAPSHOT.c.source_id).where(
            _SNAPSHOT.c.tenant == tenant,
            _SNAPSHOT.c.namespace == namespace,
            _SNAPSHOT.c.tree != "",
        )
        rows = await self._database.fetch(query.order_by(_SNAPSHOT.c.source_id).limit(1))
        return rows[0].source_id if rows else None

    async def held(self, source_id: str) -> list[tuple[str, str, str]]:
        """Return the tenants, namespaces and commits of a source's revisions that are held."""
        columns = (_REVISION.c.tenant, _REVISION.c.namespace, _REVISION.c.commit_sha)
        query = select(*columns).where(
            _REVISION.c.source_id == source_id, _REVISION.c.state == "held"
        )
        rows = await self._database.fetch(query.distinct())
        return [(row.tenant, row.namespace, row.commit_sha) for row in rows]

    async def activate(self, activation: Activation) -> None:
        """Write all of it in one transaction."""
        await self._database.submit([write for write in _writes(activation) if write.rows])


def _writes(new: Activation) -> Sequence[Write]:
    source, at = new.source_id, new.at
    return [
        *new.guard,
        Write(_RELEASE, [(source, *each) for each in new.released]),
        Write(_SAVE_ACTIVE, [_active_row(source, each, at) for each in new.flows]),
        Write(
            _MOVE_SNAPSHOTS,
            [(each.commit, source, each.tenant, each.namespace) for each in new.moved],
        ),
        Write(_HOLD, [(source,)] if new.holds else []),
        Write(_REVISION_STATE, [(state, *key, revision) for key, revision, state in new.states]),
        *carrying(new.renames),
        Write(_SAVE_SNAPSHOT, [(source, *each) for each in (*new.moved, *new.stayed)]),
        Write(_ADD_FINDING, [_finding_row(each) for each in new.findings]),
        Write(_RESOLVE_FINDING, [(at, each) for each in new.resolved]),
        *(_end_pins(new) if new.flows else ()),
        *new.also,
        *_told(new),
        Write(_APPLIED, [(new.applied, source)] if new.applied else []),
        Write(_PASSED, [(new.passed, source)] if new.passed else []),
    ]


def _told(new: Activation) -> Sequence[Write]:
    """Return what tells the audit logs of the tenants which commit their namespaces are at."""
    by_tenant: dict[str, list[str]] = {}
    for each in new.moved:
        by_tenant.setdefault(each.tenant, []).append(each.namespace)
    return [
        flow_write(
            AuditEntry(
                tenant=tenant,
                at=new.at,
                actor="system",
                action="commit.activate",
                target=f"commit/{new.applied or new.moved[0].commit}",
                reason=new.reason,
                detail={"source": new.source_id, "namespaces": sorted(namespaces)[:_NARROW]},
            )
        )
        for tenant, namespaces in by_tenant.items()
    ]


def _end_pins(new: Activation) -> Sequence[Write]:
    commit = new.applied or (new.moved[0].commit if new.moved else "")
    why = f"reconciled by commit {commit}", new.reason or f"commit {commit}"
    return (
        Write(_END_PINS, [(new.at, *why, new.source_id)]),
        Write(_AUDIT_PINS, [(execution_id(), new.at, *why)]),
    )


def _snapshot(row: Row) -> Snapshot:
    return Snapshot(row.tenant, row.namespace, row.commit_sha, row.tree, row.state)


def _active(row: Row) -> ActiveFlow:
    return ActiveFlow(
        key=(row.tenant, row.namespace, row.flow_id),
        revision=row.revision,
        commit=row.commit_sha,
        snapshot=row.snapshot,
        blob=row.blob,
        path=row.path,
        deleted=bool(row.deleted),
        labels=row.labels,
        description=row.description,
        disabled=bool(row.disabled),
    )


def _active_row(source_id: str, flow: ActiveFlow, at: int) -> tuple[Any, ...]:
    return (
        *flow.key,
        source_id,
        flow.revision,
        flow.commit,
        flow.snapshot,
        flow.blob,
        flow.path,
        int(flow.deleted),
        flow.labels,
        flow.description,
        int(flow.disabled),
        at,
    )


def _finding_row(finding: StoredFinding) -> tuple[Any, ...]:
    return (
        finding.id,
        finding.source_id,
        finding.run_id,
        finding.commit,
        finding.tenant,
        finding.namespace,
        finding.flow_id,
        finding.code,
        finding.severity,
        finding.path,
        finding.line,
        finding.column,
        finding.pointer,
        finding.message,
        finding.fix,
        finding.at,
    )
