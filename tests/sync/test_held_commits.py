"""Commits that a gate held and that never passed: nobody runs anything with their files."""

from collections.abc import Mapping

import pytest

from app.engine.revision_choice import passed
from app.errors import Conflict
from app.sync.rollback import Order
from tests.git.scratch import Content, Scratch
from tests.sync.conftest import Start
from tests.sync.rig import ANN, Rig, flow, path
from tests.sync.test_windows import window

FILE = "tenants/main/namespaces/shop/files/run.sh"
GOOD: Mapping[str, Content] = {FILE: b"good"}
EVIL: Mapping[str, Content] = {FILE: b"evil"}
GONE: Mapping[str, Content] = {path(f"f{n}"): None for n in range(15)}
BACK: Mapping[str, Content] = {path(f"f{n}"): flow(f"f{n}") for n in range(15)}
KEPT = ("main", "shop", "f19")


async def twenty(rig: Rig, scratch: Scratch) -> str:
    """Make twenty flows active, and return their commit."""
    commit = scratch.commit({path(f"f{n}"): flow(f"f{n}") for n in range(20)} | GOOD)
    assert await rig.outcome() == "SYNCED"
    return commit


async def decide(rig: Rig, word: str) -> None:
    """Say something about what is held."""
    run = next(each for each in await rig.sync.runs() if each.hold)
    if word == "approved":
        await rig.sync.approvals.approve(run.id, ANN, "")
        return
    await rig.sync.approvals.reject(run.id, ANN, "")
    assert await rig.outcome() in ("HELD", "NOOP")  # the word makes a run, which is over then


async def usable(rig: Rig, commit: str, flow_id: str = "f19") -> bool:
    """Return whether a flow runs, and may be pinned, at a commit: both or neither."""
    try:
        passed(await rig.flows.at("main", "shop", flow_id, commit=commit))
    except Conflict:
        await refused_as_pins(rig, commit, flow_id)
        return False
    return True


async def refused_as_pins(rig: Rig, commit: str, flow_id: str) -> None:
    with pytest.raises(Conflict, match="is held"):
        await rig.sync.pin("main", "shop", flow_id, commit=commit, reason="", actor=ANN)
    order = Order(ANN, until="manual", confirm=True)
    with pytest.raises(Conflict, match="is held"):
        await rig.sync.scopes.pin_namespace("main", "shop", commit, order)
    with pytest.raises(Conflict, match="is held"):
        await rig.sync.scopes.pin_source("main", commit, order)


@pytest.mark.postgres
async def test_on_postgresql(start: Start, scratch: Scratch, postgres_database: str) -> None:
    await life(await start(url=postgres_database, repo=str(scratch.path)), scratch)


async def test_on_sqlite(start: Start, scratch: Scratch) -> None:
    await life(await start(repo=str(scratch.path)), scratch)


async def life(rig: Rig, scratch: Scratch) -> None:
    """Reject a push of two commits, fix it, and let another one pass."""
    first = await twenty(rig, scratch)
    below = scratch.commit(EVIL)
    held = scratch.commit({**GONE, **GOOD})
    assert await rig.outcome() == "HELD"
    await decide(rig, "rejected")
    assert not await usable(rig, below)
    fixed = scratch.commit(BACK)
    assert await rig.outcome() == "SYNCED"
    await rig.restart()
    assert [await usable(rig, each) for each in (first, below, held, fixed)] == [
        True, False, False, True
    ]  # fmt: skip
    later = scratch.commit({**GONE, FILE: b"new"})
    assert await rig.outcome() == "HELD"
    assert not await usable(rig, later)
    await decide(rig, "approved")
    assert await usable(rig, later)
    assert not await usable(rig, below)


async def test_what_was_rejected_and_forced_away_is_not_used(
    start: Start, scratch: Scratch
) -> None:
    first = scratch.commit({path("a"): flow("a", "1"), **GOOD})
    rig = await start(repo=str(scratch.path), production=True)
    held = scratch.commit({path("a"): flow("a", "1"), **EVIL}, parents=[])
    assert await rig.outcome() == "HELD"
    await decide(rig, "rejected")
    scratch.commit({path("b"): flow("b")}, parents=[first])
    assert await rig.outcome() == "SYNCED"
    assert not await usable(rig, held, "a")
    assert await usable(rig, first, "a")


async def test_what_is_approved_passes_with_what_lies_below_it(rig: Rig, scratch: Scratch) -> None:
    await twenty(rig, scratch)
    below, held = scratch.commit(EVIL), scratch.commit({**GONE, **GOOD})
    assert await rig.outcome() == "HELD"
    await decide(rig, "rejected")
    on_top = scratch.commit({"README.md": b"more"})
    assert await rig.outcome() == "HELD"
    await decide(rig, "approved")
    assert [await usable(rig, each) for each in (below, held, on_top)] == [True] * 3


