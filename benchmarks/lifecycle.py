"""Measure the Git lifecycle of a running service against the figures that are promised.

    scripts/bench --git [--flows 10000] [--commits 2000] [--json FILE]

A repository of ten tenants × twenty namespaces is generated and served by a smart-HTTP Git server
on loopback; the service is a process of its own, told of pushes by signed webhooks. Every figure
stands beside its limit; the exit code is 1 when one is missed.
"""

import argparse
import asyncio
import hashlib
import hmac
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import orjson
import psutil

from benchmarks.processes import Server, headwater, percentile
from benchmarks.repositories import LAYOUT, flow, generate
from tests.git.server import GitServer, serving

KEY, SECRET = "bench", "a secret of the benchmark"
BRANCH = "refs/heads/main"
PATIENCE = 120.0


@dataclass
class Figure:
    """One measured figure and the most that it may be."""

    name: str
    value: float
    limit: float
    unit: str

    @property
    def holds(self) -> bool:
        """Whether the limit is kept."""
        return self.value <= self.limit


@dataclass
class Bench:
    """A service that follows a repository, and what was measured of them."""

    repository: Path
    flows: int
    server: Server
    client: httpx2.AsyncClient
    acks: list[float] = field(default_factory=list)
    deliveries: int = 0

    # -- the repository --------------------------------------------------------------------------

    def git(self, *args: str, stdin: bytes = b"") -> str:
        """Run Git in the repository and return what it says."""
        done = subprocess.run(
            ["git", "-C", str(self.repository), *args], input=stdin, capture_output=True, check=True
        )
        return done.stdout.decode().strip()

    def place(self, number: int) -> tuple[str, str, str]:
        """Return tenant, namespace and id of one of the flows."""
        number %= self.flows
        return f"t{number % 10}", f"company.team{number // 10 % 20}", f"flow{number}"

    def commit(self, numbers: range, change: int, parent: str = f"{BRANCH}^0") -> str:
        """Change some flows in one commit on top of `parent`; return it."""
        return self.push([(numbers, change)], parent)

    def push(self, changes: Sequence[tuple[range, int]], parent: str = f"{BRANCH}^0") -> str:
        """Make several commits at once, each of some flows; return the last."""
        parts = []
        for numbers, change in changes:
            parts.append(self._head(parent))
            parts += [self._file(number, change) for number in numbers]
            parent = ""
        self.git("fast-import", "--quiet", "--force", stdin=b"".join(parts))
        return self.git("rev-parse", BRANCH)

    def _head(self, parent: str) -> bytes:
        who = f"Ann <a@x> {int(time.time())} +0000"
        head = f"commit {BRANCH}\nauthor {who}\ncommitter {who}\ndata 6\nchange\n"
        return f"{head}from {parent}\n".encode() if parent else head.encode()

    def _file(self, number: int, change: int) -> bytes:
        tenant, namespace, name = self.place(number)
        data = flow(namespace, name, change)
        path = LAYOUT.flow_path(tenant, namespace, name).encode()
        return b"M 100644 inline %s\ndata %d\n%s\n" % (path, len(data), data)

    # -- the service -----------------------------------------------------------------------------

    async def tell(self, event: str = "push", payload: dict[str, Any] | None = None) -> None:
        """Deliver a signed webhook; the time of its answer is kept."""
        self.deliveries += 1
        body = orjson.dumps(payload or {"ref": BRANCH})
        signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        headers = {
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": f"bench-{self.deliveries}",
            "X-Hub-Signature-256": f"sha256={signature}",
            "Content-Type": "application/json",
        }
        begun = time.perf_counter()
        answer = await self.client.post(f"/api/v1/hooks/git/{KEY}", content=body, headers=headers)
        self.acks.append((time.perf_counter() - begun) * 1000)
        if answer.status_code not in (200, 202):
            raise RuntimeError(f"webhook: {answer.status_code} {answer.text[:300]}")

    async def commit_of(self, number: int) -> str:
        """Return the commit whose revision of a flow is active, "" if there is none."""
        tenant, namespace, name = self.place(number)
        answer = await self.client.get(f"/api/v1/{tenant}/flows/{namespace}/{name}")
        return str(answer.json().get("commit", "")) if answer.status_code == 200 else ""

    async def active(self, number: int, commit: str) -> None:
        """Wait until a flow is active as a commit has it."""
        end = time.perf_counter() + PATIENCE
        while await self.commit_of(number) != commit:
            if time.perf_counter() > end:
                raise RuntimeError(f"flow{number} is not active at {commit} after {PATIENCE:g} s")
            await asyncio.sleep(0.02)  # asking more often would slow down what is measured


