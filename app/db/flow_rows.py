"""Queries for flows by revision, each with its commit, and their rows as values."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, and_, or_, select

from app.db.gates import PASSED
from app.db.sql import Row
from app.db.tables import ActiveFlowRow, CommitRow, FlowRevisionRow, PinRow, SnapshotRow
from app.ports import FlowRevision

REVISION: Any = FlowRevisionRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it
ACTIVE: Any = ActiveFlowRow.__table__  # type: ignore[attr-defined]  # as above
COMMIT: Any = CommitRow.__table__  # type: ignore[attr-defined]  # as above
PIN: Any = PinRow.__table__  # type: ignore[attr-defined]  # as above
_SNAPSHOT: Any = SnapshotRow.__table__  # type: ignore[attr-defined]  # as above


_COMMIT_COLUMNS = (
    COMMIT.c.author_name,
    COMMIT.c.author_email,
    COMMIT.c.authored_at,
    COMMIT.c.subject,
    COMMIT.c.signature,
    COMMIT.c.pull_number,
    COMMIT.c.gate,
)


def _same_commit(table: Any) -> Any:
    return (COMMIT.c.source_id == table.c.source_id) & (COMMIT.c.sha == table.c.commit_sha)


def revision_query() -> Select[Any]:
    """Return the query for revisions."""
    return select(REVISION, *_COMMIT_COLUMNS).outerjoin(COMMIT, _same_commit(REVISION))


def active_query() -> Select[Any]:
    """Return the query for what is active."""
    return select(ACTIVE, *_COMMIT_COLUMNS).outerjoin(COMMIT, _same_commit(ACTIVE))


def pin_query() -> Select[Any]:
    """Return the query for the revisions that flows are pinned to."""
    key = (
        (REVISION.c.tenant == PIN.c.tenant)
        & (REVISION.c.namespace == PIN.c.namespace)
        & (REVISION.c.flow_id == PIN.c.flow_id)
        & (REVISION.c.revision == PIN.c.revision)
    )
    joined = revision_query().add_columns(PIN.c.commit_sha.label("snapshot")).join(PIN, key)
    return joined.where(PIN.c.ended_at.is_(None))


def of_flow(query: Select[Any], table: Any, key: Sequence[str]) -> Select[Any]:
    """Return a query for one flow."""
    tenant, namespace, flow_id = key
    return query.where(
        table.c.tenant == tenant, table.c.namespace == namespace, table.c.flow_id == flow_id
    )


def until(commits: Sequence[Row]) -> Any:
    """Return the condition for revisions that a commit has, in whichever source it is."""
    return or_(
        *(
            and_(REVISION.c.source_id == each.source_id, REVISION.c.seq <= each.seq)
            for each in commits
        )
    )


def waiting_query(commits: Sequence[Row]) -> Select[Any]:
    """Return the query for the namespaces that a gate keeps at an earlier commit than these."""
    active = (COMMIT.c.source_id == _SNAPSHOT.c.source_id) & (
        COMMIT.c.sha == _SNAPSHOT.c.commit_sha
    )
    newer = (
        and_(_SNAPSHOT.c.source_id == each.source_id, COMMIT.c.seq < each.seq) for each in commits
    )
    return (
        select(_SNAPSHOT.c.source_id, _SNAPSHOT.c.tenant, _SNAPSHOT.c.namespace)
        .join(COMMIT, active)
        .where(_SNAPSHOT.c.state == "held", or_(*newer))
    )


def is_kept_out(row: Row) -> bool:
    """Return whether the commit of a row never passed the gate; one that is not known did."""
    return row.gate not in (None, PASSED)


def revision_of(row: Row, state: str | None = None) -> FlowRevision:
    """Return a row as a revision; of what is active the state is given.

    One that is over is held with its commit: though a later one took it over, its files never ran.
    """
    if state is None:
        state = "held" if row.state == "superseded" and is_kept_out(row) else row.state
    return FlowRevision(
        tenant=row.tenant,
        namespace=row.namespace,
        flow_id=row.flow_id,
        revision=row.revision,
        commit=row.commit_sha,
        blob=row.blob,
        path=row.path,
        source_id=row.source_id,
        kind=getattr(row, "kind", "commit"),
        state=state,
        author_name=row.author_name or "",
        author_email=row.author_email or "",
        authored_at=row.authored_at or 0,
        subject=row.subject or "",
        signature=row.signature or "",
        pull_number=row.pull_number,
        snapshot=getattr(row, "snapshot", "") or row.commit_sha,
        semantic=None if (known := getattr(row, "semantic", None)) is None else bool(known),
        renamed_from=getattr(row, "renamed_from", None),
    )
