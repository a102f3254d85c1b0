"""One writer a repository folder, also among processes, and what a killed one has left behind."""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from app.errors import Unavailable

_POLL = 0.05


class FolderLock:
    """An exclusive lock on a repository folder, reentrant within a thread.

    The lock file stands beside the folder. Git children inherit its descriptor, so that the lock
    of a killed process is held until the last child that it had started has ended: whoever gets
    the lock may take every `*.lock` file in the folder for stale.
    """

    def __init__(self, folder: Path, seconds: float) -> None:
        """Make the lock; `seconds` is how long to wait for another process."""
        self._path = folder.with_name(folder.name + ".lock")
        self._seconds = seconds
        self._threads = threading.RLock()
        self._descriptor: int | None = None
        self._depth = 0
        self._owner = 0

    def inherited(self) -> tuple[int, ...]:
        """Return the file descriptor for children of this thread; empty when it has no lock."""
        if self._owner == threading.get_ident() and self._descriptor is not None:
            return (self._descriptor,)
        return ()

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Hold the lock; yields whether it was taken now (False: the thread had it already).

        Raises:
            Unavailable: when another process keeps it too long.
        """
        if not self._threads.acquire(timeout=self._seconds):
            raise Unavailable(f"Another task works in {self._path.stem}; try again")
        try:
            if self._depth == 0:
                self._descriptor = self._lock_file()
                self._owner = threading.get_ident()
            self._depth += 1
            try:
                yield self._depth == 1
            finally:
                self._depth -= 1
                if self._depth == 0 and self._descriptor is not None:
                    os.close(self._descriptor)
                    self._descriptor = None
                    self._owner = 0
        finally:
            self._threads.release()

    def _lock_file(self) -> int:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + self._seconds
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    os.close(descriptor)
                    message = f"Another process works in {self._path.stem}; try again"
                    raise Unavailable(message) from None
                time.sleep(_POLL)
            else:
                return descriptor


def remove_stale(folder: Path) -> list[str]:
    """Remove lock and temporary files of killed Git commands; return their names.

    Only to be called while the folder's lock is held.
    """
    objects = folder / "objects"
    found = [*folder.glob("*.lock"), *(folder / "refs").rglob("*.lock")]
    found += [*(objects / "info").rglob("*.lock"), *objects.glob("pack/*tmp*")]
    found += [*objects.glob("[0-9a-f][0-9a-f]/tmp_obj_*"), *objects.glob("pack/*.lock")]
    for path in found:
        with suppress(OSError):
            path.unlink()
    return sorted(str(path.relative_to(folder)) for path in found)
