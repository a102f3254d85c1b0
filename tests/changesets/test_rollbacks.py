"""One call: a pin at once, then a red status, a comment, and the pull request that ends the pin."""

import asyncio
import time

import pytest

from app.db.records import Pin
from app.errors import Forbidden, Invalid, Unavailable
from app.sync.rollback import Order
from tests.changesets.conftest import Begin, merge_pull
from tests.forges.memory import MemoryForge
from tests.git.scratch import Scratch
from tests.sync.rig import ANN, Rig, flow, path, until

A = ("main", "shop", "a")


@pytest.fixture
async def rig(begin: Begin, scratch: Scratch, forge: MemoryForge) -> Rig:
    scratch.commit({path("a"): flow("a", "good")})
    bad = scratch.commit({path("a"): flow("a", "bad")})
    rig = await begin(edit_mode="pr")
    await until(lambda: forge.check_of(bad, "headwater/main"))
    forge.calls.clear()
    return rig


async def told(rig: Rig, pin: Pin) -> Pin:
    """Wait until what comes after a rollback was done, and return the pin as it is then."""
    deadline = time.monotonic() + 10
    while True:
        now = next(each for each in await rig.store.pins.of_flow(A) if each.id == pin.id)
        if now.revert not in ("wanted", "tell"):
            return now
        assert time.monotonic() < deadline, "it was not told in time"
        await asyncio.sleep(0.01)


async def test_git_follows_and_the_pin_dissolves(
    rig: Rig, scratch: Scratch, forge: MemoryForge
) -> None:
    bad = scratch.tip()
    cause = forge.add_pull(7, state="merged", merged_sha=bad)
    pin = await rig.sync.rollback(*A, reason="it says bad, @ann", actor=ANN)
    assert rig.runs("a").revision == 1, "at once, before any forge was asked"
    pin = await told(rig, pin)
    assert pin.revert == "asked"
    check = forge.check_of(bad, "headwater/main")
    assert check is not None
    assert (check.state, check.title) == ("failure", "rolled back by Ann: it says bad, @ann")
    (comment,) = forge.bodies(cause.number)
    assert "rolled back from revision 2" in comment
    assert "@ann" not in comment, "nobody is called by somebody's words"
    changeset = await rig.sync.changesets.get("main", pin.changeset_id or "")
    assert changeset.kind == "revert"
    pull = forge.pull_requests[changeset.pull_number or 0]
    assert pull.title == "Roll shop.a back to revision 1"
    assert "the pin ends by itself" in pull.body
    merge_pull(scratch, forge, pull.number)
    await rig.outcome()
    assert await rig.sync.pins() == []
    assert (rig.runs("a").revision, rig.runs("a").blob) == (3, pin.blob)
    (ended,) = await rig.store.pins.of_flow(A)
    assert ended.ended_by == f"reconciled by commit {scratch.tip()}"


async def test_the_forge_may_be_down(rig: Rig, scratch: Scratch, forge: MemoryForge) -> None:
    forge.failures += [Unavailable("the forge is down")]
    pin = await rig.sync.rollback(*A, reason="", actor=ANN)
    assert rig.runs("a").revision == 1
    await asyncio.sleep(0)
    while forge.failures:
        await asyncio.sleep(0.01)
    assert [each.id for each in await rig.store.pins.unreverted()] == [pin.id]
    await rig.restart()
    assert (await told(rig, pin)).revert == "asked", "it goes on after a restart"
    assert len(forge.pull_requests) == 1


async def test_what_the_forge_refuses_is_told(rig: Rig, forge: MemoryForge) -> None:
    forge.failures += [Invalid("no statuses here")]
    pin = await told(rig, await rig.sync.pin(*A, revision=1, reason="", actor=ANN))
    assert pin.revert == "error: no statuses here"
    assert rig.runs("a").revision == 1


@pytest.mark.parametrize("refused", ["publish", "pulls"])
async def test_a_status_that_is_refused_keeps_no_pull_request_back(
    rig: Rig, forge: MemoryForge, refused: str
) -> None:
    forge.broken[refused] = Forbidden("not with this token")
    pin = await told(rig, await rig.sync.rollback(*A, reason="", actor=ANN))
    assert pin.revert == "asked"
    (pull,) = forge.pull_requests.values()
    assert pull.title == "Roll shop.a back to revision 1"


async def test_without_a_pull_request(rig: Rig, forge: MemoryForge) -> None:
    order = Order(ANN, "quietly", action="flow.rollback", revert=False)
    pin = await told(rig, await rig.sync.pinning.rollback(A, order, to=None))
    assert (pin.revert, forge.pull_requests) == ("none", {})
    assert rig.runs("a").revision == 1


async def test_a_pin_is_told_and_its_end_too(
    rig: Rig, scratch: Scratch, forge: MemoryForge
) -> None:
    bad = scratch.tip()
    await told(rig, await rig.sync.pin(*A, revision=1, reason="look", actor=ANN))
    check = forge.check_of(bad, "headwater/main")
    assert check is not None
    assert (check.state, check.title) == ("failure", "rolled back by Ann: look")
    await rig.sync.unpin(*A, ANN)
    await until(lambda: (now := forge.check_of(bad, "headwater/main")) and now.state == "success")
    published = len(forge.published)
    await told(rig, await rig.sync.pin(*A, revision=2, reason="hold it", actor=ANN))
    assert len(forge.published) == published, "what is held as it is was not bad"


async def test_a_comment_is_written_once(rig: Rig, scratch: Scratch, forge: MemoryForge) -> None:
    forge.add_pull(7, state="merged", merged_sha=scratch.tip())
    pin = await told(rig, await rig.sync.rollback(*A, reason="", actor=ANN))
    await rig.store.pins.note_revert(pin, "wanted")
    assert await rig.sync.reverting.run()
    assert len(forge.bodies(7)) == 1
    assert len(forge.pull_requests) == 2
    assert (await told(rig, pin)).changeset_id == pin.changeset_id
