"""Several sources of one repository, and what waits."""

import asyncio

from app.config import SourceSettings
from tests.git.scratch import Scratch
from tests.review.conftest import Begin
from tests.review.desk import VALIDATE, Desk, flow, path
from tests.sync.rig import until


def further(scratch: Scratch, **settings: object) -> SourceSettings:
    fields = {
        "repo": str(scratch.path),
        "forge": "github",
        "allow_file_protocol": True,
        "poll_seconds": 3600,
    }
    return SourceSettings(**(fields | settings))


async def everywhere(desk: Desk, action: str = "opened") -> None:
    for source in ("main", "second"):
        await desk.tell("pull", action, number=7, source_id=source)


async def test_each_source_tells_of_what_it_owns(begin: Begin, scratch: Scratch) -> None:
    desk = await begin(
        namespaces=("shop",), sources={"second": further(scratch, namespaces=("other",))}
    )
    bad = b"id: c\ntasks:\n  - id: x\n    type: no.such.Type\n"
    pull = desk.propose(7, {path("a"): flow("a", "new"), path("c", "other"): bad})
    await everywhere(desk)
    told = desk.told(pull.head_sha)
    assert (told["validate"], told["validate/second"]) == ("success", "failure")
    assert set(told) == {
        f"{name}{suffix}" for name in ("validate", "plan", "tests") for suffix in ("", "/second")
    }
    marks = [each.split("\n")[0] for each in desk.forge.bodies(7)]
    assert marks == [f"<!-- headwater-plan v1 source={name} -->" for name in ("main", "second")]
    assert (await desk.reviews.archive.last("main", 7)).touched == ["main/shop"]
    assert (await desk.reviews.archive.last("second", 7)).touched == ["main/other"]
    assert [each.source_id for each in await desk.reviews.archive.pulls()] == ["main", "second"]


async def test_the_source_that_follows_the_base_answers(begin: Begin, scratch: Scratch) -> None:
    scratch.commit({"x": b"x"}, branch="prod", parents=[scratch.tip()])
    desk = await begin(sources={"second": further(scratch, ref="prod", tenants={"main": "live"})})
    pull = desk.propose(7, {path("a"): flow("a", "new")}, base_ref="prod")
    await everywhere(desk)
    assert set(desk.told(pull.head_sha)) == {"validate", "plan", "tests"}
    assert await desk.reviews.archive.pulls("main") == []
    assert (await desk.reviews.archive.last("second", 7)).touched == ["live/shop"]
    desk.forge.change_pull(7, base_ref="main")
    await everywhere(desk, "edited")
    assert (await desk.reviews.archive.pull("second", 7)).state == "closed"
    assert (await desk.reviews.archive.last("main", 7)).outcome == "success"


async def test_what_waits_is_told_as_waiting(desk: Desk) -> None:
    begun, hold = asyncio.Event(), asyncio.Event()
    plain = desk.forge.comment

    async def slow(number: int, body: str) -> str:
        begun.set()
        await hold.wait()
        return await plain(number, body)

    desk.forge.comment = slow  # type: ignore[method-assign]
    desk.propose(7, {path("a"): flow("a", "new")})
    second = desk.propose(8, {path("b"): flow("b", "new")})
    await desk.hint("pull", "opened", number=7)
    await begun.wait()
    await desk.hint("pull", "opened", number=8)
    await until(lambda: desk.told(second.head_sha))
    assert desk.told(second.head_sha) == {"validate": "queued"}
    hold.set()
    await desk.reviews.settled()
    states = [each.state for each in desk.forge.published if each.sha == second.head_sha]
    assert states[0] == "queued"
    assert desk.told(second.head_sha)["validate"] == "success"
    checks = [each for each in desk.forge.checks.values() if each.sha == second.head_sha]
    assert sum(each.context == VALIDATE for each in checks) == 1


async def test_a_source_without_a_forge_reviews_nothing(begin: Begin, scratch: Scratch) -> None:
    plain = further(scratch, forge=None, namespaces=("other",))
    desk = await begin(sources={"second": plain})
    desk.propose(7, {path("c", "other"): flow("c", "new")})
    await everywhere(desk)
    assert await desk.reviews.archive.pulls("second") == []
    await desk.tell("pull", "opened", number=7, source_id="removed")
