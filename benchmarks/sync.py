"""Measure the sync: import of a large repository, push to active by webhook, pins.

    python -m benchmarks.sync [import push pin] [--flows 10000] [--commits 200] [--pushes 50]

The service runs in this process, on SQLite; the remote is a bare repository on this disk.
"""

import argparse
import asyncio
import hashlib
import hmac
import os
import resource
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

import orjson

from app.config import DatabaseSettings, GitSettings, Settings
from app.db.audit import AuditStore
from app.db.database import Database
from app.db.flows import FlowStore
from app.db.sources import SourceStore
from app.engine.clock import SystemClock
from app.plugins.registry import Registry
from app.sync.model import Actor
from app.sync.service import SyncService

NAMES = ("import", "push", "pin")
TENANTS, NAMESPACES = 10, 20
SECRET, KEY = "s3cret", "bench"
_FLOW = """\
id: flow{number}
namespace: company.team{namespace}
description: Flow {number} of the benchmark, version {version}

labels:
  owner: team{namespace}

inputs:
  - id: order
    type: STRING
    defaults: "{version}"

tasks:
  - id: check
    type: io.kestra.plugin.core.http.Request
    uri: "http://inventory.example/items/{{{{ inputs.order }}}}"
    method: POST
    body: "{{{{ {{'order': inputs.order}} | toJson }}}}"

  - id: reserve
    type: io.kestra.plugin.core.flow.If
    condition: "{{{{ outputs.check.code == 201 }}}}"
    then:
      - id: say
        type: io.kestra.plugin.core.log.Log
        message: "Reserved {{{{ inputs.order }}}} in flow {number}"
"""


class Repository:
    """A bare repository that is written by plain Git."""

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True)
        self.path = path
        self.clock = 1_700_000_000
        self.git("init", "-q", "--bare", "-b", "main")

    def git(self, *args: str, stdin: bytes = b"") -> str:
        """Run Git and return what it says."""
        environment = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": os.devnull}
        done = subprocess.run(
            ["git", *args],
            cwd=self.path,
            env=environment,
            input=stdin,
            capture_output=True,
            check=True,
        )
        return done.stdout.decode().strip()

    def commit(self, files: Iterator[tuple[str, str]]) -> None:
        """Commit files on top of the branch."""
        self.clock += 60
        parts = [
            f"commit refs/heads/main\ncommitter Ann <ann@example.org> {self.clock} +0000\n"
            "data 8\nA change\n".encode()
        ]
        if self.git("for-each-ref", "refs/heads/main"):
            parts.append(b"from refs/heads/main^0\n")
        for path, text in files:
            data = text.encode()
            parts.append(b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(data), data))
        self.git("fast-import", "--quiet", stdin=b"".join(parts))


def flow(number: int, version: int = 1) -> tuple[str, str]:
    """Return path and text of one of the flows."""
    tenant, namespace = number % TENANTS, number // TENANTS % NAMESPACES
    folder = f"tenants/t{tenant}/namespaces/company.team{namespace}/flows"
    text = _FLOW.format(number=number, namespace=namespace, version=version)
    return f"{folder}/flow{number}.yaml", text


