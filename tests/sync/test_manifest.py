"""`headwater.yaml` of a followed repository."""

from tests.git.scratch import Scratch
from tests.sync.conftest import Start
from tests.sync.rig import flow, path


async def test_what_it_ignores_is_nothing_to_us(start: Start, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a"), path("b"): flow("b")})
    rig = await start(repo=str(scratch.path))
    assert set(await rig.active()) == {"main/shop/a", "main/shop/b"}
    scratch.commit({"headwater.yaml": b"version: 1\nignore: ['**/b.yaml']\n"})
    await rig.outcome()
    assert set(await rig.active()) == {"main/shop/a"}
    scratch.commit({"headwater.yaml": b"version: 1\n"})
    await rig.outcome()
    assert set(await rig.active()) == {"main/shop/a", "main/shop/b"}


async def test_a_wrong_one_is_told_and_holds_nothing(start: Start, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a"), "headwater.yaml": b"version: 9\n"})
    rig = await start(repo=str(scratch.path))
    assert await rig.codes() == [("MANIFEST", "headwater.yaml")]
    assert set(await rig.active()) == {"main/shop/a"}
    scratch.commit({"headwater.yaml": b"version: 1\n"})
    await rig.outcome()
    assert await rig.codes() == []
