"""The tables about Git: sources, commits, revisions, what is active, and how it got there."""

from typing import ClassVar

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Text
from sqlmodel import Field, SQLModel

from app.db.columns import PARTIAL, big, text_column


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
    last_sync_at: int | None = Field(default=None, sa_column=big(nullable=True))
    spec: str = text_column("{}")
    """JSON: the settings of the source, without secrets and files."""
    origin: str = text_column("config")
    """config | api | repository"""
    parent: str | None = None
    """The source whose repository delegates to this one."""
    removed_at: int | None = Field(default=None, sa_column=big(nullable=True))
    last_passed: str | None = None
    """`ref@commit`: the newest commit that the gate let through."""
    suspended_at: int | None = Field(default=None, sa_column=big(nullable=True))
    lease_holder: str | None = None
    """The process that makes a run of it now."""
    lease_until: int | None = Field(default=None, sa_column=big(nullable=True))
    sync_turn: int | None = Field(default=None, sa_column=big(nullable=True))
    """How often a run changed what other nodes have to hear of."""


class CommitRow(SQLModel, table=True):
    """A commit of a source's first-parent history."""

    __tablename__ = "git_commit"
    __table_args__: ClassVar = (
        Index("ix_git_commit_kept", "source_id", info={PARTIAL: "gate <> 'passed'"}),
    )
    source_id: str = Field(primary_key=True)
    sha: str = Field(primary_key=True)
    seq: int = Field(sa_column=big())
    """Its place in the order they were processed, counted from 1."""
    first_parent: str | None = None
    author_name: str
    author_email: str
    authored_at: int = Field(sa_column=big())
    committer_name: str
    committed_at: int = Field(sa_column=big())
    subject: str
    signature: str = text_column("")
    """What became of its signature: "" (not looked at), good, unsigned, unknown, bad, …"""
    signer: str = text_column("")
    pull_number: int | None = None
    keyring: str = text_column("")
    """The version of the keys that its signature was judged by."""
    gate: str = text_column("")
    """What became of it at the gate (see `app.db.gates`): "" (not judged), waits, held, passed."""


class BlobRow(SQLModel, table=True):
    """The bytes of a flow source by object id (zlib): old revisions outlive the mirror."""

    __tablename__ = "blob"
    oid: str = Field(primary_key=True)
    data: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class FlowRevisionRow(SQLModel, table=True):
    """A revision of a flow: append-only, never renumbered, never reused."""

    __tablename__ = "flow_revision"
    __table_args__: ClassVar = (
        Index("ix_flow_revision_commit", "source_id", "commit_sha"),
        Index("ix_flow_revision_unseen", "source_id", "seq", info={PARTIAL: "semantic is null"}),
        # Without it a fresh SQLite, which knows nothing of sizes yet, walks all of a source.
        Index("ix_flow_revision_held", "tenant", "namespace", info={PARTIAL: "state = 'held'"}),
    )
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
    at: int = Field(sa_column=big())
    seq: int = Field(sa_column=big())
    """Its place among the commits as they were processed: see `git_commit.seq`."""
    semantic: int | None = None
    """0: the document is the same as that of the revision before; null: not compared yet."""
    renamed_from: str | None = None
    """`namespace.id` that the flow had before."""


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
    updated_at: int = Field(sa_column=big())


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
    until_at: int | None = Field(default=None, sa_column=big(nullable=True))
    reason: str = ""
    actor: str = ""
    created_at: int = Field(sa_column=big())
    ended_at: int | None = Field(default=None, sa_column=big(nullable=True))
    ended_by: str | None = None
    scope: str = text_column("flow")
    """flow | namespace | source: what was asked for; each flow of it has a pin of its own."""
    group_id: str | None = None
    """The same for all pins of one order."""
    changeset_id: str | None = None
    """The revert that makes the pin needless once it is active."""
    revert: str = text_column("")
    """What the forge is to be told (tell, or wanted: with a revert), or was: asked | none | …"""


