"""The storage on the local disk: one file for each URI, below one folder.

Files are written beside, synced and then renamed, so that nobody ever sees half of one, not even
after a power cut. All work with the disk is done in threads, in pieces of bounded size.
"""

import asyncio
import contextlib
import os
import shutil
import threading
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import BinaryIO, ParamSpec, TypeVar

from app.errors import Invalid, Unavailable
from app.storage.upload import PIECE, Upload
from app.storage.uris import SCHEME, absent, parts_of

FILES = "files"
INCOMING = "incoming"

P = ParamSpec("P")
T = TypeVar("T")


class LocalStorage:
    """Keeps files below a folder; implements `ports.Storage`."""

    def __init__(self, root: Path) -> None:
        """Keep files below `root`, which is made when it is needed."""
        self._files = root / FILES
        self._incoming = root / INCOMING
        self._cleaned = False
        # Held while folders are made or removed, never while bytes move.
        self._tree = threading.Lock()

    async def put(self, uri: str, chunks: AsyncIterator[bytes]) -> int:
        """Write the file whole or not at all; return its size in bytes.

        Raises:
            Invalid: a file and a folder would have one name.
            Unavailable: the disk does not take it.
        """
        upload = Upload(self._incoming, self._path(uri), self._tree)
        if not self._cleaned:
            await _in_thread(uri, self._clean)
        pending: list[bytes] = []
        waiting = size = 0
        try:
            async for chunk in chunks:
                pending.append(chunk)
                waiting += len(chunk)
                size += len(chunk)
                if waiting >= PIECE:
                    await _in_thread(uri, upload.write, pending)
                    pending, waiting = [], 0
            # A small file takes a single turn in a thread.
            await _in_thread(uri, upload.finish, pending)
        except BaseException:
            await asyncio.to_thread(upload.discard)
            raise
        return size

    async def get(
        self, uri: str, *, offset: int = 0, length: int | None = None
    ) -> AsyncIterator[bytes]:
        """Yield the bytes of a file; raises `NotFound`."""
        file = await _in_thread(uri, _open, self._path(uri), offset)
        try:
            left = length
            while left is None or left > 0:
                wanted = PIECE if left is None else min(PIECE, left)
                piece = await _in_thread(uri, file.read, wanted)
                if not piece:
                    return
                left = None if left is None else left - len(piece)
                yield piece
        finally:
            file.close()

    async def size(self, uri: str) -> int:
        """Return the size in bytes; raises `NotFound`."""
        return await _in_thread(uri, _size, self._path(uri))

    async def delete(self, uri: str) -> bool:
        """Remove a file; return whether it was there."""
        return await _in_thread(uri, self._delete, self._path(uri))

    async def delete_prefix(self, uri: str) -> int:
        """Remove all files below a URI; return how many."""
        return await _in_thread(uri, self._delete_below, self._path(uri))

    async def below(self, uri: str) -> list[str]:
        """Return the URIs of all files below a URI, in order."""
        return await _in_thread(uri, self._list_below, self._path(uri))

    def _list_below(self, path: Path) -> list[str]:
        found = [
            Path(folder, name).relative_to(self._files)
            for folder, _, names in os.walk(path)
            for name in names
        ]
        return sorted(f"{SCHEME}/{each.as_posix()}" for each in found)

    def _path(self, uri: str) -> Path:
        return self._files.joinpath(*parts_of(uri))

    def _clean(self) -> None:
        """Before the first write: remove what a killed process left half written."""
        if self._cleaned:
            return
        with self._tree:
            if not self._cleaned:
                shutil.rmtree(self._incoming, ignore_errors=True)
                self._incoming.mkdir(parents=True, exist_ok=True)
                self._files.mkdir(parents=True, exist_ok=True)
                self._cleaned = True

    def _delete(self, path: Path) -> bool:
        with self._tree:
            try:
                path.unlink()
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError):
                return False
            self._remove_empty(path.parent)
            return True

    def _delete_below(self, path: Path) -> int:
        if not path.is_dir():
            return 0
        self._clean()
        # Out of the way at once; the files go one by one afterwards.
        aside = self._incoming / uuid.uuid4().hex
        with self._tree:
            try:
                path.rename(aside)
            except (FileNotFoundError, NotADirectoryError):
                return 0
            self._remove_empty(path.parent)
        count = sum(len(names) for _, _, names in os.walk(aside))
        shutil.rmtree(aside, ignore_errors=True)
        return count

    def _remove_empty(self, folder: Path) -> None:
        with contextlib.suppress(OSError):  # it is not empty
            while folder != self._files:
                folder.rmdir()
                folder = folder.parent


def _open(path: Path, offset: int) -> BinaryIO:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    file = os.fdopen(descriptor, "rb", buffering=0)  # raises for a folder, and closes it
    file.seek(offset)
    return file


def _size(path: Path) -> int:
    if path.is_symlink() or not path.is_file():
        raise FileNotFoundError(path)
    return path.stat().st_size


async def _in_thread(uri: str, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do blocking work in a thread; errors of the operating system become ours."""
    try:
        return await asyncio.to_thread(work, *args, **kwargs)
    except FileNotFoundError:
        raise absent(uri) from None
    except (NotADirectoryError, IsADirectoryError, FileExistsError):
        raise Invalid(f"{uri} cannot be used: a file and a folder would have one name") from None
    except OSError as error:
        raise Unavailable(f"the storage cannot serve {uri}: {error.strerror}") from error
