"""`headwater secret edit`: a file of secrets in an editor, as plain text that nobody else sees."""

import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.cli.outcome import FAILED, OK, CommandError
from app.cli.printing import progress
from app.cli.secret_files import Where, bound, created, telling, written
from app.cli.secrets import Recipients
from app.errors import HeadwaterError
from app.secrets.documents import OpenDocument, close_document, read_plain, write_plain

HERE = Where()
_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own below it, for its owner only


def edit(*, recipient: Recipients = None, where: Where = HERE) -> int:
    """Open a file in $EDITOR in the clear, and encrypt it when the editor ends.

    The plain text lies in a folder that only you can read, in memory where the system has that, and
    is overwritten and removed at the end. Values that stay keep their cipher texts.
    """
    exists = where.path.exists()
    document = where.opened() if exists else created(where, recipient or ())
    document = bound(where, document)
    with _private(where.path.suffix or ".yaml") as path:
        path.write_bytes(write_plain(document))
        before = path.read_bytes()
        changed = _edited(document, path)
        if changed is None:
            return FAILED
        if exists and path.read_bytes() == before:
            progress("nothing was changed")
            return OK
    written(where.path, bound(where, changed))
    progress(f"{where.path} is written; commit it")
    return OK


def _edited(document: OpenDocument, path: Path) -> OpenDocument | None:
    """Return what the editor made of a document; None when the user gives up."""
    while True:
        _run_editor(path)
        try:
            branches = read_plain(path.read_bytes(), layout=document.layout)
            changed = document.with_branches(branches)
            close_document(changed, 0)
        except HeadwaterError as error:
            progress(f"{error.message}")
            if not _again():
                return None
        else:
            return changed


def _again() -> bool:
    if not sys.stdin.isatty():
        return False
    return input("Edit again? [Y/n] ").strip().lower() not in ("n", "no")


def _run_editor(path: Path) -> None:
    editor = os.environ.get("SOPS_EDITOR") or os.environ.get("VISUAL") or os.environ.get("EDITOR")
    command = [*shlex.split(editor or "vi"), str(path)]
    try:
        done = subprocess.run(command, check=False)
    except OSError as error:
        message = f"the editor {command[0]} does not start: {error.strerror}; set EDITOR"
        raise CommandError(message) from None
    if done.returncode:
        message = f"the editor ended with {done.returncode}; nothing was written"
        raise CommandError(message)


@contextmanager
def _private(suffix: str) -> Iterator[Path]:
    """Give a path in a folder that only the user can read; its content is wiped at the end."""
    parent = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    with (
        _ending_cleanly(),
        telling(Path("plain text")),
        tempfile.TemporaryDirectory(dir=parent) as folder,
    ):
        path = Path(folder) / f"secrets{suffix}"
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            yield path
        finally:
            for left in Path(folder).rglob("*"):
                _wipe(left)


@contextmanager
def _ending_cleanly() -> Iterator[None]:
    """End as Ctrl+C does when the terminal is closed, so that nothing is left behind."""
    asked = (signal.SIGTERM, signal.SIGHUP)
    before = {each: signal.signal(each, _end) for each in asked}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _end(number: int, _: object) -> None:
    raise SystemExit(128 + number)


def _wipe(path: Path) -> None:
    """Overwrite a file, also what editors leave beside it."""
    if path.is_file() and not path.is_symlink():
        size = path.stat().st_size
        with path.open("r+b") as file:
            file.write(b"\0" * size)
            file.flush()
            os.fsync(file.fileno())