class SyncRunRow(SQLModel, table=True):
    """One run of a source's sync loop."""

    __tablename__ = "sync_run"
    __table_args__: ClassVar = (Index("ix_sync_run_source", "source_id", "id"),)
    id: str = Field(primary_key=True)
    source_id: str
    cause: str
    """webhook | poll | manual | start | write | window | decision"""
    outcome: str | None = None
    """NOOP | SYNCED | PARTIAL | REJECTED | HELD | FAILED | SUPERSEDED; null while it runs"""
    reason: str = ""
    old_commit: str | None = None
    new_commit: str | None = None
    started_at: int = Field(sa_column=big())
    ended_at: int | None = Field(default=None, sa_column=big(nullable=True))
    phases: str = "{}"
    """JSON: phase -> milliseconds"""
    counts: str = "{}"
    """JSON: added, changed, deleted, invalid, namespaces"""
    hold: str = text_column("")
    """Why it is HELD: PRUNE_LIMIT | WINDOW | SIGNATURE | FORCE_PUSH | REDACTED"""
    decision: str = text_column("")
    """approved | rejected"""
    decided_by: str | None = None
    decided_at: int | None = Field(default=None, sa_column=big(nullable=True))


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
    at: int = Field(sa_column=big())
    resolved_at: int | None = Field(default=None, sa_column=big(nullable=True))


class DeliveryRow(SQLModel, table=True):
    """A webhook delivery (contract D8): stored before it is answered, kept 7 days."""

    __tablename__ = "webhook_delivery"
    __table_args__: ClassVar = (
        Index("ix_webhook_delivery_unheard", "processed_at"),
        Index("ix_webhook_delivery_state", "state", "received_at"),
    )
    provider: str = Field(primary_key=True)
    delivery_id: str = Field(primary_key=True)
    source_id: str
    event: str
    payload: str = Field(sa_column=Column(Text, nullable=False))
    state: str = "received"
    """received | done | ignored | failed"""
    received_at: int = Field(sa_column=big())
    action: str = text_column("")
    hint: str = text_column("{}")
    """JSON: the little of the payload that is acted on: numbers, ids, object ids, names."""
    attempts: int = Field(0, sa_column=Column(Integer, nullable=False, server_default="0"))
    error: str = text_column("")
    processed_at: int | None = Field(default=None, sa_column=big(nullable=True))


class RefEventRow(SQLModel, table=True):
    """A move of a followed ref."""

    __tablename__ = "ref_event"
    __table_args__: ClassVar = (Index("ix_ref_event_source", "source_id", "id"),)
    id: str = Field(primary_key=True)
    source_id: str
    ref: str
    old: str | None = None
    new: str | None = None
    forced: int = 0
    kept: str | None = None
    """The private ref that holds what was forced away."""
    at: int = Field(sa_column=big())


class PathRow(SQLModel, table=True):
    """Where the file of a flow was, from a commit on."""

    __tablename__ = "path_history"
    tenant: str = Field(primary_key=True)
    namespace: str = Field(primary_key=True)
    flow_id: str = Field(primary_key=True)
    seq: int = Field(sa_column=Column(BigInteger, primary_key=True))
    """Its place among the commits as they were processed."""
    source_id: str
    path: str
    commit_sha: str


class KeepRow(SQLModel, table=True):
    """A commit that a private ref of the mirror holds on to, and how long."""

    __tablename__ = "keep_ref"
    source_id: str = Field(primary_key=True)
    ref: str = Field(primary_key=True)
    commit_sha: str
    reason: str
    """forced | deleted | pull | pin"""
    created_at: int = Field(sa_column=big())
    expires_at: int | None = Field(default=None, sa_column=big(nullable=True))


class RedactedRow(SQLModel, table=True):
    """A blob that must not be kept here, nor become active again."""

    __tablename__ = "redacted"
    oid: str = Field(primary_key=True)
    at: int = Field(sa_column=big())
    actor: str
    reason: str = ""
