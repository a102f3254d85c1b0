"""Kills and damage: stale locks, truncated files, kill -9 during a fetch."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from app.errors import MirrorCorrupt, RemoteUnreachable, Unavailable
from app.git import location
from app.git.locks import FolderLock
from app.git.mirror import Mirror
from app.git.refs import KEEP
from tests.git.conftest import MakeMirror
from tests.git.scratch import Scratch, loosen
from tests.git.server import GitServer


def objects_of(mirror: Mirror) -> list[Path]:
    return [path for path in (mirror.folder / "objects").rglob("*") if path.is_file()]


def test_stale_locks_are_removed(mirror: Mirror, scratch: Scratch) -> None:
    scratch.commit({"a": b"1"})
    mirror.fetch()
    names = [
        "packed-refs.lock",
        "config.lock",
        "HEAD.lock",
        "refs/remotes/origin/main.lock",
        "objects/pack/tmp_pack_abc",
    ]
    for name in names:
        (mirror.folder / name).write_text("")
    new = scratch.commit({"a": b"2"})
    mirror.fetch()
    assert mirror.tip("main") == new
    assert [name for name in names if (mirror.folder / name).exists()] == []


def test_truncated_objects_are_replaced_by_the_next_fetch(mirror: Mirror, scratch: Scratch) -> None:
    scratch.commit({"a": b"1"})
    mirror.fetch()
    for path in objects_of(mirror):
        path.chmod(0o600)
        path.write_bytes(path.read_bytes()[:3])
    mirror.objects.reset()
    new = scratch.commit({"a": b"2"})
    changes = mirror.fetch()
    assert changes[0].new == new
    assert mirror.tip("main") == new
    assert mirror.folder.with_name("mirror.damaged").is_dir()
    mirror.verify()


def test_missing_objects_are_found_by_verify(mirror: Mirror, scratch: Scratch) -> None:
    scratch.commit({"a": b"1"})
    mirror.fetch()
    loosen(mirror.folder)
    blob = scratch.git("rev-parse", "main:a")
    (mirror.folder / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(MirrorCorrupt):
        mirror.verify()
    mirror.repair()
    mirror.verify()


@pytest.mark.parametrize("harm", ["head", "ref", "packed", "empty"])
def test_damaged_mirror_is_made_anew_when_opened(
    make_mirror: MakeMirror, scratch: Scratch, harm: str
) -> None:
    sha = scratch.commit({"a": b"1"})
    where = location.local(scratch.path)
    with make_mirror(where) as first:
        first.fetch()
        if harm == "head":
            (first.folder / "HEAD").unlink()
        elif harm == "ref":
            (first.folder / "refs/remotes/origin/main").write_text("")
        elif harm == "packed":
            first.maintain()
            (first.folder / "packed-refs").write_bytes(b"\0\1\2 garbage\n")
        else:
            for path in objects_of(first):
                path.unlink()
    again = make_mirror(where)
    again.fetch()
    assert again.tip("main") == sha
    again.verify()


def test_kept_refs_survive_a_repair(mirror: Mirror, scratch: Scratch) -> None:
    base = scratch.commit({"a": b"1"})
    lost = scratch.commit({"a": b"2"})
    mirror.fetch()
    scratch.commit({"a": b"3"}, parents=[base])
    [change] = mirror.fetch()
    assert change.kept is not None
    mirror.repair()
    assert mirror.refs.below(KEEP) == {change.kept: lost}
    assert mirror.has(lost)


def test_repair_while_the_remote_is_down_loses_nothing(
    remote_mirror: Mirror, scratch: Scratch, server: GitServer
) -> None:
    sha = scratch.commit({"a": b"1"})
    remote_mirror.fetch()
    server.status = 503
    with pytest.raises(RemoteUnreachable):
        remote_mirror.repair()
    assert remote_mirror.tip("main") == sha
    server.status = None
    remote_mirror.repair()
    assert remote_mirror.tip("main") == sha


def test_own_repository_is_never_thrown_away(make_mirror: MakeMirror) -> None:
    with make_mirror(location.own(), "mine") as own:
        with pytest.raises(MirrorCorrupt, match="backup"):
            own.repair()
        (own.folder / "HEAD").unlink()
    with pytest.raises(MirrorCorrupt, match="backup"):
        make_mirror(location.own(), "mine")
    assert own.folder.exists()


_KILLED = """
    import sys
    from pathlib import Path
    from app.git import location
    from app.git.mirror import Mirror
    mirror = Mirror(Path(sys.argv[1]), location.local(Path(sys.argv[2])))
    print("ready", flush=True)
    while True:
        mirror.fetch()
"""


@pytest.mark.fault
@pytest.mark.parametrize("delay", [0.0, 0.01, 0.02, 0.04, 0.07, 0.11])
def test_kill_9_during_fetch(
    make_mirror: MakeMirror, scratch: Scratch, tmp_path: Path, delay: float
) -> None:
    scratch.commit({f"f{number}": os.urandom(3000) for number in range(50)})
    where = location.local(scratch.path)
    make_mirror(where).close()
    child = subprocess.Popen(
        [
            sys.executable,
            "-c",
            textwrap.dedent(_KILLED),
            tmp_path / "data" / "mirror",
            scratch.path,
        ],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready\n"
    new = scratch.commit({f"g{number}": os.urandom(3000) for number in range(150)})
    deadline = time.monotonic() + delay
    while time.monotonic() < deadline:
        pass
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    mirror = make_mirror(where)
    mirror.fetch()
    assert mirror.tip("main") == new
    mirror.verify()
    assert not list(mirror.folder.rglob("*.lock"))


def test_lock_is_held_by_children_that_outlive_us(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path / "x", seconds=0.2)
    with lock.held():
        sleeper = subprocess.Popen(["sleep", "30"], pass_fds=lock.inherited())
    other = FolderLock(tmp_path / "x", seconds=0.2)
    with pytest.raises(Unavailable), other.held():
        pass
    sleeper.kill()
    sleeper.wait()
    with other.held() as fresh:
        assert fresh
        with other.held() as again:
            assert not again
    assert other.inherited() == ()