# -- what is measured ----------------------------------------------------------------------------


async def push(bench: Bench) -> list[Figure]:
    """Push one changed flow at a time."""
    seconds = []
    for number in range(40):
        begun = time.perf_counter()
        commit = bench.commit(range(number * 37, number * 37 + 1), 100_000 + number)
        await bench.tell()
        await bench.active(number * 37, commit)
        seconds.append(time.perf_counter() - begun)
    return [
        Figure("push to active, p50", percentile(seconds, 50), 1.0, "s"),
        Figure("push to active, p95", percentile(seconds, 95), 1.0, "s"),
    ]


async def codemod(bench: Bench) -> list[Figure]:
    """Change 500 flows in one commit."""
    count = min(500, bench.flows)
    begun = time.perf_counter()
    commit = bench.commit(range(count), 200_000)
    await bench.tell()
    await bench.active(count - 1, commit)
    return [Figure(f"one commit of {count} flows", time.perf_counter() - begun, 3.0, "s")]


async def behind(bench: Bench) -> list[Figure]:
    """Let 200 commits come in one push."""
    commit = bench.push(
        [(range(number * 3, number * 3 + 3), 300_000 + number) for number in range(200)]
    )
    begun = time.perf_counter()
    await bench.tell()
    await bench.active(199 * 3, commit)
    return [Figure("200 commits behind", time.perf_counter() - begun, 2.0, "s")]


async def forced(bench: Bench) -> list[Figure]:
    """Throw 30 commits away and push five others in their place."""
    base = bench.git("rev-parse", BRANCH)
    for number in range(30):
        last = bench.commit(range(number, number + 1), 400_000 + number)
    await bench.tell()
    await bench.active(29, last)
    parent = base
    for number in range(5):
        parent = bench.commit(range(number, number + 1), 500_000 + number, parent)
    begun = time.perf_counter()
    await bench.tell()
    await bench.active(4, parent)
    return [Figure("force push of -30/+5 commits", time.perf_counter() - begun, 1.0, "s")]


async def revisions(bench: Bench) -> list[Figure]:
    """Read old revisions of many flows, as the API answers them."""
    milliseconds = []
    for number in range(0, 3_000, 10):
        tenant, namespace, name = bench.place(number)
        begun = time.perf_counter()
        answer = await bench.client.get(
            f"/api/v1/{tenant}/flows/{namespace}/{name}/source", params={"revision": 1}
        )
        milliseconds.append((time.perf_counter() - begun) * 1000)
        if answer.status_code != 200:
            raise RuntimeError(f"revision 1 of {name}: {answer.status_code} {answer.text[:300]}")
    return [Figure("old revision read, p95", percentile(milliseconds, 95), 5.0, "ms")]


async def deliveries(bench: Bench) -> list[Figure]:
    """Deliver many webhooks while the service syncs."""
    bench.acks.clear()
    bench.commit(range(100), 600_000)
    for _ in range(400):
        await bench.tell()
    return [Figure("webhook answer, p99", percentile(bench.acks, 99), 50.0, "ms")]


