"""Removing a blob from a mirror: private refs that reach it go, then what nothing reaches."""

import shutil
from typing import NamedTuple

from app.git.mirror import Mirror
from app.git.names import check_oid
from app.git.refs import INCOMING, KEEP, PENDING, PULLS, RefUpdate
from app.git.repository import ok

_SECONDS = 600.0


class Purged(NamedTuple):
    """What became of a blob: private refs that were dropped, refs of the remote that hold it."""

    dropped: list[str]
    held_by: list[str]


def purge(mirror: Mirror, oid: str) -> Purged:
    """Remove a blob, as far as the remote's own branches and tags let go of it (blocking).

    Raises:
        GitError: when Git fails, or takes too long.
    """
    with mirror.disk.lock.held():
        refs = mirror.refs.below("refs/")
        private = {ref: tip for ref, tip in refs.items() if ref.startswith((KEEP, PULLS, PENDING))}
        public = {ref: tip for ref, tip in refs.items() if ref not in private}
        dropped = [ref for ref, tip in private.items() if _reaches(mirror, [tip], oid)]
        mirror.refs.update(RefUpdate(ref, None) for ref in dropped)
        if mirror.objects.info(oid) is not None:
            _collect(mirror)
        held = [ref for ref, tip in public.items() if _reaches(mirror, [tip], oid)]
    return Purged(sorted(dropped), sorted(ref for ref in held if not ref.startswith(INCOMING)))


def _reaches(mirror: Mirror, tips: list[str], oid: str) -> bool:
    """Return whether the history of a commit or tag ever held a blob."""
    if mirror.objects.info(oid) is None:
        return False
    find = f"--find-object={check_oid(oid)}"
    git = mirror.repository.git
    outcome = git.log("-m", "-1", "--full-history", "--format=%H", find, *tips, seconds=_SECONDS)
    return bool(ok(outcome, "Looking for a blob").text)


def _collect(mirror: Mirror) -> None:
    """Remove whatever no ref reaches; commit graphs would go on naming it."""
    info = mirror.folder / "objects" / "info"
    shutil.rmtree(info / "commit-graphs", ignore_errors=True)
    (info / "commit-graph").unlink(missing_ok=True)
    git = mirror.repository.git
    ok(git.gc("--prune=now", "--quiet", seconds=_SECONDS), "Removing what nothing reaches")
    mirror.objects.reset()
    damaged = mirror.folder.with_name(f"{mirror.folder.name}.damaged")
    shutil.rmtree(damaged, ignore_errors=True)
