"""The gate: what takes too much away waits for somebody's word."""

import asyncio

import pytest

from app.db.activation import Activation
from app.db.records import SyncRun
from app.errors import Conflict, NotFound
from tests.git.scratch import Content, Scratch
from tests.sync.conftest import Start
from tests.sync.rig import ANN, Rig, flow, path


async def twenty(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path(f"f{n}"): flow(f"f{n}") for n in range(20)})
    await rig.outcome()


def without(count: int) -> dict[str, Content]:
    return {path(f"f{n}"): None for n in range(count)}


async def polled(rig: Rig, cause: str = "poll") -> SyncRun:
    run = await rig.sync.sync(cause=cause)
    assert run is not None
    return run


def held(rig: Rig) -> tuple[bool, str]:
    found = rig.sync.main.source.condition("Held")
    assert found is not None
    return found.status, found.reason


async def test_ten_flows_may_go(rig: Rig, scratch: Scratch) -> None:
    await twenty(rig, scratch)
    scratch.commit(without(10))
    assert await rig.outcome() == "SYNCED"
    assert len(await rig.active()) == 10


async def test_more_are_held_until_somebody_approves_them(rig: Rig, scratch: Scratch) -> None:
    await twenty(rig, scratch)
    scratch.commit({**without(11), path("f19"): flow("f19", "new")})
    run = await polled(rig, "webhook")
    assert (run.outcome, run.hold, "11 of 20 flows" in run.reason) == ("HELD", "PRUNE_LIMIT", True)
    assert f"headwater git approve {run.id}" in run.reason
    assert len(await rig.active()) == 20
    assert await rig.states("f19") == [(1, "commit", "active"), (2, "commit", "held")]
    assert held(rig) == (True, "PruneLimit")
    assert (await polled(rig)).outcome == "NOOP"
    assert held(rig) == (True, "PruneLimit")
    assert await rig.outcome() == "HELD"  # by hand, too
    with pytest.raises(Conflict, match=r"revision 2 of shop\.f19 is held"):
        await rig.sync.pin("main", "shop", "f19", revision=2, reason="", actor=ANN)
    after = await rig.sync.approvals.approve(run.id, ANN, "they moved")
    assert (after.outcome, after.cause) == ("SYNCED", "decision")
    assert held(rig) == (False, "Free")
    assert len(await rig.active()) == 9
    assert await rig.states("f19") == [(1, "commit", "superseded"), (2, "commit", "active")]
    told = [each for each in await rig.sync.shared.audit.find() if each.action == "source.approve"]
    assert [(each.actor, each.target, each.reason) for each in told] == [
        ("Ann", "source/main", "they moved")
    ]
    assert told[0].detail == {"run": run.id, "commit": run.new_commit, "hold": "PRUNE_LIMIT"}


async def test_an_approval_survives_a_crash_before_it_is_acted_on(
    rig: Rig, scratch: Scratch
) -> None:
    await twenty(rig, scratch)
    scratch.commit(without(15))
    run = await polled(rig)
    worker = rig.sync.main
    await rig.sync.approvals._decide(run, worker, "approved", ANN, "")
    await rig.restart()
    await polled(rig)
    assert len(await rig.active()) == 5
    stored = await rig.sync.run(run.id)
    assert (stored.decision, stored.decided_by) == ("approved", "Ann")


async def test_an_approval_is_for_one_commit(rig: Rig, scratch: Scratch) -> None:
    await twenty(rig, scratch)
    scratch.commit(without(15))
    old = await polled(rig)
    scratch.commit({path("f15"): None})
    new = await polled(rig)
    assert new.outcome == "HELD"
    with pytest.raises(Conflict, match=new.id):
        await rig.sync.approvals.approve(old.id, ANN, "")
    assert len(await rig.active()) == 20
    await rig.sync.approvals.approve(new.id, ANN, "")
    assert len(await rig.active()) == 4
    with pytest.raises(Conflict, match="not held any more"):
        await rig.sync.approvals.approve(new.id, ANN, "")
    with pytest.raises(NotFound):
        await rig.sync.approvals.approve("none", ANN, "")


async def test_what_is_rejected_stays_held_until_a_newer_commit(rig: Rig, scratch: Scratch) -> None:
    await twenty(rig, scratch)
    scratch.commit(without(15))
    run = await polled(rig)
    decided = await rig.sync.approvals.reject(run.id, ANN, "no")
    assert (decided.decision, decided.decided_by) == ("rejected", "Ann")
    again = await polled(rig, "manual")
    assert again.outcome == "HELD"
    assert "Ann rejected it" in again.reason
    await rig.restart()
    again = await polled(rig, "manual")
    assert (again.outcome, again.hold) == ("HELD", "PRUNE_LIMIT")
    scratch.commit({path(f"f{n}"): flow(f"f{n}") for n in range(6)})
    assert (await polled(rig)).outcome == "SYNCED"
    assert len(await rig.active()) == 11