async def plan(bench: Bench) -> list[Figure]:
    """Plan a change of 50 flows, as a pull request has it."""
    base = bench.git("rev-parse", BRANCH)
    count = min(50, bench.flows)
    commit = bench.commit(range(count), 700_000)
    await bench.tell()
    await bench.active(count - 1, commit)
    seconds = []
    for _ in range(5):
        begun = time.perf_counter()
        answer = await bench.client.get(
            "/api/v1/sources/main/diff",
            params={"from": base, "to": commit, "format": "semantic"},
        )
        seconds.append(time.perf_counter() - begun)
        if answer.status_code != 200:
            raise RuntimeError(f"plan: {answer.status_code} {answer.text[:300]}")
    return [Figure(f"plan of {count} flows", max(seconds), 3.0, "s")]


MEASURES: dict[str, Callable[[Bench], Awaitable[list[Figure]]]] = {
    "push": push,
    "codemod": codemod,
    "behind": behind,
    "forced": forced,
    "revisions": revisions,
    "deliveries": deliveries,
    "plan": plan,
}


# -- the frame -----------------------------------------------------------------------------------


class Peak:
    """The most memory that a process had, in MB; its children (Git) are not counted."""

    def __init__(self, process: psutil.Process) -> None:
        """Look at `process`."""
        self.mb = 0.0
        self._process = process

    async def watch(self) -> None:
        """Look again and again."""
        while True:
            self.mb = max(self.mb, self._process.memory_info().rss / 1e6)
            await asyncio.sleep(0.05)


@asynccontextmanager
async def following(folder: Path, git: GitServer, flows: int) -> AsyncIterator[Bench]:
    """Run a service that follows the repository."""
    settings = {
        "HEADWATER_GIT__REPO": git.url("flows.git"),
        "HEADWATER_GIT__USERNAME": "ann",
        "HEADWATER_GIT__TOKEN": git.users["ann"].password,
        "HEADWATER_GIT__HOOK_KEY": KEY,
        "HEADWATER_GIT__HOOK_SECRET": SECRET,
    }
    async with (
        headwater(settings) as server,
        httpx2.AsyncClient(base_url=server.url, timeout=60, trust_env=False) as client,
    ):
        yield Bench(folder / "flows.git", flows, server, client)


async def measure(folder: Path, flows: int, commits: int, chosen: list[str]) -> list[Figure]:
    """Generate, serve, follow, measure."""
    generate(folder / "flows.git", flows, commits)
    found = []
    git: GitServer
    with serving(folder) as git:
        begun = time.perf_counter()
        async with following(folder, git, flows) as bench, asyncio.TaskGroup() as group:
            peak = Peak(bench.server.process)
            watching = group.create_task(peak.watch())
            tip = bench.git("rev-parse", BRANCH)
            changed = bench.git("log", "-1", "--format=", "--name-only", tip).splitlines()[0]
            number = int(Path(changed).stem.removeprefix("flow"))
            await bench.active(number, tip)
            found.append(Figure("cold start to active", time.perf_counter() - begun, 30.0, "s"))
            for name in chosen:
                found += await MEASURES[name](bench)
            found.append(Figure("memory of the service, peak", peak.mb, 250.0, "MB"))
            watching.cancel()
    return found


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench --git", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(MEASURES)}")
    parser.add_argument("--flows", type=int, default=10_000)
    parser.add_argument("--commits", type=int, default=2_000)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to a file")
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.names if name not in MEASURES]:
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(MEASURES)}")
    chosen = arguments.names or list(MEASURES)
    with tempfile.TemporaryDirectory(prefix="headwater-bench-") as name:
        found = asyncio.run(measure(Path(name), arguments.flows, arguments.commits, chosen))
    print(f"{arguments.flows} flows, {arguments.commits} commits")
    for each in found:
        verdict = "" if each.holds else "  MISSED"
        print(f"  {each.name:32} {each.value:8.3f} {each.unit:2}  (≤ {each.limit:g}){verdict}")
    if arguments.json:
        figures = {each.name: {"value": each.value, "limit": each.limit} for each in found}
        arguments.json.write_bytes(orjson.dumps(figures, option=orjson.OPT_INDENT_2) + b"\n")
    sys.exit(0 if all(each.holds for each in found) else 1)


if __name__ == "__main__":
    main()
