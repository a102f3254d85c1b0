"""Servers in processes of their own: started, waited for, looked at, stopped."""

import asyncio
import contextlib
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil
from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import PyreqwestError

HOST = "127.0.0.1"
ROOT = Path(__file__).resolve().parent.parent
PATIENCE_SECONDS = 60.0


@dataclass
class Server:
    """A running server: where it answers, and its process."""

    url: str
    process: psutil.Process
    ready_seconds: float

    def memory_mb(self) -> float:
        """Return the resident memory of the process and its children, in MB."""
        family = [self.process, *self.process.children(recursive=True)]
        return round(sum(each.memory_info().rss for each in family) / 1e6, 1)

    def cpu_seconds(self) -> float:
        """Return the processor time that the process has used."""
        times = self.process.cpu_times()
        return float(times.user + times.system)


@contextlib.contextmanager
def _process(
    command: list[str],
    output: int | IO[str],
    errors: IO[str] | None = None,
    settings: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, **(settings or {})}
    process = subprocess.Popen(
        command, stdout=output, stderr=errors, text=True, cwd=ROOT, env=environment
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def answer_server() -> Iterator[str]:
    """Run the answer server; the address of it."""
    command = [sys.executable, "-m", "benchmarks.answers"]
    with _process(command, subprocess.PIPE) as process:
        port = (process.stdout.readline() if process.stdout else "").strip()
        if not port.isdecimal():
            raise RuntimeError("the answer server did not start")
        yield f"http://{HOST}:{port}"


@contextlib.asynccontextmanager
async def headwater(settings: Mapping[str, str] | None = None) -> AsyncIterator[Server]:
    """Run the service on new data; `settings` are variables of its environment."""
    script = Path(sys.executable).with_name("headwater")
    command = [str(script)] if script.exists() else [sys.executable, "-m", "app.cli"]
    with _folder() as folder:
        port = str(free_port())
        started = [*command, "dev", "--port", port, "--data", str(folder / "data")]
        url, output = f"http://{HOST}:{port}", folder / "output"
        async with _serving(started, url, output, settings) as server:
            yield server


@contextlib.asynccontextmanager
async def limit(answers: str) -> AsyncIterator[Server]:
    """Run the limit on new data, calling the answer server at `answers`."""
    with _folder() as folder:
        port = str(free_port())
        command = [sys.executable, "-m", "benchmarks.limit"]
        started = [*command, "--port", port, "--data", str(folder), "--answers", answers]
        async with _serving(started, f"http://{HOST}:{port}", folder / "output") as server:
            yield server


@contextlib.asynccontextmanager
async def _serving(
    command: list[str], url: str, output: Path, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Server]:
    began = time.perf_counter()
    with output.open("w") as file, _process(command, file, file, settings) as process:
        async with ClientBuilder().no_proxy().build() as client:
            while not await _answers(client, url + "/readyz"):
                waited = time.perf_counter() - began
                if process.poll() is not None or waited > PATIENCE_SECONDS:
                    raise RuntimeError(f"not ready after {waited:.1f} s: {_said(output)}")
                await asyncio.sleep(0.01)
        ready = time.perf_counter() - began
        yield Server(url, psutil.Process(process.pid), ready)


def _said(output: Path) -> str:
    return output.read_text()[-2000:].strip() or "it said nothing"


async def _answers(client: Client, url: str) -> bool:
    try:
        return (await client.get(url).build().send()).status == 200
    except PyreqwestError:
        return False


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="headwater-bench-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def percentile(values: list[float], percent: int) -> float:
    """Return a percentile of some values."""
    if len(values) < 2:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
