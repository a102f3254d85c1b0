"""The copy of a repository is a cache: lost or damaged, nothing that ran is lost with it."""

import asyncio
import shutil
from pathlib import Path

import pytest

from app.db.records import SyncRun
from app.errors import NotFound
from app.ports import Clock
from app.sync.retention import tidy
from tests.git.scratch import Content, Scratch, loosen
from tests.sync.rig import Rig, flow, path


def file(name: str) -> str:
    return f"tenants/main/namespaces/shop/files/{name}"


def change(number: int) -> dict[str, Content]:
    return {
        path("a"): flow("a", str(number)),
        file("data.txt"): f"data {number}".encode(),
        file("sub/run.sh"): ("100755", f"echo {number}".encode()),
    }


def copy_of(rig: Rig) -> Path:
    return rig.sync.main.parts.repository.mirror.folder


async def polled(rig: Rig, cause: str = "poll") -> SyncRun:
    run = await rig.sync.sync(cause=cause)
    assert run is not None
    return run


async def used(rig: Rig, commit: str, name: str = "data.txt") -> bytes:
    """Read a file as an execution of a commit does."""
    return await rig.sync.files.read("main", "shop", name, commit)


async def lost(rig: Rig, scratch: Scratch, base: str) -> None:
    """Start again without our copy, after the remote has forgotten all that came after `base`."""
    await rig.stop()
    await asyncio.to_thread(shutil.rmtree, rig.folder / "git")
    scratch.commit({path("a"): flow("a", "new")}, parents=[base])
    scratch.git("reflog", "expire", "--expire=now", "--all")
    scratch.git("gc", "--prune=now", "--quiet")
    await rig.start()
    await polled(rig)


async def test_everything_that_was_used_is_readable_without_copy_and_history(
    rig: Rig, scratch: Scratch
) -> None:
    base = scratch.commit({"README.md": b"hello"})
    commits = []
    for number in range(4):
        commits.append(scratch.commit(change(number)))
        await polled(rig)
        assert await used(rig, commits[-1]) == b"data %d" % number
    await rig.sync.shared.vault.settled()
    await lost(rig, scratch, base)
    for number, commit in enumerate(commits):
        loaded = await rig.flows.at("main", "shop", "a", commit=commit)
        assert loaded.source == flow("a", str(number)).decode()
        assert await used(rig, commit) == b"data %d" % number
        assert await used(rig, commit, "sub/run.sh") == b"echo %d" % number  # never read before
        entries = await rig.sync.files.entries("main", "shop", commit)
        assert [(each.path, each.size, each.executable) for each in entries] == [
            ("data.txt", 6, False),
            ("sub/run.sh", 6, True),
        ]


INHERITED: dict[str, Content] = {
    "tenants/main/namespaces/shop/namespace.yaml": (
        b"pluginDefaults: [{type: io.kestra.plugin.core.log.Log, values: {level: WARN}}]\n"
    ),
    "tenants/main/variables.yaml": b"who: [a, b]\n",
}


async def test_what_it_inherited_is_there_without_copy_and_history(
    rig: Rig, scratch: Scratch
) -> None:
    base = scratch.commit({"README.md": b"hello"})
    commit = scratch.commit({**change(1), **INHERITED})
    await polled(rig)
    await rig.flows.at("main", "shop", "a", snapshot=commit)
    await rig.sync.variables.of("main", "shop", commit)
    await lost(rig, scratch, base)
    assert not rig.sync.main.parts.repository.mirror.has(commit)
    loaded = await rig.flows.at("main", "shop", "a", revision=1, snapshot=commit)
    assert [task.level for task in loaded.complete().flow.tasks] == ["WARN"]
    assert await rig.sync.variables.of("main", "shop", commit) == {"who": ["a", "b"]}


async def test_what_was_used_needs_no_repository_at_all(rig: Rig, scratch: Scratch) -> None:
    commit = scratch.commit(change(1))
    await polled(rig)
    await used(rig, commit)
    await rig.sync.shared.vault.settled()
    await rig.stop()
    await asyncio.to_thread(shutil.rmtree, rig.folder / "git")
    await asyncio.to_thread(shutil.rmtree, scratch.path)
    await rig.start()
    assert rig.runs("a").commit == commit
    assert await used(rig, commit, "sub/run.sh") == b"echo 1"


async def test_a_content_is_kept_once(rig: Rig, scratch: Scratch) -> None:
    first = scratch.commit(change(1))
    second = scratch.commit({path("a"): flow("a", "2")})
    await polled(rig)
    for commit in (first, second):
        await used(rig, commit)
    await rig.sync.shared.vault.settled()
    kept = [each for each in (rig.folder / "storage").rglob("*") if each.is_file()]
    assert len([each for each in kept if each.suffix != ".json"]) == 2
    assert len([each for each in kept if each.suffix == ".json"]) == 2


async def test_reading_what_is_active_keeps_nothing(rig: Rig, scratch: Scratch) -> None:
    scratch.commit(change(1))
    await polled(rig)
    assert await rig.sync.files.read("main", "shop", "data.txt") == b"data 1"
    await rig.sync.shared.vault.settled()
    assert not [each for each in (rig.folder / "storage").rglob("*") if each.is_file()]


