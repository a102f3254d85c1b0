"""Trees that are sent: a zip, a tar, or JSON with texts by path. Read in memory, within limits."""

import bz2
import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from lzma import LZMADecompressor, LZMAError
from typing import Any, Final

import orjson

from app.errors import Invalid, TooLarge
from app.git.names import check_path

MOST_FILES: Final = 20_000
MOST_BYTES: Final = 64 * 1024**2
"""The most that a tree may hold when it is unpacked."""

_ZIP, _TAR, _JSON = b"PK", b"ustar", b"{"
_TAR_AT: Final = slice(257, 262)
_MOST_TAR: Final = MOST_BYTES + MOST_FILES * 1024
"""What a tar of that much may have, its headers included."""

_UNPACKERS: Final[Mapping[bytes, Callable[[], Any]]] = {
    b"\x1f\x8b": lambda: zlib.decompressobj(31),
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ": lambda: LZMADecompressor(memlimit=MOST_BYTES),
}
"""How what is packed begins -> what unpacks it, piece by piece."""
_BROKEN: Final = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    LZMAError,
    NotImplementedError,
    RuntimeError,
    EOFError,
    OSError,
    UnicodeError,
    ValueError,
    OverflowError,
    TypeError,
    LookupError,
    struct.error,
)
"""What the readers of the standard library raise for what is damaged."""


def files_in(data: bytes) -> dict[str, bytes]:
    """Return path -> content of the regular files of a tree; links and folders are left out.

    Raises:
        Invalid: it is none of the forms, or cannot be read. BadRequest: a path leads elsewhere.
        TooLarge: it holds more than is read.
    """
    if data[:2] == _ZIP:
        found = _zipped(data)
    elif data[_TAR_AT] == _TAR:
        found = _tarred(data)
    elif unpacker := next(
        (made for head, made in _UNPACKERS.items() if data.startswith(head)), None
    ):
        found = _tarred(_unpacked(unpacker(), data))
    elif data.lstrip()[:1] == _JSON:
        found = _listed(data)
    else:
        message = 'send a zip, a tar, or JSON such as {"files": {"path": "text"}}'
        raise Invalid(message)
    try:
        return _limited(found)
    except _BROKEN as error:
        message = f"the archive cannot be read: {error}"
        raise Invalid(message[:500]) from None


def _limited(found: Iterator[tuple[str, bytes]]) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    size = 0
    for path, content in found:
        size += len(content)
        files[check_path(path.removeprefix("./"))] = content
        if len(files) > MOST_FILES or size > MOST_BYTES:
            raise _too_large()
    return files


def _too_large() -> TooLarge:
    return TooLarge(f"a tree may have {MOST_FILES} files and {MOST_BYTES} bytes")


def _zipped(data: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for each in archive.infolist():
            # The mode of a file that Unix wrote: what is neither regular nor unknown is left out.
            kind = each.external_attr >> 28
            if not each.is_dir() and kind in (0, 8):
                with archive.open(each) as file:
                    yield each.filename, _content(file)


def _unpacked(unpacker: Any, data: bytes) -> bytes:
    """Return what is packed; never more than a tar may have, whatever its headers say."""
    try:
        found: bytes = unpacker.decompress(data, _MOST_TAR)
    except _BROKEN as error:
        message = f"what is packed cannot be read: {error}"
        raise Invalid(message) from None
    if not unpacker.eof:
        if len(found) < _MOST_TAR:
            message = "what is packed ends too early"
            raise Invalid(message)
        raise _too_large()
    return found


def _tarred(data: bytes) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        for each in archive:
            if each.size > MOST_BYTES:
                raise _too_large()
            file = archive.extractfile(each) if each.isreg() else None
            if file is not None:
                yield each.name, _content(file)


def _content(file: Any) -> bytes:
    data: bytes = file.read(MOST_BYTES + 1)
    return data


def _listed(data: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        message = f"the body is no JSON: {error}"
        raise Invalid(message) from None
    files = body.get("files")
    if set(body) != {"files"} or not isinstance(files, dict):
        message = "the body must have one member, `files`: a map from paths to texts"
        raise Invalid(message)
    for path, text in files.items():
        if not isinstance(text, str):
            message = f"files: {path[:200]!r} is no text"
            raise Invalid(message)
        yield path, text.encode("utf-8", "surrogatepass")