def build(path: Path, flows: int, commits: int) -> Repository:
    """Make a repository of many flows, with a history of commits that each change some."""
    repository = Repository(path)
    repository.commit(flow(number) for number in range(flows))
    for version in range(2, commits + 1):
        chosen = range(version % 7, flows, max(1, flows // 10))
        repository.commit(flow(number, version) for number in chosen)
    return repository


@asynccontextmanager
async def service(folder: Path, repo: Path, url: str | None) -> AsyncIterator[SyncService]:
    """Run a sync service on a repository."""
    settings = Settings(
        data_dir=folder,
        database=DatabaseSettings(url=url),
        git=GitSettings(repo=str(repo), allow_file_protocol=True, hook_key=KEY, hook_secret=SECRET),
    )
    registry, clock = Registry.load(), SystemClock()
    database = Database.at(url, folder)
    await database.open()
    flows = FlowStore(database, registry)
    await flows.open()
    sync = SyncService(
        settings, SourceStore(database), flows, AuditStore(database), registry, clock
    )
    await sync.start()
    try:
        yield sync
    finally:
        await sync.stop()
        await database.close()


class Memory:
    """The peak of this process' resident memory, sampled; children are not counted."""

    def __init__(self) -> None:
        self.peak = 0.0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _sample(self) -> None:
        page = resource.getpagesize()
        while not self._end.wait(0.02):
            pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
            self.peak = max(self.peak, pages * page / 1e6)


async def measure_import(folder: Path, repository: Repository, url: str | None) -> None:
    """Import everything, then start again with nothing new."""
    begun = time.perf_counter()
    with Memory() as memory:
        async with service(folder / "data", repository.path, url) as sync:
            run = await sync.sync(timeout=300)
            seconds = time.perf_counter() - begun
            first = (await sync.runs())[-1]
            print(f"import: {seconds:.1f} s, peak {memory.peak:.0f} MB; {dict(first.counts)}")
            print(f"  {dict(first.phases)}")
            assert run is not None
    begun = time.perf_counter()
    async with service(folder / "data", repository.path, url) as sync:
        await sync.sync(cause="poll", timeout=300)
        print(f"start again: {time.perf_counter() - begun:.2f} s")


async def measure_push(folder: Path, repository: Repository, pushes: int, url: str | None) -> None:
    """Push commits; each is told by a webhook and awaited in the store of flows."""
    async with service(folder / "data", repository.path, url) as sync:
        await sync.sync(timeout=300)
        latencies, answers = [], []
        for version in range(1, pushes + 1):
            number = version * 37 % 100
            path, text = flow(number, 10_000 + version)
            begun = time.perf_counter()
            repository.commit(iter([(path, text)]))
            pushed = time.perf_counter()
            body = orjson.dumps({"ref": "refs/heads/main"})
            headers = {
                "X-GitHub-Event": "push",
                "X-GitHub-Delivery": f"{time.time_ns()}",
                "X-Hub-Signature-256": f"sha256={_signed(body)}",
                "Content-Type": "application/json",
            }
            await sync.deliver(KEY, headers, body)
            answers.append(time.perf_counter() - pushed)
            tip = repository.git("rev-parse", "refs/heads/main")
            place = path.split("/")
            while _active(sync, place[1], place[3], number) != tip:  # noqa: ASYNC110 - measured
                await asyncio.sleep(0.001)
            latencies.append(time.perf_counter() - begun)
        _show("push to active", latencies)
        _show("webhook answer", answers)


def _active(sync: SyncService, tenant: str, namespace: str, number: int) -> str:
    return sync.flows.effective(tenant, namespace, f"flow{number}").commit


async def measure_pin(folder: Path, repository: Repository, url: str | None) -> None:
    """Roll a flow back: until the next execution would run the old revision."""
    async with service(folder / "data", repository.path, url) as sync:
        await sync.sync(timeout=300)
        path, _ = flow(0)
        key = path.split("/")[1], path.split("/")[3], "flow0"
        repository.commit(iter([flow(0, 77)]))
        await sync.sync(timeout=300)
        latencies = []
        for _ in range(50):
            before = sync.flows.effective(*key).revision
            begun = time.perf_counter()
            pin = await sync.rollback(*key, reason="bench", actor=Actor("ann"))
            latencies.append(time.perf_counter() - begun)
            assert sync.flows.effective(*key).revision == pin.revision < before
            await sync.unpin(*key, Actor("ann"))
        _show("rollback by pin", latencies)


def _signed(body: bytes) -> str:
    return hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()


def _show(name: str, seconds: list[float]) -> None:
    ordered = sorted(seconds)
    p50, p95 = statistics.median(ordered), ordered[int(len(ordered) * 0.95)]
    print(f"{name}: p50 {p50 * 1000:.1f} ms, p95 {p95 * 1000:.1f} ms, max {ordered[-1] * 1000:.1f}")


async def run(arguments: argparse.Namespace) -> None:
    """Measure what was chosen."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        begun = time.perf_counter()
        repository = build(folder / "flows.git", arguments.flows, arguments.commits)
        print(f"{arguments.flows} flows, {arguments.commits} commits: made in", end=" ")
        print(f"{time.perf_counter() - begun:.1f} s")
        chosen = arguments.names or NAMES
        if "import" in chosen:
            await measure_import(folder, repository, arguments.url)
        if "push" in chosen:
            await measure_push(folder, repository, arguments.pushes, arguments.url)
        if "pin" in chosen:
            await measure_pin(folder, repository, arguments.url)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*NAMES, []])
    parser.add_argument("--flows", type=int, default=10_000)
    parser.add_argument("--commits", type=int, default=200)
    parser.add_argument("--pushes", type=int, default=50)
    parser.add_argument("--url", help="address of a PostgreSQL database instead of SQLite")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
