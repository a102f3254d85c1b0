"""A service in a process of its own, started by the command line on a free port."""

import contextlib
import os
import re
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
COMMAND = [sys.executable, "-m", "app.cli"]
_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
_START_SECONDS = 30.0
_PLAIN = {"NO_COLOR": "1", "XDG_CONFIG_HOME": "/nonexistent"}


def environment(**more: str) -> dict[str, str]:
    """The environment of our processes: nothing that the caller has set for Headwater."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HEADWATER_")}
    return {**kept, "PYTHONPATH": str(ROOT), **_PLAIN, **more}


def headwater(
    *arguments: str, server: str = "", folder: Path | None = None, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run a command and return how it ended."""
    address = {"HEADWATER_SERVER": server} if server else {}
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=folder,
        env=environment(**address, **more),
    )


@contextlib.contextmanager
def service(
    data: Path, arguments: Sequence[str] = (), **more: str
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run `headwater dev`; yield its address and its process, which is ended by its pid."""
    with (data.with_suffix(".log")).open("w") as log:
        process = subprocess.Popen(
            [*COMMAND, "dev", "--port", "0", "--data", str(data), *arguments],
            stdout=log,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(**more),
        )
        try:
            yield _address(process), process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stderr:
                process.stderr.close()


def _address(process: subprocess.Popen[str]) -> str:
    """Return the address that the service tells on stderr once it answers."""
    assert process.stderr
    told = ""
    deadline = time.monotonic() + _START_SECONDS
    with selectors.DefaultSelector() as selector:
        selector.register(process.stderr, selectors.EVENT_READ)
        while time.monotonic() < deadline and selector.select(deadline - time.monotonic()):
            line = process.stderr.readline()
            told += line
            if found := _ADDRESS.search(line):
                return found.group()
            if not line:
                break
    raise AssertionError(f"the service did not start: {told}")
