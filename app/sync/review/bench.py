"""What reviews work with, and which pull requests are whose."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.db.audit import AuditStore
from app.db.pull_records import Pull, Review
from app.db.pulls import PullStore
from app.errors import Unavailable
from app.ports import Clock, FlowTests, Forge, PullRequest
from app.sync.sources import SourceSet
from app.sync.worker import SourceWorker

if TYPE_CHECKING:
    from app.sync.planning.plan import ChangePlan

Enqueue = Callable[[SourceWorker, Review], Awaitable[None]]
"""Puts a review into the queue of its source."""

Made = Callable[[Review], None]
"""Hears of reviews that came to an end."""

Facts = Callable[["ChangePlan"], Awaitable["ChangePlan"]]
"""Adds to a plan what only a running node knows: executions, and who starts them."""

FULL, DRAFT, FORK = "full", "draft", "fork"


@dataclass(frozen=True, slots=True)
class Bench:
    """What all reviews of a node share."""

    workers: SourceSet
    store: PullStore
    audit: AuditStore
    clock: Clock
    tests: FlowTests | None = None
    """What runs tests of flows, None where nothing can."""
    url: str = ""
    """Where people find this service; "" when nobody said."""

    def address(self, source_id: str, number: int, part: str = "") -> str:
        """Return where people read of a pull request, "" where that is not known."""
        if not (self.url and number):
            return ""
        return f"{self.url.rstrip('/')}/api/v1/pulls/{source_id}/{number}{part}"


def forge_of(worker: SourceWorker) -> Forge:
    """Return the forge of a source; raises `Unavailable` when it has none (any more)."""
    if worker.parts.forge is None:
        message = f"source {worker.id} has no forge; set `forge` in its settings"
        raise Unavailable(message)
    return worker.parts.forge


def followed_branch(worker: SourceWorker) -> str | None:
    """Return the branch that a source follows, None when it follows tags or a commit."""
    kind, name = worker.spec.ref_kind
    return name.removeprefix("refs/heads/") if kind in ("", "branch") else None


def concerns(worker: SourceWorker, workers: SourceSet, base_ref: str) -> bool:
    """Return whether pull requests for a branch are reviewed for a source.

    What nobody follows is answered, too, by the first source of the repository: a required check
    would wait for ever.
    """
    branch = base_ref.removeprefix("refs/heads/")
    if followed_branch(worker) == branch:
        return True
    siblings = _siblings(worker, workers)
    return siblings[0] is worker and all(followed_branch(each) != branch for each in siblings)


def context_suffix(worker: SourceWorker, workers: SourceSet) -> str:
    """Return what tells checks of a source from those of another one of the same branch."""
    branch = followed_branch(worker)
    same = [each for each in _siblings(worker, workers) if followed_branch(each) == branch]
    return "" if same[0] is worker else f"/{worker.id}"


def scope_of(pull: PullRequest, known: Pull) -> str:
    """Return what may be done with a pull request: all, validation only, or nothing that runs."""
    if pull.draft:
        return DRAFT
    if pull.is_fork and known.approved_sha != pull.head_sha:
        return FORK
    return FULL


def _siblings(worker: SourceWorker, workers: SourceSet) -> list[SourceWorker]:
    """Return the sources of the same repository at the same forge, in order."""
    mine = _identity(worker)
    return [each for each in workers if each is worker or _identity(each) == mine]


def _identity(worker: SourceWorker) -> tuple[str, str, str] | None:
    forge = worker.parts.forge
    if forge is None:
        return None
    return forge.kind, worker.spec.forge_url or "", forge.repository.casefold()
