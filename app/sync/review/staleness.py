"""Whether a review still holds after the base has moved (blocking)."""

from collections.abc import Iterable

from app.db.pull_records import Review
from app.git.history import changes_between
from app.git.mirror import Mirror
from app.sync.origin import Origin


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
