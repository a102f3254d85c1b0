"""Rewritten history: followed, held, or never activated, and nothing is lost."""

import pytest

from app.db.records import SyncRun
from app.errors import Conflict
from app.git.refs import KEEP
from tests.git.scratch import Scratch
from tests.sync.conftest import Start
from tests.sync.rig import ANN, Rig, flow, path


async def polled(rig: Rig, cause: str = "poll") -> SyncRun:
    run = await rig.sync.sync(cause=cause)
    assert run is not None
    return run


def kept(rig: Rig) -> list[str]:
    return list(rig.sync.main.parts.repository.mirror.refs.below(KEEP).values())


async def test_production_holds_it_until_it_is_approved(start: Start, scratch: Scratch) -> None:
    base = scratch.commit({path("a"): flow("a", "1")})
    old = scratch.commit({path("a"): flow("a", "2")})
    rig = await start(repo=str(scratch.path), production=True)
    new = scratch.commit({path("a"): flow("a", "3")}, parents=[base])
    run = await polled(rig, "webhook")
    assert (run.outcome, run.hold, run.new_commit) == ("HELD", "FORCE_PUSH", new)
    assert kept(rig) == [old]
    held = rig.sync.main.source.condition("Held")
    assert held is not None
    assert (held.status, held.reason) == (True, "ForcePush")
    assert (await rig.active())["main/shop/a"] == flow("a", "2")
    moves = await rig.store.gates.moves("main")
    assert [(each.old, each.new, each.forced) for each in moves] == [
        (old, new, True), (None, old, False)
    ]  # fmt: skip
    assert moves[0].kept is not None
    assert (await rig.sync.approvals.approve(run.id, ANN, "meant so")).outcome == "SYNCED"
    assert (await rig.active())["main/shop/a"] == flow("a", "3")
    assert len(await rig.store.gates.moves("main")) == 2


async def test_what_comes_on_top_of_a_held_one_is_held(start: Start, scratch: Scratch) -> None:
    base = scratch.commit({path("a"): flow("a", "1")})
    old = scratch.commit({path("a"): flow("a", "2")})
    rig = await start(repo=str(scratch.path), on_force_push="hold")
    scratch.commit({path("a"): flow("a", "3")}, parents=[base])
    await polled(rig)
    scratch.commit({path("a"): flow("a", "4")})
    assert (await polled(rig)).hold == "FORCE_PUSH"
    await rig.restart()
    assert (await polled(rig, "manual")).hold == "FORCE_PUSH"
    scratch.commit({path("a"): flow("a", "5")}, parents=[old])  # the old history is back
    assert (await polled(rig)).outcome == "SYNCED"
    assert (await rig.active())["main/shop/a"] == flow("a", "5")


async def test_deny_takes_no_word(start: Start, scratch: Scratch) -> None:
    base = scratch.commit({path("a"): flow("a", "1")})
    scratch.commit({path("a"): flow("a", "2")})
    rig = await start(repo=str(scratch.path), on_force_push="deny")
    scratch.commit({path("a"): flow("a", "3")}, parents=[base])
    run = await polled(rig)
    assert (run.outcome, run.hold) == ("HELD", "FORCE_PUSH")
    with pytest.raises(Conflict, match="cannot be approved"):
        await rig.sync.approvals.approve(run.id, ANN, "please")
    assert (await rig.active())["main/shop/a"] == flow("a", "2")


async def test_going_back_is_rewriting_too(start: Start, scratch: Scratch) -> None:
    base = scratch.commit({path("a"): flow("a", "1")})
    scratch.commit({path("a"): flow("a", "2")})
    rig = await start(repo=str(scratch.path), production=True)
    scratch.git("update-ref", "refs/heads/main", base)
    assert (await polled(rig)).hold == "FORCE_PUSH"


async def test_it_is_noticed_though_somebody_else_has_fetched_it(
    start: Start, scratch: Scratch
) -> None:
    base = scratch.commit({path("a"): flow("a", "1")})
    old = scratch.commit({path("a"): flow("a", "2")})
    rig = await start(repo=str(scratch.path), production=True)
    scratch.commit({path("a"): flow("a", "3")}, parents=[base])
    rig.sync.main.parts.repository.mirror.fetch()  # as another source of the same repository does
    run = await polled(rig)
    assert (run.outcome, run.hold) == ("HELD", "FORCE_PUSH")
    assert kept(rig) == [old]


