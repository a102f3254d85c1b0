"""The values that the sync service takes and returns."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from app.db.records import (
    CommitRecord,
    Condition,
    FlowKey,
    Pin,
    Source,
    StoredFinding,
    SyncRun,
)

__all__ = [
    "Actor",
    "CommitRecord",
    "Condition",
    "Delivery",
    "FlowKey",
    "FlowWrite",
    "Pin",
    "Source",
    "StoredFinding",
    "SyncRun",
]


LATEST = 253_370_764_800_000_000
"""µs since the epoch, the year 9999: later times cannot be written down everywhere."""


class Actor(NamedTuple):
    """Who does something: the author of a commit, the owner of a pin."""

    name: str
    email: str = ""
    id: str = ""
    """What tells people of the same name apart; empty where nobody logs in."""

    @property
    def owns_as(self) -> str:
        """Whose drafts and changesets are theirs."""
        return self.id or self.name


class FlowWrite(NamedTuple):
    """One flow to write; without a source it is deleted."""

    namespace: str
    flow_id: str
    source: str | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """The answer to a webhook delivery."""

    status: int
    body: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HookEvent:
    """What a webhook delivery hints at, the same for every forge. What is true the forge is asked.

    `event`: push | pull | comment | check | suite | merge_group | review | repository | other.
    """

    source_id: str
    provider: str
    delivery_id: str
    event: str
    action: str = ""
    number: int | None = None
    """Of the pull request."""
    sha: str = ""
    ref: str = ""
    actor: str = ""
    comment_id: str = ""
    comment: str = ""
    """The text of a comment, cut."""
    identifier: str = ""
    """Of a button of a check; the context of a check that is asked for again."""