async def test_the_last_word_about_a_commit_counts(rig: Rig, scratch: Scratch) -> None:
    await twenty(rig, scratch)
    held = scratch.commit({**GONE, **EVIL})
    await rig.outcome()
    await decide(rig, "rejected")
    await decide(rig, "approved")
    assert await usable(rig, held)


async def test_what_only_waited_for_a_window_passes_with_what_comes_on_top(
    start: Start, scratch: Scratch
) -> None:
    scratch.commit({path("f19"): flow("f19"), **GOOD})
    closed = window("deny", "* * * * *", "PT1H")  # which lets a hand pass
    rig = await start(repo=str(scratch.path), windows=[closed])
    assert await rig.outcome() == "SYNCED"
    waits = scratch.commit({FILE: b"waits"})
    assert await polled(rig) == "HELD"
    assert not await usable(rig, waits)
    scratch.commit({FILE: b"more"})
    assert await rig.outcome() == "SYNCED"
    assert await usable(rig, waits)


async def test_what_was_rejected_in_a_closed_window_stays_out(
    start: Start, scratch: Scratch
) -> None:
    scratch.commit({path("f19"): flow("f19"), **GOOD})
    rig = await start(repo=str(scratch.path), windows=[window("deny", "* * * * *", "PT1H")])
    assert await rig.outcome() == "SYNCED"
    held = scratch.commit(EVIL)
    assert await polled(rig) == "HELD"
    await decide(rig, "rejected")
    scratch.commit(GOOD)
    assert await rig.outcome() == "SYNCED"
    assert not await usable(rig, held)


async def test_what_passed_once_is_not_held_by_going_back_to_it(
    start: Start, scratch: Scratch
) -> None:
    first = scratch.commit({path("a"): flow("a", "1"), **GOOD})
    old = scratch.commit({FILE: b"old"})
    rig = await start(repo=str(scratch.path), production=True)
    scratch.commit({FILE: b"other"}, parents=[first])
    assert await rig.outcome() == "HELD"
    await decide(rig, "approved")
    scratch.git("update-ref", "refs/heads/main", old)
    assert await rig.outcome() == "HELD"
    await decide(rig, "rejected")
    scratch.commit({FILE: b"newer"}, parents=[first])
    assert await rig.outcome() == "HELD"
    await decide(rig, "approved")
    assert await usable(rig, old, "a")


async def test_no_number_brings_the_files_of_a_held_commit(rig: Rig, scratch: Scratch) -> None:
    """What a later commit took over of it ran with the files of that one."""
    await twenty(rig, scratch)
    scratch.commit({**GONE, **EVIL, path("f19"): flow("f19", "2")})
    assert await rig.outcome() == "HELD"
    await decide(rig, "rejected")
    fixed = scratch.commit({**BACK, **GOOD})
    assert await rig.outcome() == "SYNCED"
    assert rig.runs("f19").revision == 2
    assert passed(await rig.flows.at(*KEPT, revision=2)).revision.snapshot == fixed
    pin = await rig.sync.pin(*KEPT, revision=2, reason="", actor=ANN, until="manual")
    assert pin.commit == fixed
    await rig.sync.unpin(*KEPT, actor=ANN)
    scratch.commit({path("f19"): flow("f19", "3")})
    assert await rig.outcome() == "SYNCED"
    with pytest.raises(Conflict, match="nobody has let commit"):
        passed(await rig.flows.at(*KEPT, revision=2))
    assert (await rig.sync.rollback(*KEPT, reason="", actor=ANN)).revision == 1


async def test_what_was_forced_away_before_anybody_judged_it_is_not_used(
    rig: Rig, scratch: Scratch
) -> None:
    first = scratch.commit({path("a"): flow("a", "1"), **GOOD})
    assert await rig.outcome() == "SYNCED"
    left = scratch.commit(EVIL)

    def asked() -> bool:
        scratch.commit({path("b"): flow("b")}, parents=[first])
        return True

    rig.sync.main.parts.asked = asked
    assert await polled(rig) == "SUPERSEDED"
    assert not await usable(rig, left, "a")
    rig.sync.main.parts.asked = lambda: False
    assert await polled(rig) == "SYNCED"
    assert not await usable(rig, left, "a")


async def test_what_is_superseded_passes_with_the_newer_commit(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a", "1"), **GOOD})
    assert await rig.outcome() == "SYNCED"
    older = scratch.commit({FILE: b"older"})

    def asked() -> bool:
        scratch.commit({FILE: b"newer"})
        return True

    rig.sync.main.parts.asked = asked
    assert await polled(rig) == "SUPERSEDED"
    rig.sync.main.parts.asked = lambda: False
    assert await polled(rig) == "SYNCED"
    assert await usable(rig, older, "a")


async def polled(rig: Rig) -> str | None:
    run = await rig.sync.sync(cause="poll")
    assert run is not None
    return run.outcome
