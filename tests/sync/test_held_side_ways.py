"""Side ways to what a gate holds."""

import pytest

from app.engine.revision_choice import passed
from app.errors import Conflict
from app.sync.changesets.model import Change
from tests.git.scratch import Scratch
from tests.sync.conftest import Start
from tests.sync.rig import ANN, Rig, flow, path

FILE = "tenants/main/namespaces/shop/files/run.sh"


async def following(start: Start, scratch: Scratch) -> tuple[Rig, str]:
    """Return a service in production, and the commit that is active."""
    first = scratch.commit({path("a"): flow("a", "1"), FILE: b"good"})
    return await start(repo=str(scratch.path), production=True), first


async def test_what_lies_below_a_held_tip_is_held_too(start: Start, scratch: Scratch) -> None:
    rig, _ = await following(start, scratch)
    below = scratch.commit({path("a"): flow("a", "evil")}, parents=[])
    scratch.commit({path("a"): flow("a", "2")}, parents=[below])
    assert await rig.outcome() == "HELD"
    with pytest.raises(Conflict):
        passed(await rig.flows.at("main", "shop", "a", revision=2))
    with pytest.raises(Conflict):
        await rig.sync.pin("main", "shop", "a", commit=below, reason="", actor=ANN)


async def test_an_unchanged_flow_does_not_run_at_a_held_commit(
    start: Start, scratch: Scratch
) -> None:
    rig, _ = await following(start, scratch)
    held = scratch.commit({path("a"): flow("a", "1"), FILE: b"evil"}, parents=[])
    assert await rig.outcome() == "HELD"
    with pytest.raises(Conflict):
        passed(await rig.flows.at("main", "shop", "a", commit=held))
    with pytest.raises(Conflict):
        await rig.sync.pin("main", "shop", "a", commit=held, reason="", actor=ANN, until="manual")


async def test_what_was_rejected_stays_held_when_the_old_history_goes_on(
    start: Start, scratch: Scratch
) -> None:
    rig, first = await following(start, scratch)
    scratch.commit({path("a"): flow("a", "evil")}, parents=[])
    assert await rig.outcome() == "HELD"
    await rig.sync.approvals.reject((await rig.sync.runs(limit=1))[0].id, ANN, "evil")
    scratch.commit({path("a"): flow("a", "2")}, parents=[first])
    await rig.outcome()
    assert rig.runs("a").revision == 3
    with pytest.raises(Conflict):
        passed(await rig.flows.at("main", "shop", "a", revision=2))


async def test_an_edit_that_changes_nothing_approves_nothing(
    start: Start, scratch: Scratch
) -> None:
    rig = await start(repo=str(scratch.path), edit_mode="push")
    scratch.commit({path(f"f{n}"): flow(f"f{n}") for n in range(20)})
    await rig.outcome()
    scratch.commit({path(f"f{n}"): None for n in range(15)})
    assert await rig.outcome() == "HELD"
    edit, submissions = Change("shop", "flow", "f19", flow("f19")), rig.sync.changesets.submissions
    made = await submissions.create("main", "nothing", ANN, edits=[edit])
    with pytest.raises(Conflict, match="changes nothing"):
        await submissions.submit("main", made.id, ANN)
    assert await rig.outcome() == "HELD"
    assert len(await rig.active()) == 20
