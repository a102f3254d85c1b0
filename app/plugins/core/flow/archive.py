"""The archive that a `WorkingDirectory` keeps its cache in: a zip file. All of it blocks.

Its comment says when it was made (µs since the epoch): the internal storage keeps no times.
"""

import os
import shutil
import stat
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from app.plugins.api import TaskFailed
from app.plugins.core import folder

MOST_BYTES = 4 << 30
"""Bytes of all files of an archive."""

_BROKEN = (zipfile.BadZipFile, OSError, ValueError, RuntimeError, NotImplementedError, EOFError)


def pack(directory: Path, target: str, names: Sequence[str], made: int) -> None:
    """Write the files of these names into an archive; raises `TaskFailed`."""
    with (
        os.fdopen(folder.created(directory, target, 0o600), "wb") as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as packed,
    ):
        packed.comment = str(made).encode()
        left = MOST_BYTES
        for name in names:
            with os.fdopen(folder.opened(directory, name), "rb") as source:
                status = os.fstat(source.fileno())
                left -= status.st_size
                if left < 0:
                    message = f"the files of the cache have more than {MOST_BYTES} bytes"
                    raise TaskFailed(message)
                entry = zipfile.ZipInfo(name)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = stat.S_IMODE(status.st_mode) << 16
                with packed.open(entry, "w", force_zip64=True) as sink:
                    shutil.copyfileobj(source, sink)


def unpack(directory: Path, source: str, oldest: int | None) -> int:
    """Write the files of an archive into the directory; return how many there were.

    One that was made before `oldest` (µs) has expired: nothing is written then.

    Raises:
        TaskFailed: it is no archive, or holds too much.
    """
    count = 0
    try:
        with zipfile.ZipFile(directory / source) as packed:
            made = int(packed.comment or b"0")
            if oldest is not None and made < oldest:
                return 0
            _check(packed.infolist())
            for entry in packed.infolist():
                if not entry.is_dir():
                    _unpack(directory, packed, entry, made)
                    count += 1
    except _BROKEN as error:
        message = f"its archive cannot be read: {error}"
        raise TaskFailed(message) from error
    return count


def _check(entries: Iterable[zipfile.ZipInfo]) -> None:
    if sum(entry.file_size for entry in entries) > MOST_BYTES:
        message = f"it holds more than {MOST_BYTES} bytes"
        raise TaskFailed(message)


def _unpack(directory: Path, packed: zipfile.ZipFile, entry: zipfile.ZipInfo, made: int) -> None:
    mode = (entry.external_attr >> 16) & 0o777 or 0o644
    with (
        packed.open(entry) as source,
        os.fdopen(folder.created(directory, entry.filename, mode), "wb") as target,
    ):
        shutil.copyfileobj(source, target)
        target.flush()
        os.utime(target.fileno(), ns=(made * 1000, made * 1000))  # so that it is no news


def is_new(directory: Path, names: Iterable[str], since: str) -> bool:
    """Whether one of the files is newer than the file `since`, if that says `restored`.

    The clock of files ticks in milliseconds: what is as old may be newer.
    """
    ready = directory / since
    restored = ready.is_file() and ready.read_bytes() == b"restored"
    before = ready.lstat().st_mtime_ns if restored else 0
    return any((directory / name).lstat().st_mtime_ns >= before for name in names)
