"""The whole life of a source, on SQLite and on PostgreSQL; and imports that are interrupted."""

import pytest

from app.errors import Gone
from app.sync import indexing
from tests.git.scratch import Scratch
from tests.sync.conftest import Start
from tests.sync.rig import ANN, BROKEN, HOOK, Rig, delivery, flow, path, time_of, until

A = ("main", "shop", "a")


@pytest.mark.postgres
async def test_on_postgresql(start: Start, scratch: Scratch, postgres_database: str) -> None:
    await life(await start(url=postgres_database, repo=str(scratch.path), **HOOK), scratch)


async def test_on_sqlite(start: Start, scratch: Scratch) -> None:
    await life(await start(repo=str(scratch.path), **HOOK), scratch)


async def life(rig: Rig, scratch: Scratch) -> None:
    base = scratch.commit({path("a"): flow("a", "1"), path("b", "other"): flow("b", "1")})
    await rig.outcome()
    await edits(rig)
    await pins(rig)
    bad = scratch.commit({path("bad"): BROKEN, path("b", "other"): flow("b", "2")})
    assert await rig.outcome() == "PARTIAL"
    assert await rig.states("broken") == [(1, "commit", "invalid")]
    assert len(await rig.sync.findings()) == 1
    await rig.restart()
    assert rig.runs("b", "other").commit == bad
    scratch.commit({path("a"): flow("a", "new")}, parents=[base])
    assert (await rig.sync.deliver("k3y", *delivery())).status == 202
    assert (await rig.sync.deliver("k3y", *delivery())).status == 200
    await until(lambda: rig.sync.main.source.last_applied == scratch.tip())
    assert await rig.active() == {
        "main/shop/a": flow("a", "new"),
        "main/other/b": flow("b", "1"),
    }
    assert await rig.sync.findings() == []
    assert (await rig.flows.at(*A, commit=base)).source == flow("a", "1").decode()
    assert [each.revision for each in await rig.history("a")] == [1, 2, 3, 4]


async def edits(rig: Rig) -> None:
    for message in "23":
        text = flow("a", message).decode()
        await rig.sync.put_flow("main", "shop", "a", text, actor=ANN)
    await rig.sync.put_flow("main", "shop", "c", flow("c").decode(), actor=ANN)
    await rig.sync.delete_flow("main", "shop", "c", ANN)
    with pytest.raises(Gone):
        rig.runs("c")
    assert rig.runs("a").revision == 3


async def pins(rig: Rig) -> None:
    await rig.sync.rollback(*A, reason="bad", actor=ANN)
    assert rig.runs("a").revision == 2
    with rig.clock.standing() as now:
        end = time_of(now + 200_000)
        await rig.sync.pin(*A, revision=1, reason="", actor=ANN, until=end)
        assert rig.runs("a").revision == 1
    await until(lambda: rig.runs("a").revision == 3)


@pytest.mark.parametrize("after", range(1, 7))
async def test_an_import_that_dies_between_two_chunks(
    scratch: Scratch, start: Start, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    for number in range(4):
        scratch.commit({path("a"): flow("a", str(number)), path(f"b{number}"): flow("b")})
    scratch.commit({path(f"b{number}"): None for number in range(3)})
    monkeypatch.setattr(indexing, "_CHUNK", 1)
    whole = await start("whole", repo=str(scratch.path))
    rig = Rig(whole.folder.parent / "data", repo=str(scratch.path))
    await rig.open()
    add, left = rig.store.revisions.add, after

    async def dies(*arguments: object, **options: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            message = "died"
            raise RuntimeError(message)
        await add(*arguments, **options)

    rig.store.revisions.add = dies
    await rig.sync.start()
    await rig.restart()
    try:
        await rig.outcome()
        for name in "ab":
            assert await rig.history(name) == await whole.history(name)
        assert await rig.active() == await whole.active()
    finally:
        await rig.stop()
