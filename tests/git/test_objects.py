"""The pool of readers: threads, dead children, missing, huge and damaged objects."""

import os
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from app.errors import BadRequest, MirrorCorrupt, ObjectMissing, TooLarge, Unavailable
from app.git.mirror import Mirror
from app.git.objects import ObjectReader
from app.git.trees import blob_of, ls_tree, tree_of
from tests.git.scratch import Scratch, loosen, plain_environment


def children_of(parent: int) -> list[int]:
    listing = Path(f"/proc/{parent}/task").glob("*/children")
    return [int(pid) for path in listing for pid in path.read_text().split()]


def test_reads_by_id_in_order(mirror: Mirror, scratch: Scratch) -> None:
    files = {f"f{number}": os.urandom(number * 37) for number in range(200)}
    files["empty"] = b""
    files["line\\n"] = b"\n\n\0\n"
    sha = scratch.commit(dict(files))
    mirror.fetch()
    entries = ls_tree(mirror.disk.launcher, sha, sizes=True)
    assert {entry.path: entry.size for entry in entries} == {k: len(v) for k, v in files.items()}
    read = mirror.objects.read_many(entry.oid for entry in entries)
    for entry, (oid, data) in zip(entries, read, strict=True):
        assert (entry.oid, data) == (oid, files[entry.path])


def test_many_threads_get_their_own_bytes(mirror: Mirror, scratch: Scratch) -> None:
    files = {f"f{number}": str(number).encode() * number for number in range(300)}
    sha = scratch.commit(dict(files))
    mirror.fetch()
    entries = ls_tree(mirror.disk.launcher, sha)
    wrong: list[str] = []

    def work(start: int) -> None:
        for entry in entries[start:] + entries[:start]:
            right = mirror.objects.read(entry.oid) == files[entry.path]
            wrong.extend([] if right else [entry.path])

    threads = [threading.Thread(target=work, args=(start,)) for start in range(0, 300, 40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_dead_children_are_replaced(mirror: Mirror, scratch: Scratch) -> None:
    sha = scratch.commit({"a": b"1"})
    mirror.fetch()
    blob = blob_of(mirror.objects, sha, "a")
    assert blob is not None
    killed = 0
    for pid in children_of(os.getpid()):
        if b"cat-file" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)
            killed += 1
    assert killed
    assert mirror.objects.read(blob) == b"1"


def test_a_stopped_child_does_not_hang_us(mirror: Mirror, scratch: Scratch) -> None:
    from app.git.process import Launcher, Limits

    sha = scratch.commit({"a": b"1"})
    mirror.fetch()
    launcher = Launcher(mirror.folder, mirror.disk.launcher.environment, Limits(seconds=30))
    before = set(children_of(os.getpid()))
    reader = ObjectReader(launcher, size=1)
    assert reader.info(sha)
    [pid] = set(children_of(os.getpid())) - before
    os.kill(pid, signal.SIGSTOP)
    [stopped] = reader._idle
    stopped._seconds = 0.3  # of this one only: the next one may take its time to start
    assert reader.info(sha)
    reader.close()


def test_missing(mirror: Mirror, scratch: Scratch) -> None:
    sha = scratch.commit({"a": b"1"})
    mirror.fetch()
    assert mirror.objects.info("f" * 40) is None
    assert mirror.objects.info(f"{sha}:nope") is None
    with pytest.raises(ObjectMissing):
        mirror.objects.read("f" * 40)
    blob = blob_of(mirror.objects, sha, "a") or ""
    reading = mirror.objects.read_many([blob, "f" * 40, blob])
    assert next(reading) == (blob, b"1")
    with pytest.raises(ObjectMissing):
        next(reading)


@pytest.mark.parametrize("name", ["", "a\nb", "a\rb", "a\0b", "x" * 2000])
def test_names_of_one_line_only(mirror: Mirror, name: str) -> None:
    with pytest.raises(BadRequest):
        mirror.objects.info(name)


def test_words_of_the_protocol_are_names(mirror: Mirror, scratch: Scratch) -> None:
    scratch.commit({"a": b"1"})
    mirror.fetch()
    for name in ("flush", "contents HEAD", "info x", "--batch", "missing", "a b c d"):
        assert mirror.objects.info(name) is None
    assert mirror.objects.info("refs/remotes/origin/main")


@pytest.mark.parametrize(
    "size",
    [1 << 27, pytest.param(1 << 30, marks=[pytest.mark.slow, pytest.mark.timeout(300)])],
)
def test_zeros_without_end_are_refused_by_their_size(
    mirror: Mirror, scratch: Scratch, size: int
) -> None:
    """A thousandth of it in the pack: only the size is looked at, no content leaves Git."""
    zeros = subprocess.Popen(["head", "-c", str(size), "/dev/zero"], stdout=subprocess.PIPE)
    blob = (
        subprocess.run(
            ["git", "-c", "core.bigFileThreshold=1m", "hash-object", "-w", "--stdin"],
            stdin=zeros.stdout,
            cwd=scratch.path,
            env=plain_environment(),
            capture_output=True,
            check=True,
        )
        .stdout.decode()
        .strip()
    )
    zeros.wait()
    assert zeros.stdout is not None
    zeros.stdout.close()
    tree = scratch.git("mktree", stdin=f"100644 blob {blob}\tbig.yaml\n".encode())
    commit = scratch.git("commit-tree", "-m", "big", tree)
    scratch.git("update-ref", "refs/heads/main", commit)
    mirror.fetch()
    [entry] = ls_tree(mirror.disk.launcher, commit, sizes=True)
    assert entry.size == size
    with pytest.raises(TooLarge, match=str(size)):
        mirror.objects.read(blob, limit=1 << 20)


def test_damaged_object(mirror: Mirror, scratch: Scratch) -> None:
    sha = scratch.commit({"a": b"1" * 5000})
    mirror.fetch()
    blob = blob_of(mirror.objects, sha, "a") or ""
    loosen(mirror.folder)
    path = mirror.folder / "objects" / blob[:2] / blob[2:]
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:8])
    mirror.objects.reset()
    with pytest.raises((MirrorCorrupt, ObjectMissing)):
        mirror.objects.read(blob)
    mirror.repair()
    assert mirror.objects.read(blob) == b"1" * 5000


def test_trees(mirror: Mirror, scratch: Scratch) -> None:
    sha = scratch.commit({"x/a": b"1", "x/y/b": b"2", "c": b"3"})
    mirror.fetch()
    launcher = mirror.disk.launcher
    assert [entry.path for entry in ls_tree(launcher, sha, "x")] == ["x/a", "x/y/b"]
    flat = ls_tree(launcher, sha, "x", recursive=False)
    assert [(entry.path, entry.kind) for entry in flat] == [("x/a", "blob"), ("x/y", "tree")]
    assert tree_of(mirror.objects, sha, "x/y") == flat[1].oid
    assert tree_of(mirror.objects, sha, "c") is None
    assert blob_of(mirror.objects, sha, "x") is None
    assert tree_of(mirror.objects, sha, "nope") is None
    for folder in ("nope", "c"):
        with pytest.raises(ObjectMissing):
            ls_tree(launcher, sha, folder)
    with pytest.raises(ObjectMissing):
        ls_tree(launcher, "f" * 40)


def test_closed(mirror: Mirror) -> None:
    mirror.close()
    with pytest.raises(Unavailable):
        mirror.objects.info("x")
