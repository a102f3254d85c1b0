"""The tables: one schema for SQLite and PostgreSQL.

Times are microseconds since the epoch (BIGINT); JSON is kept as text; ids and SHAs are text.
Definitions live in Git; what is kept here of them is an index and a content-addressed copy.
"""

from typing import ClassVar

from sqlalchemy import BigInteger, Column, Float, Index, Integer, LargeBinary, Text, text
from sqlmodel import Field, SQLModel

PARTIAL = "where"
"""Key of an index's `info`: the condition of a partial index.

The dialect's own argument would load the dialect of every database, used or not; `partial_indexes`
of a driver passes it on.
"""

# Conditions of partial indexes of executions; a query that names one literally uses its index.
# What is parked without a time, as a million pauses are, is in none of them.
MOVING = "open = 1 and parked = 0"
TIMED = "parked = 1 and wake_at is not null"
WAITING = "parked = 1 and state <> 'PAUSED' and state <> 'QUEUED' and state <> 'CREATED'"


def _big(*, nullable: bool = False) -> Column[int]:
    return Column(BigInteger, nullable=nullable)


class ExecutionRow(SQLModel, table=True):
    """An execution as lists and sweeps need it; the journal holds the truth."""

    __tablename__ = "execution"
    __table_args__: ClassVar = (
        Index("ix_execution_flow", "tenant", "namespace", "flow_id", "id"),
        Index("ix_execution_open", "id", info={PARTIAL: MOVING}),
        Index("ix_execution_wake", "wake_at", info={PARTIAL: TIMED}),
        Index("ix_execution_waiting", "id", info={PARTIAL: WAITING}),
        Index("ix_execution_parent", "parent_id", info={PARTIAL: "parent_id is not null"}),
        {"sqlite_with_rowid": False},
    )
    id: str = Field(primary_key=True)
    tenant: str
    namespace: str
    flow_id: str
    revision: int
    commit_sha: str
    blob: str
    state: str
    version: int
    created_at: int = Field(sa_column=_big())
    ended_at: int | None = Field(default=None, sa_column=_big(nullable=True))
    open: int = 1
    parked: int = 0
    wake_at: int | None = Field(default=None, sa_column=_big(nullable=True))
    parent_id: str | None = None
    original_id: str | None = None
    labels: str = "[]"
    trigger_type: str | None = None
    trigger_id: str | None = None


class JournalRow(SQLModel, table=True):
    """One transition of an execution or of a task run (contract D2)."""

    __tablename__ = "journal"
    __table_args__: ClassVar = ({"sqlite_with_rowid": False},)
    execution_id: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    kind: str
    path: str
    from_state: str | None = None
    to_state: str | None = None
    attempt: int = 0
    delivery: int = 0
    fence: int = Field(sa_column=_big())
    at: int = Field(sa_column=_big())
    data: str | None = Field(default=None, sa_column=Column(Text, nullable=True))


class LogRow(SQLModel, table=True):
    """One line of a task's log."""

    __tablename__ = "log"
    __table_args__: ClassVar = (Index("ix_log_at", "at"), {"sqlite_with_rowid": False})
    execution_id: str = Field(primary_key=True)
    seq: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    task_run_id: str
    task_id: str
    attempt: int
    level: int
    at: int = Field(sa_column=_big())
    message: str = Field(sa_column=Column(Text, nullable=False))


class MetricRow(SQLModel, table=True):
    """One figure that a task reported."""

    __tablename__ = "metric"
    __table_args__: ClassVar = ({"sqlite_with_rowid": False},)
    execution_id: str = Field(primary_key=True)
    seq: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    task_run_id: str
    task_id: str
    name: str
    kind: str
    value: float = Field(sa_column=Column(Float, nullable=False))
    at: int = Field(sa_column=_big())
    tags: str = "{}"


