"""What is stored about sources, syncs and pins, as values that travel upwards."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

FlowKey = tuple[str, str, str]
"""Tenant, namespace, flow id."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a source, as Flux has them: `Ready`, `Reconciling`, `Stalled`, `Held`."""

    type: str
    status: bool
    reason: str
    message: str
    last_transition: int
    """µs since the epoch."""


@dataclass(frozen=True, slots=True)
class Source:
    """A repository (and branch, and root) that flows are synced from. Times are µs."""

    id: str
    tenant: str
    url: str
    """Without credentials; empty for the repository that Headwater keeps itself."""
    ref: str
    root: str = ""
    layout: str = "native"
    edit_mode: str = "push"
    atomic: str = "namespace"
    conditions: tuple[Condition, ...] = ()
    last_seen: str | None = None
    """The tip that the last look at the repository found."""
    last_attempted: str | None = None
    """The commit up to which revisions are counted."""
    last_applied: str | None = None
    """The commit that is active, wherever its namespaces were valid."""
    last_sync_at: int | None = None
    spec: str = "{}"
    """JSON: its settings, without secrets and files."""
    origin: str = "config"
    """config | api | repository"""
    parent: str | None = None
    """The source whose repository delegates to this one."""
    suspended_at: int | None = None
    last_passed: str | None = None
    """`ref@commit`: the newest commit that the gate let through."""
    turn: int = 0
    """How often a run, of any node, changed what is known or active of it."""

    def condition(self, kind: str) -> Condition | None:
        """Return the condition of a type, None if it was never set."""
        return next((each for each in self.conditions if each.type == kind), None)


@dataclass(frozen=True, slots=True)
class SyncRun:
    """One run of a source's sync loop. Times are µs."""

    id: str
    source_id: str
    cause: str
    """webhook | poll | manual | start | write | window | decision"""
    started_at: int
    outcome: str | None = None
    """NOOP | SYNCED | PARTIAL | REJECTED | HELD | FAILED | SUPERSEDED; None while it runs"""
    reason: str = ""
    old_commit: str | None = None
    new_commit: str | None = None
    ended_at: int | None = None
    phases: Mapping[str, float] = field(default_factory=dict)
    """Phase -> milliseconds."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """added, changed, deleted, invalid, namespaces, revisions."""
    hold: str = ""
    """Why (some of) it waits: PRUNE_LIMIT | WINDOW | SIGNATURE | FORCE_PUSH | REDACTED"""
    decision: str = ""
    """approved | rejected"""
    decided_by: str | None = None
    decided_at: int | None = None


@dataclass(frozen=True, slots=True)
class StoredFinding:
    """Something wrong in a commit: what, where, and the way out."""

    id: str
    source_id: str
    run_id: str
    commit: str
    code: str
    severity: str
    path: str
    message: str
    tenant: str = ""
    namespace: str = ""
    flow_id: str = ""
    line: int = 0
    column: int = 0
    pointer: str = ""
    fix: str = ""
    at: int = 0
    resolved_at: int | None = None


@dataclass(frozen=True, slots=True)
class Pin:
    """An operator's override: this flow runs at that revision until the pin ends. Times are µs."""

    id: str
    tenant: str
    namespace: str
    flow_id: str
    revision: int
    commit: str
    blob: str
    quarantined: str | None = None
    """The blob that was active; a pin `until: changed` ends at the first other one."""
    until: str = "changed"
    """changed | manual | an RFC 3339 time"""
    until_at: int | None = None
    reason: str = ""
    actor: str = ""
    created_at: int = 0
    ended_at: int | None = None
    ended_by: str | None = None
    scope: str = "flow"
    """flow | namespace | source: what was asked for; each flow of it has a pin of its own."""
    group_id: str | None = None
    """The same for all pins of one order."""
    changeset_id: str | None = None
    """The revert that makes the pin needless once it is active."""
    revert: str = ""
    """What the forge is to be told (tell, or wanted: with a revert), or was: asked | none | …"""

    @property
    def key(self) -> FlowKey:
        """The flow that is pinned."""
        return self.tenant, self.namespace, self.flow_id


@dataclass(frozen=True, slots=True)
class CommitRecord:
    """A commit of a source's first-parent history, in the order of processing. Times are µs."""

    source_id: str
    sha: str
    seq: int
    first_parent: str | None
    author_name: str
    author_email: str
    authored_at: int
    committer_name: str
    committed_at: int
    subject: str


class Head(NamedTuple):
    """The newest revision of a flow, whether it is active or not."""

    revision: int
    blob: str
    path: str
    deleted: bool
    incarnation: int
    commit: str = ""


class NewRevision(NamedTuple):
    """A revision that a commit makes."""

    key: FlowKey
    revision: int
    commit: str
    blob: str
    path: str
    kind: str
    incarnation: int
    seq: int
    """The place of the commit among those that were processed."""
    renamed_from: str | None = None
    """`namespace.id` of the flow that it was before."""


class PathMove(NamedTuple):
    """Where the file of a flow is, from a commit on."""

    key: FlowKey
    seq: int
    path: str
    commit: str


class FileMove(NamedTuple):
    """A file of a flow that went from one path to another, and the commit that moved it."""

    old: str
    new: str
    commit: str
    author: str
    at: int
    """When (µs) the commit was written; 0: it is not known any more."""
    subject: str


class ActiveFlow(NamedTuple):
    """What is active of a flow, as lists and starts need it."""

    key: FlowKey
    revision: int
    commit: str
    snapshot: str
    blob: str
    path: str
    deleted: bool
    labels: str = "[]"
    """JSON: `[{"key": …, "value": …}]`."""
    description: str | None = None
    disabled: bool = False


class Snapshot(NamedTuple):
    """Which commit is active in a namespace; `tree` is the id of its folder there."""

    tenant: str
    namespace: str
    commit: str
    tree: str
    state: str
    """active | invalid (stays at an earlier commit) | held"""
