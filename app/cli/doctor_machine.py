"""What of the machine is broken or unsafe: programs, files of keys, the disk, the clock."""

import os
import re
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from app.cli.doctor_findings import Finding
from app.config import Settings, secret_file_variable, secret_paths

_LEAST_GIT = (2, 38)
_LEAST_SQLITE = (3, 51, 3)
_LEAST_FREE = 0.05
_LEAST_BYTES = 1 << 30
_RELEASED = 1_767_225_600
"""2026-01-01: a clock before that is wrong."""
_KEYS = ("audit.key", "encryption.key", "setup-token")
_OTHERS = stat.S_IRWXO
_GROUP = stat.S_IRWXG


def git(_: Settings) -> Iterator[Finding]:
    """Look at Git and at ssh."""
    found = _version(["git", "--version"])
    if found is None:
        yield Finding("broken", "git", "Git is not installed", "install Git 2.38 or later")
    elif found < _LEAST_GIT:
        shown = ".".join(map(str, found))
        yield Finding("broken", "git", f"Git {shown} is too old", "install Git 2.38 or later")
    else:
        yield Finding("ok", "git", f"Git {'.'.join(map(str, found))}")
    if shutil.which("ssh") is None:
        yield Finding("note", "ssh", "ssh is not installed: no remotes by ssh", "install OpenSSH")


def _version(command: list[str]) -> tuple[int, ...] | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except OSError:
        return None
    found = re.search(r"\d+(?:\.\d+)+", done.stdout)
    return tuple(map(int, found.group().split("."))) if found else None


def folder(settings: Settings) -> Iterator[Finding]:
    """Look at the data folder and at the room on its disk."""
    data = settings.data_dir
    there = next(each for each in (data, *data.parents) if each.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        message = f"{there} cannot be written to"
        yield Finding("broken", "data_dir", message, "give it to the service's user")
    if data.is_dir() and data.stat().st_mode & _OTHERS:
        message = f"{data} can be read by every user of this machine"
        yield Finding("warning", "data_dir", message, f"chmod 750 {data}")
    usage = shutil.disk_usage(there)
    if usage.free < min(_LEAST_BYTES, usage.total * _LEAST_FREE):
        message = f"only {usage.free >> 20} MiB are free at {there}"
        yield Finding("broken", "disk", message, "make room: without it nothing is recorded")
    else:
        yield Finding("ok", "disk", f"{usage.free >> 30} GiB are free at {there}")


def keys(settings: Settings) -> Iterator[Finding]:
    """Look at every file that holds a key or a secret."""
    for name, file in _files(settings):
        yield from _key(name, file)


def _files(settings: Settings) -> Iterator[tuple[str, Path]]:
    """Yield setting and path of each such file."""
    yield from _paths("", settings)
    for path in secret_paths(type(settings)):
        variable = secret_file_variable(path)
        if file := os.environ.get(variable):
            yield variable, Path(file)
    if file := os.environ.get("SOPS_AGE_KEY_FILE"):
        yield "SOPS_AGE_KEY_FILE", Path(file)
    for name in _KEYS:
        if (settings.data_dir / name).exists():
            yield name, settings.data_dir / name


_PUBLIC = ("known_hosts", "signers", "pgp_keys", "forge_keys")


def _paths(name: str, value: Any) -> Iterator[tuple[str, Path]]:
    if isinstance(value, BaseModel):
        value = {key: getattr(value, key) for key in type(value).model_fields}
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _paths(f"{name}.{key}".lstrip("."), inner)
    elif isinstance(value, Path) and name != "data_dir":
        yield name, value


def _key(name: str, file: Path) -> Iterator[Finding]:
    if not file.is_file():
        yield Finding("broken", name, f"{file} is no file", "correct the path")
        return
    if not os.access(file, os.R_OK):
        yield Finding("broken", name, f"{file} cannot be read", "give it to the service's user")
        return
    if any(part in name for part in _PUBLIC):
        return
    mode = file.stat().st_mode
    if mode & _OTHERS:
        message = f"{file} can be read by every user of this machine"
        yield Finding("unsafe", name, message, f"chmod 600 {file}")
    elif mode & _GROUP:
        message = f"{file} can be read by a group of users"
        yield Finding("warning", name, message, f"chmod 600 {file}")
    else:
        yield Finding("ok", name, f"{file} is for its owner alone")


def sqlite(settings: Settings) -> Iterator[Finding]:
    """Look at the library of the database, where it is ours."""
    from app.db.sqlite import VERSION

    if settings.database.url is None and VERSION < _LEAST_SQLITE:
        shown = ".".join(map(str, VERSION))
        message = f"SQLite {shown} has known faults, which are worked around"
        yield Finding("note", "sqlite", message, "PostgreSQL, or SQLite 3.51.3 or later")


def clock(_: Settings) -> Iterator[Finding]:
    """Look at the time."""
    if time.time() < _RELEASED:
        message = "the clock is wrong: schedules and the ends of tokens depend on it"
        yield Finding("broken", "clock", message, "set it, and keep it by NTP")


def user(settings: Settings) -> Iterator[Finding]:
    """Look at who the service is."""
    if sys.platform != "win32" and os.geteuid() == 0 and _runs_programs(settings):
        message = "the service runs as root, and so do scripts of flows"
        yield Finding("unsafe", "user", message, "run it as a user of its own, or set runners.user")


def _runs_programs(settings: Settings) -> bool:
    return settings.runners.process and settings.runners.user is None


CHECKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
    git,
    folder,
    keys,
    sqlite,
    clock,
    user,
)
