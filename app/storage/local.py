"""The storage on the local disk: one file for each URI, below one folder.

Files are written beside, synced and then renamed, so that nobody ever sees half of one, not even
after a power cut. All work with the disk is done in threads, in pieces of bounded size.
"""

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import BinaryIO

from app.errors import Invalid, Unavailable
from app.storage.upload import PIECE, Upload
from app.storage.uris import absent, parts_of

FILES = "files"
INCOMING = "incoming"


class LocalStorage:
    """Keeps files below a folder; implements `ports.Storage`."""

    def __init__(self, root: Path) -> None:
        """Keep files below `root`, which is made when it is needed."""
        self._files = root / FILES
        self._incoming = root / INCOMING
        self._cleaned = False

    async def put(self, uri: str, chunks: AsyncIterator[bytes]) -> int:
        """Write the file whole or not at all; return its size in bytes.

        Raises:
            Invalid: a file and a folder would have one name.
            Unavailable: the disk does not take it.
        """
        target = self._path(uri)
        with _disk_errors(uri):
            if not self._cleaned:
                await asyncio.to_thread(self._clean)
            return await self._receive(Upload(self._incoming, target), chunks)

    async def _receive(self, upload: Upload, chunks: AsyncIterator[bytes]) -> int:
        pending: list[bytes] = []
        waiting = size = 0
        try:
            async for chunk in chunks:
                pending.append(chunk)
                waiting += len(chunk)
                size += len(chunk)
                if waiting >= PIECE:
                    await asyncio.to_thread(upload.write, pending)
                    pending, waiting = [], 0
            # A small file takes a single turn in a thread.
            await asyncio.to_thread(upload.finish, pending)
        except BaseException:
            await asyncio.to_thread(upload.discard)
            raise
        return size

    async def get(
        self, uri: str, *, offset: int = 0, length: int | None = None
    ) -> AsyncIterator[bytes]:
        """Yield the bytes of a file; raises `NotFound`."""
        path = self._path(uri)
        with _disk_errors(uri):
            file = await asyncio.to_thread(_open, path, offset)
        try:
            left = length
            while left is None or left > 0:
                wanted = PIECE if left is None else min(PIECE, left)
                piece = await asyncio.to_thread(file.read, wanted)
                if not piece:
                    return
                left = None if left is None else left - len(piece)
                yield piece
        finally:
            file.close()

    async def size(self, uri: str) -> int:
        """Return the size in bytes; raises `NotFound`."""
        path = self._path(uri)
        with _disk_errors(uri):
            return await asyncio.to_thread(_size, path)

    async def delete(self, uri: str) -> bool:
        """Remove a file; return whether it was there."""
        path = self._path(uri)
        return await asyncio.to_thread(self._delete, path)

    async def delete_prefix(self, uri: str) -> int:
        """Remove all files below a URI; return how many."""
        path = self._path(uri)
        return await asyncio.to_thread(self._delete_below, path)

    def _path(self, uri: str) -> Path:
        return self._files.joinpath(*parts_of(uri))

    def _clean(self) -> None:
        """Remove what a killed process left half written."""
        shutil.rmtree(self._incoming, ignore_errors=True)
        self._incoming.mkdir(parents=True, exist_ok=True)
        self._files.mkdir(parents=True, exist_ok=True)
        self._cleaned = True

    def _delete(self, path: Path) -> bool:
        try:
            path.unlink()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError):
            return False
        self._remove_empty(path.parent)
        return True

    def _delete_below(self, path: Path) -> int:
        count = sum(len(names) for _, _, names in os.walk(path))
        if count:
            shutil.rmtree(path)
            self._remove_empty(path.parent)
        return count

    def _remove_empty(self, folder: Path) -> None:
        with contextlib.suppress(OSError):  # not empty, or somebody else was faster
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


@contextlib.contextmanager
def _disk_errors(uri: str) -> Iterator[None]:
    """Turn errors of the operating system into ours."""
    try:
        yield
    except FileNotFoundError:
        raise absent(uri) from None
    except (NotADirectoryError, IsADirectoryError, FileExistsError):
        raise Invalid(f"{uri} cannot be used: a file and a folder would have one name") from None
    except OSError as error:
        raise Unavailable(f"the storage cannot serve {uri}: {error.strerror}") from error
