"""Edits in a working folder: the files that a developer sees are written, links never followed."""

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from app.errors import Conflict


def write_files(folder: Path, changes: Mapping[str, bytes | None]) -> None:
    """Write or delete files below a folder, each whole or not at all.

    Raises:
        Conflict: when a link or a file stands in the way.
    """
    for path, data in changes.items():
        target = folder / path
        _refuse_links(folder, path)
        if data is None:
            with suppress(FileNotFoundError):
                target.unlink()
        else:
            _write(target, data)


def _write(target: Path, data: bytes) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".headwater-")
        fresh = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            fresh.chmod(target.stat().st_mode & 0o777 if target.exists() else 0o644)
            fresh.replace(target)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise
    except OSError as error:
        message = f"{target.name} cannot be written in the working folder: {error.strerror}"
        raise Conflict(message) from error


def _refuse_links(folder: Path, path: str) -> None:
    at = folder
    for part in path.split("/"):
        at = at / part
        if at.is_symlink():
            message = f"{path} lies behind the link {part}, which is not followed"
            raise Conflict(message)
