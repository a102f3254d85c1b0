"""Private refs that hold on to what was forced away."""

from app.git.mirror import Mirror
from app.git.names import check_ref_name
from app.git.refs import KEEP


def kept_as(mirror: Mirror, commit: str) -> str | None:
    """Return the private ref that holds a commit, None if no ref does (blocking)."""
    return next((ref for ref, oid in mirror.kept().items() if oid == commit), None)


def keep_forced(mirror: Mirror, ref: str, commit: str, at: int) -> str | None:
    """Hold on to a commit that `ref` is about to leave; return the private ref (blocking).

    `at` is µs since the epoch. None: the commit is not here (any more).
    """
    if not mirror.has(commit):
        return None
    held = kept_as(mirror, commit)
    if held is not None and held.startswith(KEEP):
        return held
    return mirror.keep(check_ref_name(f"{ref}/{at // 1_000_000}-{commit[:12]}"), commit)
