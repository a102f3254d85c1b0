"""Archives of namespace files: read with limits that a hostile one meets, and made on the disk."""

import asyncio
import stat
import tempfile
import zipfile
from collections.abc import AsyncIterator, Mapping
from typing import IO, NamedTuple

from app.errors import BadRequest, Invalid, TooLarge

MOST_FILES = 10_000
MOST_BYTES = 256 * 1024 * 1024
"""Bytes of all files of one archive, unpacked."""
_PIECE = 256 * 1024
_IN_MEMORY = 1024 * 1024


class Unpacked(NamedTuple):
    """The files of an archive: bytes by path, and which of them are executable."""

    files: Mapping[str, bytes]
    executable: frozenset[str]


async def spooled(chunks: AsyncIterator[bytes], most: int) -> IO[bytes]:
    """Return a temporary file with all of the chunks, at its beginning; the caller closes it.

    Raises:
        TooLarge: when they have more than `most` bytes.
    """
    file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - handed over
    try:
        size = 0
        async for chunk in chunks:
            size += len(chunk)
            if size > most:
                message = f"the file has more than {most} bytes"
                raise TooLarge(message)
            await asyncio.to_thread(file.write, chunk)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def unpacked(file: IO[bytes], most_of_one: int) -> Unpacked:
    """Return what a zip archive holds (blocking).

    Raises:
        BadRequest: when it is no such archive, or damaged.
        Invalid: for a path that leads out of it, a link, or an encrypted file.
        TooLarge: when it holds too much.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = [each for each in archive.infolist() if not each.is_dir()]
            if len(members) > MOST_FILES:
                message = f"the archive holds {len(members)} files, {MOST_FILES} are allowed"
                raise TooLarge(message)
            files: dict[str, bytes] = {}
            left = MOST_BYTES
            for member in members:
                _check(member)
                files[member.filename] = _read(archive, member, min(left, most_of_one))
                left -= len(files[member.filename])
            names = [each.filename for each in members if _mode(each) & stat.S_IXUSR]
            return Unpacked(files, frozenset(names))
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, RuntimeError) as error:
        message = f"the archive cannot be read: {error}"
        raise BadRequest(message) from None


def _mode(member: zipfile.ZipInfo) -> int:
    return member.external_attr >> 16


def _check(member: zipfile.ZipInfo) -> None:
    name = member.filename
    parts = name.split("/")
    if name.startswith("/") or "\\" in name or not {"", ".", ".."}.isdisjoint(parts):
        message = f"the archive holds the path {name[:200]!r}, which leads out of it"
        raise Invalid(message)
    if stat.S_ISLNK(_mode(member)):
        message = f"the archive holds the link {name[:200]!r}; links are never followed"
        raise Invalid(message)
    if member.flag_bits & 1:
        message = f"the file {name[:200]!r} of the archive is encrypted"
        raise Invalid(message)


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo, most: int) -> bytes:
    """Read a member; what its head says of its size is not believed."""
    data = bytearray()
    with archive.open(member) as source:
        while piece := source.read(_PIECE):
            data += piece
            if len(data) > most:
                message = f"{member.filename[:200]!r} of the archive is too large: {most} bytes"
                raise TooLarge(message)
    return bytes(data)


class Packing:
    """Makes a zip archive in a temporary file; the methods block."""

    def __init__(self) -> None:
        """Begin an empty archive."""
        self.file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - kept
        self._archive = zipfile.ZipFile(self.file, "w", zipfile.ZIP_DEFLATED)

    def add(self, path: str, data: bytes, *, executable: bool = False) -> None:
        """Put a file into it."""
        info = zipfile.ZipInfo(path)
        info.compress_type = zipfile.ZIP_DEFLATED
        info.external_attr = (0o100755 if executable else 0o100644) << 16
        self._archive.writestr(info, data)

    def end(self) -> None:
        """Finish it; `file` is at its beginning then."""
        self._archive.close()
        self.file.seek(0)


async def pieces(file: IO[bytes]) -> AsyncIterator[bytes]:
    """Yield what a file holds, then close it."""
    with file:
        while piece := await asyncio.to_thread(file.read, _PIECE):
            yield piece
