"""Pull requests and their reviews, as values that travel upwards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.executions import execution_id


@dataclass(frozen=True, slots=True)
class Pull:
    """A pull request as the forge last told of it. `updated_at` is µs since the epoch."""

    source_id: str
    number: int
    title: str
    author: str
    head_sha: str
    head_ref: str
    head_repo: str
    base_ref: str
    base_sha: str
    state: str = "open"
    draft: bool = False
    merged_sha: str | None = None
    approved_sha: str | None = None
    """The head of a fork that somebody with write permission let be tested."""
    comment_id: str | None = None
    updated_at: int = 0


@dataclass(frozen=True, slots=True)
class Review:
    """One review of one head on one base. `state`: queued, running, done, superseded, failed.

    `number` is 0 for a merge group; `outcome` success, failure or neutral once it is done. Times
    are µs since the epoch.
    """

    source_id: str
    number: int
    head_sha: str
    cause: str
    created_at: int
    base_sha: str = ""
    """The tip of the base that it was merged with, "" before that."""
    state: str = "queued"
    outcome: str = ""
    merge_tree: str | None = None
    findings: Sequence[Mapping[str, Any]] = ()
    plan: Mapping[str, Any] = field(default_factory=dict)
    tests: Mapping[str, Any] = field(default_factory=dict)
    checks: Mapping[str, str] = field(default_factory=dict)
    """Context -> id of the check at the forge, "" for a status."""
    error: str = ""
    ended_at: int | None = None
    scope: str = ""
    """What was allowed: full | draft | fork"""
    touched: Sequence[str] = ()
    """`tenant/namespace` of what it changes."""
    id: str = field(default_factory=execution_id)
