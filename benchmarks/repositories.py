"""What Git costs: history, reads, commits and trees of a generated repository.

    python -m benchmarks.repositories [--flows 10000] [--commits 2000]

Ten tenants × twenty namespaces; each commit changes ten flows, so that 2,000 commits and 10,000
flows are about 30,000 changes. Prints one line a measure; figures depend on the machine.
"""

import argparse
import random
import resource
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from app.git import location
from app.git.draft import Draft, Person
from app.git.history import history
from app.git.identity import identify
from app.git.layout import Kind, Layout
from app.git.mirror import Mirror
from app.git.survey import survey
from app.git.trees import ls_tree
from app.git.writer import Writer

LAYOUT = Layout()
ANN = Person("Ann", "ann@example.org")


def flow(namespace: str, name: str, change: int) -> bytes:
    """Return a flow of about 1.3 KB."""
    steps = "".join(
        f"  - id: step{step}\n    type: io.kestra.plugin.core.http.Request\n"
        f"    uri: https://example.org/orders/{step}/{change}\n    method: POST\n"
        f"    body: '{{{{ outputs.step{step}.body }}}}'\n"
        for step in range(8)
    )
    head = f"id: {name}\nnamespace: {namespace}\ndescription: number {change}\n"
    return f"{head}tasks:\n{steps}".encode()


def stream(flows: int, commits: int) -> Iterator[bytes]:
    """Yield a fast-import stream: one commit of all flows, then commits of ten changes."""
    dice = random.Random(1)
    places = [(f"t{n % 10}", f"company.team{n // 10 % 20}", f"flow{n}") for n in range(flows)]
    for number in range(commits):
        chosen = places if number == 0 else [dice.choice(places) for _ in range(11)]
        at = 1_700_000_000 + number * 60
        yield (
            f"commit refs/heads/main\nauthor Ann <a@x> {at} +0000\ncommitter Ann <a@x> {at} +0000\n"
            f"data 7\nchange\n\n"
        ).encode()
        for tenant, namespace, name in chosen:
            data = flow(namespace, name, number)
            path = LAYOUT.flow_path(tenant, namespace, name)
            yield b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(data), data)


def generate(folder: Path, flows: int, commits: int) -> None:
    """Write the repository."""
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(folder)], check=True)
    command = ["git", "-C", str(folder), "fast-import", "--quiet"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        for part in stream(flows, commits):
            process.stdin.write(part)
        process.stdin.close()


def measure(what: str, work: Callable[[], str]) -> None:
    """Print what one piece of work took, and what it says of itself."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    started = time.perf_counter()
    said = work()
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        f"{what:34} {wall:7.2f} s wall {cpu:6.2f} s own CPU  {after.ru_maxrss >> 10:4} MB  {said}"
    )


def whole_history(mirror: Mirror) -> str:
    """Stream the history."""
    commits = changes = 0
    for change in history(mirror.disk.launcher, mirror.tip("main")):
        commits += 1
        changes += len(change.changes)
    return f"{commits} commits, {changes} changes"


def identities(mirror: Mirror) -> str:
    """Find the identity of each blob of the history."""
    blobs = {
        change.new_blob
        for commit in history(mirror.disk.launcher, mirror.tip("main"))
        for change in commit.changes
        if change.new_blob
    }
    known = sum(identify(data) is not None for _, data in mirror.objects.read_many(blobs))
    return f"{known} of {len(blobs)} blobs"


def current_tree(mirror: Mirror) -> str:
    """List the tip, sort it by the layout, read every flow."""
    entries = ls_tree(mirror.disk.launcher, mirror.tip("main"), sizes=True)
    flows = [located.entry.oid for located in survey(entries, LAYOUT).of(Kind.FLOW)]
    size = sum(len(data) for _, data in mirror.objects.read_many(flows))
    return f"{len(flows)} flows, {size >> 20} MB"


def threaded_reads(mirror: Mirror, threads: int, each: int) -> str:
    """Read single objects from many threads."""
    entries = ls_tree(mirror.disk.launcher, mirror.tip("main"))
    started = time.perf_counter()

    def work(seed: int) -> None:
        dice = random.Random(seed)
        for _ in range(each):
            mirror.objects.read(dice.choice(entries).oid)

    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    rate = threads * each / (time.perf_counter() - started)
    return f"{rate:,.0f} reads/s on {threads} threads"


def maintained(mirror: Mirror) -> str:
    """Pack refs and objects, write the commit graph."""
    mirror.maintain()
    return f"{len(list(mirror.folder.glob('objects/pack/*.pack')))} pack"


def single_commits(writer: Writer, mirror: Mirror, branch: str, count: int) -> str:
    """Commit one changed flow at a time."""
    path = LAYOUT.flow_path("t1", "company.team1", "flow11")
    took = []
    for number in range(count):
        started = time.perf_counter()
        draft = Draft({path: flow("company.team1", "flow11", 1_000_000 + number)}, "Edit", ANN)
        parent = mirror.branches().get(branch)
        writer.commit(branch, draft, parent=parent)
        mirror.fetch()
        took.append(time.perf_counter() - started)
    took.sort()
    return f"p50 {statistics.median(took) * 1000:.0f} ms, p95 {took[-count // 20] * 1000:.0f} ms"


def main() -> None:
    """Generate, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flows", type=int, default=10_000)
    parser.add_argument("--commits", type=int, default=2_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        generate(folder / "origin.git", options.flows, options.commits)
        with Mirror(folder / "mirror", location.local(folder / "origin.git")) as mirror:
            measure("first fetch", lambda: f"{len(mirror.fetch())} ref")
            measure("fetch, nothing new", lambda: f"{len(mirror.fetch())} refs")
            measure("ls-remote", lambda: f"{len(mirror.ls_remote())} ref")
            measure("history", lambda: whole_history(mirror))
            measure("history + read + identity", lambda: identities(mirror))
            measure("ls-tree + survey + read", lambda: current_tree(mirror))
            measure("single reads", lambda: threaded_reads(mirror, 8, 5_000))
            measure("maintain", lambda: maintained(mirror))
            writer = Writer(mirror, ANN)
            measure("commit + push + fetch", lambda: single_commits(writer, mirror, "main", 40))
        with Mirror(folder / "own", location.own()) as own:
            writer = Writer(own, ANN)
            measure("commit, own repository", lambda: single_commits(writer, own, "main", 40))


if __name__ == "__main__":
    main()
