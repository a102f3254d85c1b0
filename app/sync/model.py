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


class Actor(NamedTuple):
    """Who does something: the author of a commit, the owner of a pin."""

    name: str
    email: str = ""


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
