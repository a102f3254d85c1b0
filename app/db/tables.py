"""The tables: one schema for SQLite and PostgreSQL.

Times are microseconds since the epoch (BIGINT); JSON is kept as text; ids and SHAs are text.
Definitions live in Git; what is kept here of them is an index and a content-addressed copy.
"""

from typing import ClassVar

from sqlalchemy import BigInteger, Column, Float, Index, Text, text
from sqlmodel import Field, SQLModel

from app.db.audit_tables import AnchorRow, AuditRow, SealRow, SegmentRow
from app.db.columns import PARTIAL, big
from app.db.git_tables import (
    ActiveFlowRow,
    BlobRow,
    CommitRow,
    DeliveryRow,
    FindingRow,
    FlowRevisionRow,
    KeepRow,
    PathRow,
    PinRow,
    RedactedRow,
    RefEventRow,
    SnapshotRow,
    SourceRow,
    SyncRunRow,
)
from app.db.member_tables import (
    AccessDocumentRow,
    BindingRow,
    GroupRow,
    MemberRow,
    MembershipRow,
    RoleRow,
    SessionRow,
    TokenRow,
)
from app.db.review_tables import (
    ChangesetRow,
    DraftRow,
    OverlayRow,
    PullCommandRow,
    PullJobRow,
    PullRow,
    SuiteRunRow,
    WatchRow,
)
from app.db.tenant_tables import TenantFileRow

__all__ = [
    "MOVING",
    "PARTIAL",
    "TIMED",
    "WAITING",
    "AccessDocumentRow",
    "ActiveFlowRow",
    "AnchorRow",
    "AuditRow",
    "BindingRow",
    "BlobRow",
    "ChangesetRow",
    "ClaimRow",
    "CommitRow",
    "ConcurrencyRow",
    "DeliveryRow",
    "DraftRow",
    "ExecutionRow",
    "FindingRow",
    "FlowRevisionRow",
    "GroupRow",
    "JournalRow",
    "KeepRow",
    "KeptRow",
    "KeyValueRow",
    "LogRow",
    "MemberRow",
    "MembershipRow",
    "MetricRow",
    "NodeRow",
    "OverlayRow",
    "PathRow",
    "PinRow",
    "PullCommandRow",
    "PullJobRow",
    "PullRow",
    "RedactedRow",
    "RefEventRow",
    "RoleRow",
    "SealRow",
    "SegmentRow",
    "SessionRow",
    "SlotRow",
    "SnapshotRow",
    "SourceRow",
    "SuiteRunRow",
    "SyncRunRow",
    "TaskCacheRow",
    "TenantFileRow",
    "TokenRow",
    "TriggerFlowRow",
    "TriggerRow",
    "UpstreamEventRow",
    "WatchRow",
    "WindowRow",
    "metadata",
    "partial_indexes",
]

# Conditions of partial indexes of executions; a query that names one literally uses its index.
# What is parked without a time, as a million pauses are, is in none of them.
MOVING = "open = 1 and parked = 0"
TIMED = "parked = 1 and wake_at is not null"
WAITING = "parked = 1 and state <> 'PAUSED' and state <> 'QUEUED' and state <> 'CREATED'"


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
    created_at: int = Field(sa_column=big())
    ended_at: int | None = Field(default=None, sa_column=big(nullable=True))
    open: int = 1
    parked: int = 0
    wake_at: int | None = Field(default=None, sa_column=big(nullable=True))
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
    fence: int = Field(sa_column=big())
    at: int = Field(sa_column=big())
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
    at: int = Field(sa_column=big())
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
    at: int = Field(sa_column=big())
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
    deleted_at: int = Field(sa_column=big())


class ClaimRow(SQLModel, table=True):
    """An idempotency key and the execution it made (contract D1; kept 24 hours)."""

    __tablename__ = "claim"
    tenant: str = Field(primary_key=True)
    scope: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    execution_id: str
    body_hash: str
    at: int = Field(sa_column=big())


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
    created_at: int = Field(sa_column=big())
    updated_at: int = Field(sa_column=big())
    expires_at: int | None = Field(default=None, sa_column=big(nullable=True))


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
    at: int = Field(sa_column=big())
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
    date: int | None = Field(default=None, sa_column=big(nullable=True))
    """The planned time of the last fire."""
    next_at: int | None = Field(default=None, sa_column=big(nullable=True))
    execution_id: str | None = None
    """The execution it started and waits for."""
    evaluating_at: int | None = Field(default=None, sa_column=big(nullable=True))
    disabled: int = 0
    stop_after: str = "[]"
    backfill: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    listens: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    """Of a flow trigger: JSON of what it listens to, so that no flow is read to know it."""
    updated_at: int = Field(sa_column=big())


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
    at: int = Field(sa_column=big())


class WindowRow(SQLModel, table=True):
    """What the preconditions of a flow trigger remember within one window of time."""

    __tablename__ = "trigger_window"
    tenant: str = Field(primary_key=True)
    namespace: str = Field(primary_key=True)
    flow_id: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    """The id of the preconditions."""
    start_at: int = Field(sa_column=big())
    end_at: int = Field(sa_column=big())
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
    at: int = Field(sa_column=big())
    expires_at: int | None = Field(default=None, sa_column=big(nullable=True))


class NodeRow(SQLModel, table=True):
    """One start of a process; its epoch fences all earlier ones (contract D4, D5)."""

    __tablename__ = "node"
    epoch: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    started_at: int = Field(sa_column=big())
    pid: int
    host: str


metadata = SQLModel.metadata


def partial_indexes(dialect: str) -> None:
    """Make the partial indexes partial on this dialect (`sqlite` or `postgresql`)."""
    for table in metadata.tables.values():
        for index in table.indexes:
            if PARTIAL in index.info:
                index.dialect_options[dialect]["where"] = text(index.info[PARTIAL])