class KeptRow(SQLModel, table=True):
    """A deleted execution whose logs or metrics were kept: it says whose they are."""

    __tablename__ = "kept"
    __table_args__: ClassVar = (
        Index("ix_kept_flow", "tenant", "namespace", "flow_id", "id"),
        {"sqlite_with_rowid": False},
    )
    id: str = Field(primary_key=True)
    tenant: str
    namespace: str
    flow_id: str
    trigger_id: str | None = None
    deleted_at: int = Field(sa_column=_big())


class ClaimRow(SQLModel, table=True):
    """An idempotency key and the execution it made (contract D1; kept 24 hours)."""

    __tablename__ = "claim"
    tenant: str = Field(primary_key=True)
    scope: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    execution_id: str
    body_hash: str
    at: int = Field(sa_column=_big())


class KeyValueRow(SQLModel, table=True):
    """A key-value pair of a namespace; the value is JSON text, `kind` Kestra's type of it."""

    __tablename__ = "key_value"
    __table_args__: ClassVar = (
        Index("ix_key_value_expiry", "expires_at", info={PARTIAL: "expires_at is not null"}),
    )
    tenant: str = Field(primary_key=True)
    namespace: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    kind: str
    value: str = Field(sa_column=Column(Text, nullable=False))
    description: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    created_at: int = Field(sa_column=_big())
    updated_at: int = Field(sa_column=_big())
    expires_at: int | None = Field(default=None, sa_column=_big(nullable=True))


class SlotRow(SQLModel, table=True):
    """An execution of a flow with limited concurrency: it runs, or it queues."""

    __tablename__ = "slot"
    __table_args__: ClassVar = (
        Index("ix_slot_flow", "tenant", "namespace", "flow_id", "running", "at", "execution_id"),
        Index("ix_slot_running", "execution_id", info={PARTIAL: "running = 1"}),
    )
    execution_id: str = Field(primary_key=True)
    tenant: str
    namespace: str
    flow_id: str
    running: int = 0
    at: int = Field(sa_column=_big())
    """Since when it queues: the oldest is released first."""


class ConcurrencyRow(SQLModel, table=True):
    """How many executions of a flow hold a slot: updating it is the lock of the count."""

    __tablename__ = "concurrency"
    tenant: str = Field(primary_key=True)
    namespace: str = Field(primary_key=True)
    flow_id: str = Field(primary_key=True)
    running: int = 0
    most: int = 0
    """The limit, as the flow's current revision had it when it was last looked at."""


class TriggerRow(SQLModel, table=True):
    """The state of one trigger of a flow: when it fires next, and what it waits for."""

    __tablename__ = "trigger_state"
    __table_args__: ClassVar = (Index("ix_trigger_next", "next_at"),)
    tenant: str = Field(primary_key=True)
    namespace: str = Field(primary_key=True)
    flow_id: str = Field(primary_key=True)
    trigger_id: str = Field(primary_key=True)
    type: str
    fingerprint: str
    """Of the trigger's definition: a changed one gets its next date anew."""
    date: int | None = Field(default=None, sa_column=_big(nullable=True))
    """The planned time of the last fire."""
    next_at: int | None = Field(default=None, sa_column=_big(nullable=True))
    execution_id: str | None = None
    """The execution it started and waits for."""
    evaluating_at: int | None = Field(default=None, sa_column=_big(nullable=True))
    disabled: int = 0
    stop_after: str = "[]"
    backfill: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    listens: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    """Of a flow trigger: JSON of what it listens to, so that no flow is read to know it."""
    updated_at: int = Field(sa_column=_big())


class TriggerFlowRow(SQLModel, table=True):
    """The blob of a flow whose triggers are in `trigger_state`: another one is looked at anew."""

    __tablename__ = "trigger_flow"
    tenant: str = Field(primary_key=True)
    namespace: str = Field(primary_key=True)
    flow_id: str = Field(primary_key=True)
    blob: str


class UpstreamEventRow(SQLModel, table=True):
    """A state of an execution that flow triggers listen to and have not seen yet."""

    __tablename__ = "upstream_event"
    execution_id: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    """Of the execution: its number of events then."""
    state: str
    at: int = Field(sa_column=_big())


