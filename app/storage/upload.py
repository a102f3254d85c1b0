"""One file on its way to the disk."""

import contextlib
import os
import threading
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

PIECE = 256 * 1024
"""Bytes written or read at a time."""


class Upload:
    """Writes beside, then renames. The methods block; they may be called from any thread.

    A thread cannot be stopped, so `discard` may come while a piece is being written: they take
    turns.
    """

    def __init__(self, incoming: Path, target: Path, tree: threading.Lock) -> None:
        """Write to `target` by way of a file in the folder `incoming` of the same disk.

        Whoever holds `tree` may make and remove folders.
        """
        self._tree = tree
        self._path = incoming / uuid.uuid4().hex
        self._target = target
        self._file: BinaryIO | None = None
        self._ended = False
        self._turn = threading.Lock()

    def write(self, chunks: Sequence[bytes]) -> None:
        """Append the chunks."""
        with self._turn:
            if not self._ended:
                self._append(chunks)

    def finish(self, chunks: Sequence[bytes]) -> None:
        """Append the last chunks and put the file in its place, durably."""
        with self._turn:
            if self._ended:
                return
            file = self._append(chunks)
            file.flush()
            os.fsync(file.fileno())
            file.close()
            self._place()
            self._ended = True

    def discard(self) -> None:
        """Forget what was written; nothing happens to a file that is in its place."""
        with self._turn:
            self._ended = True
            if self._file is not None:
                self._file.close()
            with contextlib.suppress(FileNotFoundError):
                self._path.unlink()

    def _append(self, chunks: Sequence[bytes]) -> BinaryIO:
        if self._file is None:
            self._file = self._path.open("xb")
        self._file.writelines(chunks)
        return self._file

    def _place(self) -> None:
        folder = self._target.parent
        with self._tree:
            changed = _make(folder)
            self._path.replace(self._target)
        for each in (*changed, folder):
            _sync(each)


def _make(folder: Path) -> list[Path]:
    """Make a folder; return the folders that got a new entry by it."""
    changed: list[Path] = []
    above = folder
    while not above.exists():
        above = above.parent
        changed.append(above)
    folder.mkdir(parents=True, exist_ok=True)
    return changed


def _sync(folder: Path) -> None:
    """Make the names in a folder durable."""
    with contextlib.suppress(FileNotFoundError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
