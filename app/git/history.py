"""What each commit changed: one `git log --raw -z -m --first-parent`, read as it comes.

A merge is compared with its first parent, so that the changes of a branch count when they arrive
on the tracked one. Renames are a deletion and an addition: identity is in the content.
"""

import subprocess
import tempfile
from collections.abc import Container, Generator, Iterator
from dataclasses import dataclass
from typing import IO, NamedTuple

from app.git.failures import explain_local
from app.git.names import check_oid, check_path, is_zero
from app.git.process import Launcher, end
from app.git.repository import ok

_CHUNK = 1 << 18
_FIELDS = ("%H", "%P", "%T", "%an", "%ae", "%at", "%cn", "%ce", "%ct", "%s")
_SHAPE = "--format=tformat:" + "%x00".join(_FIELDS)
_RAW = ("--raw", "-z", "--no-abbrev", "--no-renames", "--no-ext-diff", "--no-textconv")

SYMLINK = 0o120000
SUBMODULE = 0o160000
EXECUTABLE = 0o100755
REGULAR = 0o100644


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit of a first-parent history. Times are µs since the epoch, UTC."""

    sha: str
    first_parent: str | None
    tree: str
    author_name: str
    author_email: str
    authored_at: int
    committer_name: str
    committer_email: str
    committed_at: int
    subject: str
    is_merge: bool = False


class Change(NamedTuple):
    """One path that a commit changed. `status`: A added, M modified, D deleted, T type changed.

    `path` is text; bytes that are no UTF-8 are surrogate escapes (see `layout`). `old_blob` and
    `new_blob` are None where there is none; `mode` is the new one, 0 after a deletion.
    """

    status: str
    path: str
    old_blob: str | None
    new_blob: str | None
    mode: int


class CommitChange(NamedTuple):
    """A commit and what it changed against its first parent."""

    commit: Commit
    changes: list[Change]


def history(
    launcher: Launcher, tip: str, *, base: str | None = None, root: str = ""
) -> Generator[CommitChange, None, None]:
    """Yield the first-parent commits in `base..tip`, oldest first; all of them without `base`.

    With `root` only changes below that folder are listed; commits without one come with none.
    Close the iterator to stop early.

    Raises:
        GitError: when Git fails. MirrorCorrupt: when an object of the history is missing.
    """
    span = check_oid(tip) if base is None else f"{check_oid(base)}..{check_oid(tip)}"
    command = ["log", *_RAW, "-m", "--first-parent", "--reverse", "--root", _SHAPE, span, "--"]
    if root:
        command[-1:] = ["--sparse", "--", check_path(root)]
    with tempfile.TemporaryFile() as words:
        process = launcher.open(command, stderr=words)
        try:
            assert process.stdout is not None  # noqa: S101 - opened with a pipe
            yield from _parse(_tokens(process.stdout))
            _finish(process, words)
        finally:
            end(process)
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()


def changes_between(launcher: Launcher, old: str, new: str, *, root: str = "") -> list[Change]:
    """Return what differs between two commits or trees, whatever their histories are.

    Raises:
        GitError: when Git fails. MirrorCorrupt: when an object is missing.
    """
    command = ["diff-tree", "-r", *_RAW, check_oid(old), check_oid(new), "--"]
    if root:
        command.append(check_path(root))
    outcome = ok(launcher.run(command), "Comparing two commits")
    tokens = iter(outcome.out.decode("utf-8", "surrogateescape").split("\0"))
    return [_change(token, next(tokens)) for token in tokens if token]


def unexplained(
    launcher: Launcher, base: str, tip: str, explained: Container[str], *, root: str = ""
) -> list[Change]:
    """Return what `base` and `tip` differ in beyond the paths that `history(base..tip)` named.

    Needed where the first commit of that history has another first parent than `base`, or there is
    none: after a force push, and after a merge that has `base` as its second parent. The paths of
    the history are right as they are: its last word on a path is what the tip holds.
    """
    changes = changes_between(launcher, base, tip, root=root)
    return [change for change in changes if change.path not in explained]


def commit_of(launcher: Launcher, sha: str) -> Commit:
    """Return one commit.

    Raises:
        GitError: when there is none. MirrorCorrupt: when it cannot be read.
    """
    command = ["log", "-1", "-z", "--no-patch", _SHAPE, check_oid(sha), "--"]
    outcome = ok(launcher.run(command), f"Reading commit {sha[:12]}")
    return next(_parse(iter(_split(outcome.out)))).commit


def _finish(process: subprocess.Popen[bytes], words: IO[bytes]) -> None:
    """Wait for the end of Git and complain if it failed."""
    if process.wait(timeout=60) == 0:
        return
    words.seek(0)
    raise explain_local(words.read().decode("utf-8", "replace"), "Reading the history")


def _split(data: bytes) -> list[str]:
    return data.decode("utf-8", "surrogateescape").split("\0")[:-1]


def _tokens(stream: IO[bytes]) -> Iterator[str]:
    """Yield the texts between the NULs of a stream."""
    rest = b""
    while data := stream.read1(_CHUNK):  # type: ignore[attr-defined]  # a BufferedReader
        whole, nul, tail = (rest + data).rpartition(b"\0")
        rest = tail
        if nul:
            yield from whole.decode("utf-8", "surrogateescape").split("\0")


def _parse(tokens: Iterator[str]) -> Iterator[CommitChange]:
    """Group tokens: the fields of a commit, then pairs of `:modes blobs status` and path."""
    current: CommitChange | None = None
    for token in tokens:
        head = token.removeprefix("\n")
        if head.startswith(":") and current is not None:
            current.changes.append(_change(head, next(tokens)))
            continue
        if current is not None:
            yield current
        fields = [head, *(next(tokens) for _ in _FIELDS[1:])]
        current = CommitChange(_commit(fields), [])
    if current is not None:
        yield current


def _commit(fields: list[str]) -> Commit:
    sha, parents, tree, author, author_mail, authored, committer, mail, committed, subject = fields
    first, _, others = parents.partition(" ")
    return Commit(
        sha=sha,
        first_parent=first or None,
        tree=tree,
        author_name=_clean(author),
        author_email=_clean(author_mail),
        authored_at=_micros(authored),
        committer_name=_clean(committer),
        committer_email=_clean(mail),
        committed_at=_micros(committed),
        subject=_clean(subject),
        is_merge=bool(others),
    )


def _change(head: str, path: str) -> Change:
    """Read `:100644 100755 <old> <new> M`."""
    _, mode, old, new, status = head.split(" ")
    return Change(
        status[0],
        path,
        None if is_zero(old) else old,
        None if is_zero(new) else new,
        int(mode, 8),
    )


def _micros(seconds: str) -> int:
    """Return µs; a commit may claim any time, or none that can be read."""
    try:
        value = int(seconds)
    except ValueError:
        return 0
    return value * 1_000_000 if abs(value) < 1 << 40 else 0


def _clean(text: str) -> str:
    """Return text that can be stored and sent: bytes that are no UTF-8 become U+FFFD."""
    if text.isascii():
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