async def test_a_copy_that_vanishes_is_fetched_anew(rig: Rig, scratch: Scratch) -> None:
    old = scratch.commit(change(1))
    await polled(rig)
    await asyncio.to_thread(shutil.rmtree, copy_of(rig))
    scratch.commit(change(2))
    while (run := await polled(rig)).outcome == "FAILED":
        assert "RemoteUnreachable" not in run.reason
    assert (await rig.active())["main/shop/a"] == flow("a", "2")
    assert await used(rig, old) == b"data 1"
    assert [each.kind for each in await rig.history("a")] == ["commit", "commit"]


async def test_a_reader_notices_that_a_copy_has_vanished(rig: Rig, scratch: Scratch) -> None:
    commit = scratch.commit(change(1))
    await polled(rig)
    await asyncio.to_thread(shutil.rmtree, copy_of(rig))
    assert await used(rig, commit) == b"data 1"
    assert (copy_of(rig) / "HEAD").is_file()


async def test_a_damaged_object_is_fetched_again(rig: Rig, scratch: Scratch) -> None:
    commit = scratch.commit(change(1))
    await polled(rig)
    oid = scratch.git("rev-parse", f"{commit}:{file('data.txt')}")
    copy = copy_of(rig)
    await asyncio.to_thread(loosen, copy)
    rig.sync.main.parts.repository.mirror.objects.reset()
    (copy / "objects" / oid[:2] / oid[2:]).unlink()
    assert await used(rig, commit) == b"data 1"
    assert (await polled(rig)).outcome == "NOOP"


async def test_what_is_missing_at_the_remote_is_not_fetched_over_and_over(
    rig: Rig, scratch: Scratch
) -> None:
    scratch.commit(change(1))
    await polled(rig)
    parts = rig.sync.main.parts
    with pytest.raises(NotFound):
        await used(rig, "0" * 40)
    assert parts.mended_at is None  # a commit that is not known is no damage


async def test_maintenance_finds_damage(rig: Rig, scratch: Scratch) -> None:
    commit = scratch.commit(change(1))
    await polled(rig)
    oid = scratch.git("rev-parse", f"{commit}:{path('a')}")
    await asyncio.to_thread(loosen, copy_of(rig))
    (copy_of(rig) / "objects" / oid[:2] / oid[2:]).unlink()
    await rig.sync.main.follower.maintain()
    await polled(rig)
    rig.sync.main.parts.repository.mirror.verify()
    assert rig.sync.main.parts.mended_at is not None


class Later:
    """A clock that can be put forward."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.days = 0

    def now(self) -> int:
        return self._clock.now() + self.days * 86_400_000_000


async def test_private_refs_have_reasons_and_some_an_end(rig: Rig, scratch: Scratch) -> None:
    base = scratch.commit(change(1))
    forced = scratch.commit(change(2))
    feature = scratch.commit({path("b"): flow("b")}, branch="feature", parents=[base])
    doomed = scratch.commit({path("c"): flow("c")}, branch="doomed", parents=[base])
    await polled(rig)
    scratch.git("update-ref", "refs/pull/7/head", feature)
    scratch.commit(change(3), parents=[base])
    scratch.commit({path("b"): flow("b", "2")}, branch="feature", parents=[base])
    scratch.git("update-ref", "-d", "refs/heads/doomed")
    await polled(rig)
    parts, source = rig.sync.main.parts, rig.sync.main.source
    clock = parts.clock = Later(parts.clock)
    mirror = parts.repository.mirror
    await asyncio.to_thread(mirror.fetch_ref, "refs/pull/7/head", "7")
    assert await tidy(parts, source) == []
    noted = {each.commit: each.reason for each in await rig.store.keeping.kept("main")
             if each.reason != "pull"}  # fmt: skip
    assert noted == {forced: "forced", feature: "forced", doomed: "deleted"}
    before = await rig.store.keeping.kept("main")
    assert await tidy(parts, source) == []
    assert await rig.store.keeping.kept("main") == before
    clock.days = 31
    assert await tidy(parts, source) == ["refs/headwater/pull/7"]
    clock.days = 91
    assert len(await tidy(parts, source)) == 2
    left = await rig.store.keeping.kept("main")
    assert [(each.commit, each.expires_at) for each in left] == [(forced, None)]
    assert list(mirror.kept().values()) == [forced]


async def test_what_another_source_holds_on_to_stays(rig: Rig, scratch: Scratch) -> None:
    base = scratch.commit(change(1))
    feature = scratch.commit({path("b"): flow("b")}, branch="feature", parents=[base])
    await polled(rig)
    scratch.commit({path("b"): flow("b", "2")}, branch="feature", parents=[base])
    scratch.commit(change(2))
    await polled(rig)
    parts, source = rig.sync.main.parts, rig.sync.main.source
    clock = parts.clock = Later(parts.clock)
    await tidy(parts, source)
    mine = await rig.store.keeping.kept("main")
    await rig.store.keeping.keep([each._replace(source_id="other", expires_at=None)
                                  for each in mine])  # fmt: skip
    clock.days = 91
    await tidy(parts, source)
    assert list(parts.repository.mirror.kept().values()) == [feature]
    assert await rig.store.keeping.kept("main") == []
