"""One `git fast-import`: asks what the parent holds, then writes one commit. No work tree."""

import hashlib
import os
import select
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Self

from app.errors import Conflict, GitError
from app.git.draft import Draft, Person, parents_of
from app.git.history import REGULAR
from app.git.process import Launcher, end

_AHEAD = 32  # questions sent ahead of their answers: both fit a pipe
_TREE = 0o040000


class Held(NamedTuple):
    """What the parent has at a path."""

    mode: int
    oid: str


class FastImport:
    """A session with `git fast-import`; use as a context manager and end it with `done`.

    Nothing in the repository names what it writes before `done`.
    """

    def __init__(self, launcher: Launcher, keep: tuple[int, ...]) -> None:
        command = ["fast-import", "--quiet", "--done", "--date-format=raw"]
        self._process = launcher.open(command, keep=keep)
        self._seconds = launcher.limits.seconds
        self._buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        end(self._process)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def held(self, parent: str, paths: Iterable[str]) -> dict[str, Held]:
        """Return what the commit `parent` has at each path; what is not there is left out."""
        wanted = list(dict.fromkeys(paths))
        found: dict[str, Held] = {}
        for start in range(0, len(wanted), _AHEAD):
            batch = wanted[start : start + _AHEAD]
            self._send(b"".join(b"ls %s %s\n" % (parent.encode(), _quoted(p)) for p in batch))
            for path in batch:
                words = self._line().split(b"\t", 1)[0].split(b" ")
                if words[0] != b"missing":
                    found[path] = Held(int(words[0], 8), words[2].decode())
        return found

    def commit(
        self,
        ref: str,
        draft: Draft,
        *,
        parent: str | None,
        committer: Person,
        at: int,
        modes: Mapping[str, int],
    ) -> str:
        """Write the commit and return its id; `ref` names it once all is `done`."""
        text = draft.text()
        head = (
            f"commit {ref}\nmark :1\nauthor {draft.author.ident(at)}\n"
            f"committer {committer.ident(at)}\ndata {len(text)}\n"
        )
        origin = f"from {parent}\n" if parent else ""
        self._send(head.encode("utf-8", "replace") + text + b"\n" + origin.encode())
        # Deletions first: where a folder takes the place of a file they must not remove it again.
        for path, data in sorted(draft.changes.items(), key=lambda item: item[1] is not None):
            self._send(_modify(path, data, modes.get(path, REGULAR)))
        self._send(b"\nget-mark :1\n")
        return self._line().decode()

    def done(self) -> None:
        """Finish: objects are on disk and the ref is set when this returns.

        Raises:
            GitError: when Git does not take it.
        """
        self._send(b"done\n")
        if self._process.wait(timeout=self._seconds):
            raise GitError("Git could not write the commit")

    def _send(self, data: bytes) -> None:
        stdin = self._process.stdin
        assert stdin is not None  # noqa: S101 - opened with a pipe
        try:
            stdin.write(data)
            stdin.flush()
        except OSError as error:
            raise GitError("Git refused the commit while it was being written") from error

    def _line(self) -> bytes:
        stdout = self._process.stdout
        assert stdout is not None  # noqa: S101 - opened with a pipe
        while b"\n" not in self._buffer:
            ready, _, _ = select.select([stdout], [], [], self._seconds)
            data = os.read(stdout.fileno(), 1 << 16) if ready else b""
            if not data:
                raise GitError("Git refused the commit while it was being written")
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line


def effective(draft: Draft, held: Mapping[str, Held], oid_length: int) -> dict[str, bytes | None]:
    """Return the changes of a draft that change anything on top of what is `held`.

    Raises:
        Conflict: where a file would replace a folder, a link or a submodule.
    """
    changes: dict[str, bytes | None] = {}
    for path, data in draft.changes.items():
        there = held.get(path)
        if data is None:
            if there is not None:
                changes[path] = None
            continue
        _refuse_replacing(path, held, draft)
        mode = draft.modes.get(path, there.mode if there else REGULAR)
        if there is None or (there.mode, there.oid) != (mode, blob_id(data, oid_length)):
            changes[path] = data
    return changes


def blob_id(data: bytes, oid_length: int) -> str:
    """Return the id of a blob in a repository whose ids have 40 or 64 digits."""
    content = b"blob %d\0" % len(data) + data
    if oid_length == 64:
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


def _refuse_replacing(path: str, held: Mapping[str, Held], draft: Draft) -> None:
    there = held.get(path)
    if there is not None and there.mode & 0o170000 != 0o100000 and path not in draft.modes:
        raise Conflict(f"{path!r} is a folder, a link or a submodule; remove it first")
    for parent in parents_of(path):
        above = held.get(parent)
        if above is not None and above.mode != _TREE and parent not in draft.changes:
            raise Conflict(f"{path!r} cannot lie below {parent!r}, which is not a folder")


def _modify(path: str, data: bytes | None, mode: int) -> bytes:
    name = _quoted(path)
    if data is None:
        return b"D %s\n" % name
    return b"M %o inline %s\ndata %d\n%s\n" % (mode, name, len(data), data)


def _quoted(path: str) -> bytes:
    """Return a path as fast-import reads it; control characters were refused before."""
    raw = path.encode("utf-8", "surrogateescape")
    return b'"%s"' % raw.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