class WindowRow(SQLModel, table=True):
    """What the preconditions of a flow trigger remember within one window of time."""

    __tablename__ = "trigger_window"
    tenant: str = Field(primary_key=True)
    namespace: str = Field(primary_key=True)
    flow_id: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    """The id of the preconditions."""
    start_at: int = Field(sa_column=_big())
    end_at: int = Field(sa_column=_big())
    results: str = Field(default="{}", sa_column=Column(Text, nullable=False))
    """JSON: condition id → execution id."""
    outputs: str = Field(default="{}", sa_column=Column(Text, nullable=False))
    times: str = Field(default="{}", sa_column=Column(Text, nullable=False))
    """JSON: condition id → time (µs)."""
    fired: int = 0


class TaskCacheRow(SQLModel, table=True):
    """Outputs of a task run that may be used again (`taskCache`), by what was run."""

    __tablename__ = "task_cache"
    tenant: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    outputs: str = Field(sa_column=Column(Text, nullable=False))
    at: int = Field(sa_column=_big())
    expires_at: int | None = Field(default=None, sa_column=_big(nullable=True))


class NodeRow(SQLModel, table=True):
    """One start of a process; its epoch fences all earlier ones (contract D4, D5)."""

    __tablename__ = "node"
    epoch: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    started_at: int = Field(sa_column=_big())
    pid: int
    host: str


class SourceRow(SQLModel, table=True):
    """A repository (and branch, and root) that flows are synced from."""

    __tablename__ = "source"
    id: str = Field(primary_key=True)
    tenant: str
    url: str
    """Without credentials; empty for the repository that Headwater keeps itself."""
    ref: str
    root: str = ""
    layout: str = "native"
    edit_mode: str = "push"
    atomic: str = "namespace"
    conditions: str = "[]"
    """JSON list of {type, status, reason, message, lastTransition}, as Flux."""
    last_seen: str | None = None
    last_attempted: str | None = None
    last_applied: str | None = None
    last_sync_at: int | None = Field(default=None, sa_column=_big(nullable=True))


class CommitRow(SQLModel, table=True):
    """A commit of a source's first-parent history."""

    __tablename__ = "git_commit"
    source_id: str = Field(primary_key=True)
    sha: str = Field(primary_key=True)
    seq: int = Field(sa_column=_big())
    """Its place in the order they were processed, counted from 1."""
    first_parent: str | None = None
    author_name: str
    author_email: str
    authored_at: int = Field(sa_column=_big())
    committer_name: str
    committed_at: int = Field(sa_column=_big())
    subject: str


class BlobRow(SQLModel, table=True):
    """The bytes of a flow source by object id (zlib): old revisions outlive the mirror."""

    __tablename__ = "blob"
    oid: str = Field(primary_key=True)
    data: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class FlowRevisionRow(SQLModel, table=True):
    """A revision of a flow: append-only, never renumbered, never reused."""

    __tablename__ = "flow_revision"
    __table_args__: ClassVar = (Index("ix_flow_revision_commit", "source_id", "commit_sha"),)
    tenant: str = Field(primary_key=True)
    namespace: str = Field(primary_key=True)
    flow_id: str = Field(primary_key=True)
    revision: int = Field(primary_key=True)
    source_id: str
    commit_sha: str
    blob: str
    path: str
    kind: str = "commit"
    state: str = "superseded"
    incarnation: int = 1
    at: int = Field(sa_column=_big())
    seq: int = Field(sa_column=_big())
    """Its place among the commits as they were processed: see `git_commit.seq`."""


class ActiveFlowRow(SQLModel, table=True):
    """What runs now of each flow, before pins; `deleted` rows are tombstones."""

    __tablename__ = "active_flow"
    tenant: str = Field(primary_key=True)
    namespace: str = Field(primary_key=True)
    flow_id: str = Field(primary_key=True)
    source_id: str
    revision: int
    commit_sha: str
    """The commit that made this revision."""
    snapshot: str
    """The commit whose snapshot is active: what an execution pins."""
    blob: str
    path: str
    deleted: int = 0
    labels: str = "[]"
    description: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    disabled: int = 0
    updated_at: int = Field(sa_column=_big())


