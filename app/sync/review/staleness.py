"""Whether a review still holds, or is worth another try."""

from collections.abc import Iterable, Sequence

from app.db.pull_records import Review
from app.git.history import changes_between
from app.git.mirror import Mirror
from app.sync.origin import Origin

_FIRST_WAIT = 600_000_000
_LONGEST_WAIT = 24 * 3_600_000_000
_MOST_DOUBLINGS = 10


def is_due(failed: Sequence[Review], now: int) -> bool:
    """Return whether a head whose reviews failed (newest first) is worth another one.

    The pauses double from ten minutes to a day: most of what fails does so until somebody helps.
    """
    if not failed:
        return True
    wait = _FIRST_WAIT << min(len(failed) - 1, _MOST_DOUBLINGS)
    return now - (failed[0].ended_at or failed[0].created_at) >= min(wait, _LONGEST_WAIT)


def is_stale(origin: Origin, review: Review, tip: str) -> bool:
    """Return whether what a review says may be wrong on a newer base (blocking)."""
    if review.base_sha == tip or not review.base_sha:
        return False
    changed = _changed(origin, origin.mirror, review.base_sha, tip)
    if changed is None or "conflicts" in review.plan:
        return True
    return not changed.isdisjoint(review.touched)


def _changed(origin: Origin, mirror: Mirror, old: str, new: str) -> set[str] | None:
    """Return `tenant/namespace` of what differs; None when more than namespaces may."""
    if not (mirror.has(old) and mirror.has(new)):
        return None
    root = origin.layout.root
    paths = [each.path for each in changes_between(mirror.disk.launcher, old, new, root=root)]
    return _namespaces(origin, paths)


def _namespaces(origin: Origin, paths: Iterable[str]) -> set[str] | None:
    found: set[str] = set()
    for path in paths:
        place = origin.layout.place(path)
        if place is None:
            continue
        if not place.namespace:
            return None  # rules and settings concern everything
        found.add(f"{place.tenant}/{place.namespace}")
    return found