async def test_it_is_noticed_after_the_copy_was_lost(start: Start, scratch: Scratch) -> None:
    base = scratch.commit({path("a"): flow("a", "1")})
    scratch.commit({path("a"): flow("a", "2")})
    rig = await start(repo=str(scratch.path), production=True)
    await rig.stop()
    mirror = next(rig.folder.glob("git/*.git"))
    mirror.rename(mirror.with_suffix(".gone"))
    scratch.commit({path("a"): flow("a", "3")}, parents=[base])
    scratch.git("gc", "--prune=now", "--quiet")
    await rig.start()
    run = await polled(rig, "manual")
    assert (run.outcome, run.hold) == ("HELD", "FORCE_PUSH")
    assert "not here any more" in run.reason


async def test_another_ref_in_the_settings_is_no_rewriting(start: Start, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a", "1")})
    rig = await start(repo=str(scratch.path), production=True)
    scratch.commit({path("a"): flow("a", "other")}, branch="next", parents=[])
    await rig.stop()
    rig.git["ref"] = "next"
    await rig.start()
    await polled(rig)
    assert (await rig.active())["main/shop/a"] == flow("a", "other")


async def test_each_reason_wants_its_own_word(start: Start, scratch: Scratch) -> None:
    base = scratch.commit({"README.md": b"hello"})
    scratch.commit({path(f"f{n}"): flow(f"f{n}") for n in range(20)})
    rig = await start(repo=str(scratch.path), production=True)
    scratch.commit({path("f0"): flow("f0")}, parents=[base])
    run = await polled(rig)
    assert run.hold == "FORCE_PUSH"
    run = await rig.sync.approvals.approve(run.id, ANN, "")
    assert (run.outcome, run.hold) == ("HELD", "PRUNE_LIMIT")
    assert (await rig.sync.approvals.approve(run.id, ANN, "")).outcome == "SYNCED"
    assert len(await rig.active()) == 1


async def test_going_back_ends_the_hold_though_nothing_changes(
    start: Start, scratch: Scratch
) -> None:
    base = scratch.commit({path("a"): flow("a", "1")})
    old = scratch.commit({"README.md": b"1"})
    rig = await start(repo=str(scratch.path), production=True)
    scratch.commit({"README.md": b"2"}, parents=[base])
    assert (await polled(rig)).hold == "FORCE_PUSH"
    scratch.git("update-ref", "refs/heads/main", old)
    await polled(rig)
    held = rig.sync.main.source.condition("Held")
    assert held is not None
    assert not held.status


async def test_a_word_is_spent_when_the_branch_has_moved_on(start: Start, scratch: Scratch) -> None:
    base = scratch.commit({path("a"): flow("a", "1")})
    scratch.commit({path("a"): flow("a", "2")})
    rig = await start(repo=str(scratch.path), production=True)
    new = scratch.commit({path("a"): flow("a", "3")}, parents=[base])
    run = await polled(rig)
    assert (await rig.sync.approvals.approve(run.id, ANN, "meant so")).outcome == "SYNCED"
    scratch.commit({path("a"): flow("a", "4")})
    assert (await polled(rig)).outcome == "SYNCED"
    scratch.git("update-ref", "refs/heads/main", new)  # forced back to what was approved once
    again = await polled(rig)
    assert (again.outcome, again.hold) == ("HELD", "FORCE_PUSH")
    assert (await rig.active())["main/shop/a"] == flow("a", "4")
    await rig.restart()
    assert (await polled(rig, "manual")).hold == "FORCE_PUSH"
    assert (await rig.sync.approvals.approve(again.id, ANN, "once more")).outcome == "SYNCED"
    assert (await rig.active())["main/shop/a"] == flow("a", "3")


async def test_what_was_rejected_stays_so_though_the_branch_has_moved_on(
    start: Start, scratch: Scratch
) -> None:
    base = scratch.commit({path("a"): flow("a", "1")})
    old = scratch.commit({path("a"): flow("a", "2")})
    rig = await start(repo=str(scratch.path), production=True)
    new = scratch.commit({path("a"): flow("a", "3")}, parents=[base])
    await rig.sync.approvals.reject((await polled(rig)).id, ANN, "never")
    scratch.git("update-ref", "refs/heads/main", old)
    await polled(rig)
    scratch.git("update-ref", "refs/heads/main", new)
    run = await polled(rig)
    assert run.outcome == "HELD"
    assert "Ann rejected it" in run.reason