class SnapshotRow(SQLModel, table=True):
    """Which commit of a source is active in a namespace."""

    __tablename__ = "namespace_snapshot"
    source_id: str = Field(primary_key=True)
    tenant: str = Field(primary_key=True)
    namespace: str = Field(primary_key=True)
    commit_sha: str
    tree: str
    state: str = "active"
    """active | invalid (stays at an earlier commit) | held"""


class PinRow(SQLModel, table=True):
    """An operator's override: this flow runs at that revision until the pin ends."""

    __tablename__ = "pin"
    __table_args__: ClassVar = (Index("ix_pin_flow", "tenant", "namespace", "flow_id"),)
    id: str = Field(primary_key=True)
    tenant: str
    namespace: str
    flow_id: str
    revision: int
    commit_sha: str
    blob: str
    quarantined: str | None = None
    """The blob rolled back from; a pin `until: changed` ends at the first other one."""
    until: str = "changed"
    """changed | manual | an RFC 3339 time"""
    until_at: int | None = Field(default=None, sa_column=_big(nullable=True))
    reason: str = ""
    actor: str = ""
    created_at: int = Field(sa_column=_big())
    ended_at: int | None = Field(default=None, sa_column=_big(nullable=True))
    ended_by: str | None = None


class SyncRunRow(SQLModel, table=True):
    """One run of a source's sync loop."""

    __tablename__ = "sync_run"
    __table_args__: ClassVar = (Index("ix_sync_run_source", "source_id", "id"),)
    id: str = Field(primary_key=True)
    source_id: str
    cause: str
    """webhook | poll | manual | start | write"""
    outcome: str | None = None
    """NOOP | SYNCED | PARTIAL | REJECTED | HELD | FAILED | SUPERSEDED; null while it runs"""
    reason: str = ""
    old_commit: str | None = None
    new_commit: str | None = None
    started_at: int = Field(sa_column=_big())
    ended_at: int | None = Field(default=None, sa_column=_big(nullable=True))
    phases: str = "{}"
    """JSON: phase -> milliseconds"""
    counts: str = "{}"
    """JSON: added, changed, deleted, invalid, namespaces"""


class FindingRow(SQLModel, table=True):
    """Something wrong in a snapshot: what, where, and the way out."""

    __tablename__ = "finding"
    __table_args__: ClassVar = (Index("ix_finding_source", "source_id", "resolved_at"),)
    id: str = Field(primary_key=True)
    source_id: str
    run_id: str
    commit_sha: str
    tenant: str = ""
    namespace: str = ""
    flow_id: str = ""
    code: str
    severity: str
    path: str
    line: int = 0
    column_: int = Field(default=0, sa_column=Column("col", Integer, nullable=False))
    pointer: str = ""
    message: str = Field(sa_column=Column(Text, nullable=False))
    fix: str = ""
    at: int = Field(sa_column=_big())
    resolved_at: int | None = Field(default=None, sa_column=_big(nullable=True))


class DeliveryRow(SQLModel, table=True):
    """A webhook delivery (contract D8): stored before it is answered, kept 7 days."""

    __tablename__ = "webhook_delivery"
    provider: str = Field(primary_key=True)
    delivery_id: str = Field(primary_key=True)
    source_id: str
    event: str
    payload: str = Field(sa_column=Column(Text, nullable=False))
    state: str = "received"
    """received | done | ignored | failed"""
    received_at: int = Field(sa_column=_big())


metadata = SQLModel.metadata


def partial_indexes(dialect: str) -> None:
    """Make the partial indexes partial on this dialect (`sqlite` or `postgresql`)."""
    for table in metadata.tables.values():
        for index in table.indexes:
            if PARTIAL in index.info:
                index.dialect_options[dialect]["where"] = text(index.info[PARTIAL])
