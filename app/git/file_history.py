"""The history of one file or folder."""

from typing import NamedTuple

from app.git.mirror import Mirror
from app.git.names import check_oid, check_path
from app.git.repository import ok


class FileCommit(NamedTuple):
    """A commit that changed a file or folder. `at`: µs since the epoch."""

    commit: str
    at: int
    author: str
    subject: str


def commits_of(mirror: Mirror, commit: str, path: str) -> list[FileCommit]:
    """Return the last 1,000 commits up to `commit` that changed a path, newest first; blocks."""
    options = ("--first-parent", "-z", "--format=%H%x1f%ct%x1f%an%x1f%s", "--max-count=1000")
    outcome = mirror.repository.git.log(*options, check_oid(commit), "--", check_path(path))
    text = ok(outcome, "Reading the history of a file").out.decode("utf-8", "replace")
    rows = [record.split("\x1f", 3) for record in text.split("\0") if record]
    return [FileCommit(sha, int(at) * 1_000_000, who, what) for sha, at, who, what in rows]
