"""What a sync did is told at the forge: a status on the commit, and a deployment."""

import asyncio

import pytest

from app.db.records import SyncRun
from app.errors import Invalid, Unavailable
from app.sync.commit_status import title_of
from tests.changesets.conftest import Begin
from tests.forges.memory import MemoryForge
from tests.git.scratch import Scratch
from tests.sync.rig import ANN, BROKEN, Rig, flow, path, until


async def followed(begin: Begin, scratch: Scratch, **git: object) -> Rig:
    scratch.commit({path("a"): flow("a"), path("b", "other"): flow("b")})
    return await begin(**git)


async def test_a_commit_is_told_when_it_is_active(
    begin: Begin, scratch: Scratch, forge: MemoryForge
) -> None:
    rig = await followed(begin, scratch, deployments="production")
    first = scratch.tip()
    await until(lambda: forge.deployments)
    check = forge.check_of(first, "headwater/main")
    assert check is not None
    assert (check.state, check.title) == ("success", "activated 2 flows in 2 namespaces")
    (deployment,) = forge.deployments
    assert (deployment.sha, deployment.environment, deployment.state) == (
        first,
        "production",
        "success",
    )
    second = scratch.commit({path("c"): BROKEN, path("x", "other"): flow("x")})
    await rig.outcome()
    await until(lambda: forge.check_of(second, "headwater/main"))
    check = forge.check_of(second, "headwater/main")
    assert check is not None
    assert check.state == "failure"
    assert check.title == "activated 1 flow in 1 namespace; 1 file with errors"
    (annotation,) = check.annotations
    assert (annotation.path, annotation.level) == (path("c"), "failure")
    assert annotation.line > 0
    third = scratch.commit({path("d"): flow("d")})
    await rig.outcome()
    await until(lambda: forge.check_of(third, "headwater/main"))
    rejected = forge.check_of(third, "headwater/main")
    assert rejected is not None
    assert rejected.title == "nothing activated: 1 file with errors"
    await until(lambda: len(forge.deployments) == 3)  # which is told after the status
    assert [each.state for each in forge.deployments] == ["success", "success", "failure"]


async def test_a_held_commit_is_pending(begin: Begin, scratch: Scratch, forge: MemoryForge) -> None:
    names = [f"f{n}" for n in range(12)]
    scratch.commit({path(name): flow(name) for name in names})
    rig = await begin()
    held = scratch.commit({path(name): None for name in names[:11]})
    await rig.outcome()
    await until(lambda: forge.check_of(held, "headwater/main"))
    check = forge.check_of(held, "headwater/main")
    assert check is not None
    assert (check.state, check.title[:5]) == ("in_progress", "held:")


async def test_what_could_not_be_told_is_told_later(
    begin: Begin, scratch: Scratch, forge: MemoryForge
) -> None:
    forge.failures += [Unavailable("the forge is down")]
    rig = await followed(begin, scratch)
    while forge.failures:
        await asyncio.sleep(0.01)
    assert forge.published == []
    await rig.restart()
    await until(lambda: forge.check_of(scratch.tip(), "headwater/main"))
    forge.failures += [Invalid("no statuses here")]
    scratch.commit({path("a"): flow("a", "2")})
    await rig.outcome()
    await until(lambda: not forge.failures)
    assert await rig.sync.statuses.pay(), "what is refused is not tried for ever"


async def test_a_rollback_is_not_told_over(
    begin: Begin, scratch: Scratch, forge: MemoryForge
) -> None:
    rig = await followed(begin, scratch)
    bad = scratch.commit({path("a"): flow("a", "bad")})
    await rig.outcome()
    await until(lambda: forge.check_of(bad, "headwater/main"))
    await rig.sync.rollback("main", "shop", "a", reason="", actor=ANN)
    await until(
        lambda: (found := forge.check_of(bad, "headwater/main")) and "rolled" in found.title
    )
    await rig.restart()
    await rig.sync.statuses.pay()
    check = forge.check_of(bad, "headwater/main")
    assert check is not None
    assert check.title.startswith("rolled back by Ann")


@pytest.mark.parametrize(
    ("outcome", "counts", "title"),
    [
        ("SYNCED", {"added": 1, "namespaces": 1}, "activated 1 flow in 1 namespace"),
        ("SYNCED", {}, "activated 0 flows in 0 namespaces"),
        ("HELD", {}, "held: WINDOW: closed"),
    ],
)
def test_titles(outcome: str, counts: dict[str, int], title: str) -> None:
    run = SyncRun("r", "main", "poll", 0, outcome, "WINDOW: closed", counts=counts)
    assert title_of(run) == title
