"""The tables about pull requests, edits on their way to Git, and what operators override."""

from typing import ClassVar

from sqlalchemy import Column, Index, Text
from sqlmodel import Field, SQLModel

from app.db.columns import big


class PullRow(SQLModel, table=True):
    """A pull request as the forge last told of it."""

    __tablename__ = "pull"
    source_id: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    title: str
    author: str
    head_sha: str
    head_ref: str
    head_repo: str
    """Owner and name of the repository that the head is in; another one than ours: a fork."""
    base_ref: str
    base_sha: str
    state: str = "open"
    """open | closed | merged"""
    draft: int = 0
    merged_sha: str | None = None
    approved_sha: str | None = None
    """The head of a fork that somebody with write permission let be tested."""
    comment_id: str | None = None
    """The comment of ours that tells the plan."""
    updated_at: int = Field(sa_column=big())


class PullJobRow(SQLModel, table=True):
    """One review of one head of a pull request (or of a merge group) on one base."""

    __tablename__ = "pull_job"
    __table_args__: ClassVar = (Index("ix_pull_job_pull", "source_id", "number", "id"),)
    id: str = Field(primary_key=True)
    source_id: str
    number: int
    """The pull request; 0 for a merge group."""
    head_sha: str
    base_sha: str
    cause: str
    state: str = "queued"
    """queued | running | done | superseded | failed"""
    outcome: str = ""
    """success | failure | neutral, of a job that is done"""
    merge_tree: str | None = None
    findings: str = Field("[]", sa_column=Column(Text, nullable=False))
    plan: str = Field("{}", sa_column=Column(Text, nullable=False))
    tests: str = Field("{}", sa_column=Column(Text, nullable=False))
    checks: str = "{}"
    """JSON: context -> id of the check or status at the forge"""
    error: str = ""
    created_at: int = Field(sa_column=big())
    ended_at: int | None = Field(default=None, sa_column=big(nullable=True))
    scope: str = ""
    """What was allowed: full | draft | fork"""
    touched: str = Field("[]", sa_column=Column(Text, nullable=False))
    """JSON: `tenant/namespace` of what it changes"""


class PullCommandRow(SQLModel, table=True):
    """A command of a comment that was begun: none is done twice."""

    __tablename__ = "pull_command"
    source_id: str = Field(primary_key=True)
    comment_id: str = Field(primary_key=True)
    place: int = Field(primary_key=True)
    """Of the command in its comment, from 0."""
    begun_at: int = Field(sa_column=big())


class DraftRow(SQLModel, table=True):
    """An edit that is not in Git yet, on the bytes that it began from."""

    __tablename__ = "draft"
    __table_args__: ClassVar = (Index("ix_draft_owner", "tenant", "owner"),)
    id: str = Field(primary_key=True)
    tenant: str
    namespace: str
    kind: str
    """flow | file"""
    name: str
    """The flow's id, or the file's path in its namespace."""
    source_id: str
    base_commit: str
    base_blob: str
    """"" where there is no such file yet."""
    content: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    """None: a deletion."""
    owner: str
    changeset_id: str | None = Field(default=None, index=True)
    created_at: int = Field(sa_column=big())
    updated_at: int = Field(sa_column=big())


class ChangesetRow(SQLModel, table=True):
    """Edits that become one commit, and usually a pull request."""

    __tablename__ = "changeset"
    __table_args__: ClassVar = (Index("ix_changeset_pull", "source_id", "pull_number"),)
    id: str = Field(primary_key=True)
    source_id: str
    tenant: str
    title: str
    description: str = Field("", sa_column=Column(Text, nullable=False))
    owner: str
    owner_email: str = ""
    kind: str = "edit"
    """edit | revert"""
    state: str = "DRAFT"
    """DRAFT | COMMITTED | PUSHED | PR_OPEN | CHECKS_FAILED | CHECKS_PASSED | MERGED | ACTIVE |
    CLOSED | CONFLICT | ABANDONED"""
    base_commit: str | None = None
    branch: str | None = None
    commit_sha: str | None = Field(default=None, index=True)
    pull_number: int | None = None
    pull_url: str | None = None
    error: str = ""
    created_at: int = Field(sa_column=big())
    updated_at: int = Field(sa_column=big())
    merged_sha: str | None = None
    """The commit of the followed branch that has it, where that is another one (squash, rebase)."""
    owner_id: str | None = None
    """What tells owners of the same name apart; None: it was made before that was kept."""
    reason: str | None = Field(None, sa_column=Column(Text))
    """Why a revert was asked for: the audit log is told once it is known to be in Git."""


class OverlayRow(SQLModel, table=True):
    """What an operator overrides without touching Git: it is never reset by a sync."""

    __tablename__ = "overlay"
    __table_args__: ClassVar = (Index("ix_overlay_flow", "tenant", "namespace", "flow_id"),)
    id: str = Field(primary_key=True)
    tenant: str
    namespace: str
    flow_id: str
    trigger_id: str = ""
    kind: str
    """disabled | trigger-disabled | concurrency"""
    value: str = ""
    owner: str
    reason: str = ""
    created_at: int = Field(sa_column=big())
    expires_at: int | None = Field(default=None, sa_column=big(nullable=True))
    ended_at: int | None = Field(default=None, sa_column=big(nullable=True))
    ended_by: str | None = None


class WatchRow(SQLModel, table=True):
    """A release that is watched: a flow after an activation (`release.watch`)."""

    __tablename__ = "release_watch"
    __table_args__: ClassVar = (Index("ix_release_watch_flow", "tenant", "namespace", "flow_id"),)
    id: str = Field(primary_key=True)
    tenant: str
    namespace: str
    flow_id: str
    revision: int
    previous: int
    """The revision before, which an automatic rollback pins."""
    min_executions: int
    max_failure_rate: float
    action: str
    """pin | alert"""
    state: str = "watching"
    """watching | passed | superseded | rolled-back | alerted"""
    started_at: int = Field(sa_column=big())
    until_at: int = Field(sa_column=big())
    ended_at: int | None = Field(default=None, sa_column=big(nullable=True))


class SuiteRunRow(SQLModel, table=True):
    """What became of a file of tests, each time somebody ran it."""

    __tablename__ = "suite_run"
    __table_args__: ClassVar = (
        Index("ix_suite_run_suite", "tenant", "namespace", "suite_id", "id"),
        Index("ix_suite_run_tenant", "tenant", "id"),
    )
    id: str = Field(primary_key=True)
    """In order of time."""
    tenant: str
    namespace: str
    suite_id: str
    flow_id: str
    state: str
    """SUCCESS | FAILED | ERROR | SKIPPED"""
    commit_sha: str = ""
    started_at: int = Field(sa_column=big())
    ended_at: int = Field(sa_column=big())
    result: str = Field(sa_column=Column(Text, nullable=False))
    """JSON: cases, assertions, errors, as the API answers them."""