async def test_the_last_word_counts(rig: Rig, scratch: Scratch) -> None:
    await twenty(rig, scratch)
    scratch.commit(without(15))
    run = await polled(rig)
    await rig.sync.approvals.reject(run.id, ANN, "")
    await polled(rig)
    assert (await rig.sync.approvals.approve(run.id, ANN, "after all")).outcome == "SYNCED"


async def test_what_is_approved_is_not_rejected_while_it_becomes_active(
    rig: Rig, scratch: Scratch
) -> None:
    await twenty(rig, scratch)
    scratch.commit(without(15))
    run = await polled(rig)
    store, begun, go_on = rig.store.activation, asyncio.Event(), asyncio.Event()
    activate = store.activate

    async def waiting(new: Activation) -> None:
        begun.set()
        await go_on.wait()
        await activate(new)

    store.activate = waiting  # type: ignore[method-assign]
    approving = asyncio.create_task(rig.sync.approvals.approve(run.id, ANN, "yes"))
    await begun.wait()
    with pytest.raises(Conflict, match="Ann approved"):
        await rig.sync.approvals.reject(run.id, ANN, "no")
    go_on.set()
    assert (await approving).outcome == "SYNCED"
    await polled(rig, "manual")
    assert (len(await rig.active()), held(rig)) == (5, (False, "Free"))
    assert (await rig.sync.run(run.id)).decision == "approved"


async def test_what_is_not_held_cannot_be_decided_about(rig: Rig, scratch: Scratch) -> None:
    await twenty(rig, scratch)
    run = (await rig.sync.runs())[0]
    with pytest.raises(Conflict, match="holds nothing"):
        await rig.sync.approvals.reject(run.id, ANN, "")


async def test_what_is_held_stays_held_after_a_restart_and_a_further_commit(
    rig: Rig, scratch: Scratch
) -> None:
    await twenty(rig, scratch)
    scratch.commit(without(15))
    await rig.outcome()
    await rig.restart()
    assert len(await rig.active()) == 20
    scratch.commit({path("new"): flow("new")})
    assert (await polled(rig)).outcome == "HELD"
    scratch.commit({path(f"f{n}"): flow(f"f{n}") for n in range(15)})
    assert (await polled(rig)).outcome == "SYNCED"
    assert len(await rig.active()) == 21


async def test_an_edit_on_top_does_not_let_the_rest_pass(rig: Rig, scratch: Scratch) -> None:
    await twenty(rig, scratch)
    scratch.commit(without(15))
    await polled(rig)
    made = scratch.commit({path("f19"): flow("f19", "edited")})
    rig.sync.main.parts.approved.append(made)
    assert (await polled(rig, "write")).outcome == "HELD"
    assert len(await rig.active()) == 20


async def test_edits_of_this_node_pass(start: Start, scratch: Scratch) -> None:
    rig = await start(repo=str(scratch.path), edit_mode="push")
    await twenty(rig, scratch)
    gone = [("shop", f"f{n}", None) for n in range(20)]
    await rig.sync.put_flows("main", gone, actor=ANN)
    assert await rig.active() == {}


async def test_a_folder_that_is_gone_takes_nothing_along(start: Start, scratch: Scratch) -> None:
    scratch.commit({f"deploy/{path('a')}": flow("a")})
    rig = await start(repo=str(scratch.path), root="deploy")
    scratch.commit({f"deploy/{path('a')}": None, "README.md": b"moved"})
    run = await polled(rig)
    assert run.outcome == "HELD"
    assert "no folder 'deploy'" in run.reason
    assert rig.runs("a").revision == 1


async def test_a_tenant_is_not_emptied(rig: Rig, scratch: Scratch) -> None:
    mine = {path(name, tenant="acme"): flow(name) for name in ("a", "b", "c")}
    scratch.commit({**mine, path("x"): flow("x"), path("y"): flow("y")})
    await rig.outcome()
    scratch.commit(dict.fromkeys(mine))
    run = await polled(rig)
    assert (run.outcome, "tenant acme none of its 3 flows" in run.reason) == ("HELD", True)
    assert len(await rig.active()) == 5


async def test_flows_that_move_empty_no_tenant(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a"), path("b"): flow("b")})
    await rig.outcome()
    scratch.commit({
        path("a"): None, path("b"): None,
        path("a", "sales"): flow("a"), path("b", "sales"): flow("b"),
    })  # fmt: skip
    assert (await polled(rig)).outcome == "SYNCED"


async def test_edits_wait_for_the_word_on_what_is_held(start: Start, scratch: Scratch) -> None:
    rig = await start(repo=str(scratch.path), edit_mode="push")
    await twenty(rig, scratch)
    tip = scratch.commit(without(15))
    run = await polled(rig)
    with pytest.raises(Conflict, match=tip[:12]):
        await rig.sync.put_flow("main", "shop", "f19", flow("f19", "2").decode(), actor=ANN)
    assert scratch.tip() == tip
    await rig.sync.approvals.approve(run.id, ANN, "")
    await rig.sync.put_flow("main", "shop", "f19", flow("f19", "2").decode(), actor=ANN)
