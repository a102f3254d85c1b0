"""The dev-mode source: a working folder, seen as commits.

What the layout knows of a folder (with or without a `.git`) is written, when it has changed, as a
commit "Working directory" into a repository of our own; everything downstream reads commits only.
Links are recorded as links and never followed.
"""

import os
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from app.git.draft import Draft, Person
from app.git.fastimport import blob_id
from app.git.history import EXECUTABLE, REGULAR, SYMLINK
from app.git.layout import Layout
from app.git.mirror import Mirror
from app.git.survey import SizeLimits
from app.git.trees import ls_tree
from app.git.writer import Writer

SUBJECT = "Working directory"
_SKIPPED = {".git", ".hg", ".venv", "node_modules", "__pycache__"}
_DIGITS = 40  # a repository of our own has SHA-1 ids
# A file changed again within one tick of the clock keeps its times: recent ones are read again.
_RACY_NS = 2_000_000_000


class _Seen(NamedTuple):
    """A file as the index knows it."""

    mtime_ns: int
    size: int
    inode: int
    mode: int
    blob: str
    read_at_ns: int


@dataclass(slots=True)
class _Found:
    path: str
    mode: int
    status: os.stat_result


class WorkingFolder:
    """Makes commits of a working folder; one instance, one thread at a time."""

    def __init__(
        self,
        folder: Path,
        mirror: Mirror,
        layout: Layout,
        *,
        limits: SizeLimits = SizeLimits(),  # noqa: B008 - frozen
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Watch over `folder`; `mirror` is a repository of our own, made for it alone."""
        self._folder = folder
        self._mirror = mirror
        self._layout = layout
        self._most = max(limits.document, limits.file)
        self._index: dict[str, _Seen] | None = None
        self._tip: str | None = None
        self._branch = mirror.location.branch
        self._author = author_of(folder)
        self._writer = Writer(mirror, self._author)
        self._now_ns = now_ns

    def snapshot(self) -> str | None:
        """Commit what has changed and return the tip; None while there has been nothing at all.

        Without a change in times or sizes no file is read and no process is started.
        """
        before = self._index if self._index is not None else self._committed()
        started = self._now_ns()
        after: dict[str, _Seen] = {}
        changes: dict[str, bytes | None] = dict.fromkeys(before)
        modes: dict[str, int] = {}
        for found in self._scan():
            known = before.get(found.path)
            if known is not None and _is_same(known, found):
                after[found.path] = known
                del changes[found.path]
                continue
            data = self._read(found)
            if data is None:
                continue
            seen = _seen(found, blob_id(data, _DIGITS), started)
            after[found.path] = seen
            changes.pop(found.path, None)
            if known is None or (known.blob, known.mode) != (seen.blob, seen.mode):
                changes[found.path] = data
                modes[found.path] = found.mode
        if changes or self._tip is None:
            self._tip = self._commit(changes, modes)
        self._index = after
        return self._tip

    def _commit(self, changes: dict[str, bytes | None], modes: dict[str, int]) -> str | None:
        tip = self._mirror.branches().get(self._branch)
        if not changes:
            return tip
        draft = Draft(changes, SUBJECT, self._author, modes=modes)
        return self._writer.commit(self._branch, draft, parent=tip)

    def _committed(self) -> dict[str, _Seen]:
        """Return the index that the last commit stands for: blobs known, times unknown."""
        tip = self._mirror.branches().get(self._branch)
        if tip is None:
            return {}
        entries = ls_tree(self._mirror.disk.launcher, tip)
        return {entry.path: _Seen(0, 0, 0, entry.mode, entry.oid, 0) for entry in entries}

    def _scan(self) -> Iterator[_Found]:
        """Yield the files that the layout knows."""
        root = self._layout.root
        pending = [root] if root else [""]
        while pending:
            inside = pending.pop()
            for entry in _entries(self._folder / inside):
                path = f"{inside}/{entry.name}" if inside else entry.name
                mode = _mode(entry)
                if mode is None and entry.name not in _SKIPPED and self._leads_on(path):
                    pending.append(path)
                elif mode is not None and self._knows(path, mode):
                    yield _Found(path, mode, entry.stat(follow_symlinks=False))

    def _knows(self, path: str, mode: int) -> bool:
        if self._layout.place(path) is not None or self._layout.misplaced(path) is not None:
            return True
        return mode == SYMLINK and self._layout.is_folder_of_ours(path)

    def _leads_on(self, path: str) -> bool:
        """Return whether something of ours may lie below a folder."""
        if self._layout.style == "kestra":
            return True
        inside = self._layout.inside(path) or ""
        return inside.split("/", 1)[0] in {"tenants", "sources"}

    def _read(self, found: _Found) -> bytes | None:
        """Return a file's bytes, or a link's text; None when it vanished in the meantime.

        Of a file over the limit one byte more than the limit is read: it is refused by size later.
        """
        path = self._folder / found.path
        try:
            if found.mode == SYMLINK:
                return os.fsencode(path.readlink())
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as file:
                return file.read(self._most + 1)
        except OSError:
            return None


def author_of(folder: Path) -> Person:
    """Return the person that Git's configuration names for a folder, if there is one."""
    name, email = (_configured(folder, key) for key in ("user.name", "user.email"))
    return Person(name or "Working directory", email or "dev@localhost")


def _configured(folder: Path, key: str) -> str:
    # The developer's own configuration is asked for on purpose; `git config` runs nothing.
    try:
        done = subprocess.run(
            ["git", "config", "--get", key],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []


def _mode(entry: os.DirEntry[str]) -> int | None:
    """Return the Git mode of a file or link, None for a folder; devices and pipes count as one."""
    if entry.is_symlink():
        return SYMLINK
    if not entry.is_file(follow_symlinks=False):
        return None
    return EXECUTABLE if entry.stat(follow_symlinks=False).st_mode & stat.S_IXUSR else REGULAR


def _is_same(known: _Seen, found: _Found) -> bool:
    status = found.status
    times = (known.mtime_ns, known.size, known.inode, known.mode)
    if times != (status.st_mtime_ns, status.st_size, status.st_ino, found.mode):
        return False
    return known.read_at_ns - known.mtime_ns > _RACY_NS


def _seen(found: _Found, blob: str, at: int) -> _Seen:
    status = found.status
    return _Seen(status.st_mtime_ns, status.st_size, status.st_ino, found.mode, blob, at)
