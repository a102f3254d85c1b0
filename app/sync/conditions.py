"""Conditions of a source, and errors classed by what the loop does next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from app.db.records import Condition
from app.errors import (
    AuthFailed,
    BadRequest,
    HeadwaterError,
    MirrorCorrupt,
    RefNotFound,
    RemoteUnreachable,
    TooLarge,
    Unavailable,
)

TOLD = ("Webhook", "Renamed")
"""Types of conditions that are found out beside runs."""


class Next(Enum):
    """What a loop does after an error."""

    RETRY = "retry"
    """Try again soon: it may pass by itself."""
    WAIT = "wait"
    """Wait for the next poll or wake-up: something at the remote has to change."""
    STALLED = "stalled"
    """Somebody has to change the settings, or to repair something, first."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An error, as a source's status tells it."""

    reason: str
    message: str
    next: Next


_REASONS: tuple[tuple[type[HeadwaterError], str, Next], ...] = (
    (RefNotFound, "RefNotFound", Next.WAIT),
    (AuthFailed, "AuthFailed", Next.STALLED),
    (RemoteUnreachable, "RemoteUnreachable", Next.RETRY),
    (MirrorCorrupt, "MirrorCorrupt", Next.STALLED),
    (TooLarge, "TooLarge", Next.STALLED),
    (BadRequest, "InvalidSource", Next.STALLED),
    (Unavailable, "Unavailable", Next.RETRY),
)


def failure_of(error: Exception) -> Failure:
    """Return how an error counts. One that nobody foresaw is tried again."""
    for kind, reason, following in _REASONS:
        if isinstance(error, kind):
            return Failure(reason, str(error), following)
    message = (
        str(error) if isinstance(error, HeadwaterError) else f"{type(error).__name__}: {error}"
    )
    return Failure("Failed", message, Next.RETRY)


def after_success(
    before: Sequence[Condition], outcome: str, message: str, at: int, hold: str = ""
) -> tuple[Condition, ...]:
    """Return the conditions after a run that reached its end; `hold`: why (some of) it waits."""
    held = outcome == "HELD" or bool(hold)
    partial = outcome in ("PARTIAL", "REJECTED")
    ready = "Held" if held else "InvalidFlows" if partial else "Synced"
    return _changed(
        before,
        (
            Condition("Ready", not (partial or held), ready, message, at),
            Condition("Reconciling", False, "Idle", "", at),
            Condition("Stalled", False, "Synced", "", at),
            Condition("Held", held, _named(hold), message if held else "", at),
            *(each for each in before if each.type == "Verified"),
        ),
    )


def with_verified(
    conditions: Sequence[Condition], verified: Condition | None, *, off: bool
) -> tuple[Condition, ...]:
    """Return the conditions with what a run found out about signatures; None: nothing new."""
    if verified is None and not off:
        return tuple(conditions)
    others = tuple(each for each in conditions if each.type != "Verified")
    return others if verified is None else (*others, *_changed(conditions, (verified,)))


def with_told(
    conditions: Sequence[Condition], before: Sequence[Condition], told: Mapping[str, Condition]
) -> tuple[Condition, ...]:
    """Return the conditions with those that no run finds out, as they are told or stood before."""
    known = {each.type: each for each in before if each.type in TOLD}
    return (*conditions, *_changed(before, tuple({**known, **told}.values())))


def while_running(before: Sequence[Condition], tip: str, at: int) -> tuple[Condition, ...]:
    """Return the conditions while a commit is on its way to become active."""
    others = tuple(each for each in before if each.type != "Reconciling")
    progress = Condition("Reconciling", True, "Progressing", f"commit {tip}", at)
    return (*others, *_changed(before, (progress,)))


def after_failure(before: Sequence[Condition], failure: Failure, at: int) -> tuple[Condition, ...]:
    """Return the conditions after a run that failed; what is held stays held."""
    stalled = failure.next is not Next.RETRY
    return _changed(
        before,
        (
            Condition("Ready", False, failure.reason, failure.message, at),
            Condition("Reconciling", not stalled, "Retrying" if not stalled else "Idle", "", at),
            Condition("Stalled", stalled, failure.reason, failure.message if stalled else "", at),
            *(each for each in before if each.type in ("Held", "Verified")),
        ),
    )


def _named(hold: str) -> str:
    """Return a hold as conditions name reasons: PRUNE_LIMIT is PruneLimit."""
    return "".join(part.capitalize() for part in hold.split("_")) if hold else "Free"


def _changed(before: Sequence[Condition], after: Sequence[Condition]) -> tuple[Condition, ...]:
    """Return the new conditions; one whose status stays keeps its time of transition."""
    old = {each.type: each for each in before}
    return tuple(
        Condition(each.type, each.status, each.reason, each.message, same.last_transition)
        if (same := old.get(each.type)) and same.status == each.status
        else each
        for each in after
    )
