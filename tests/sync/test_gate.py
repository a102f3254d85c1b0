"""The gate: what takes too much away waits."""

from tests.git.scratch import Content, Scratch
from tests.sync.conftest import Start
from tests.sync.rig import Rig, flow, path


async def twenty(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path(f"f{n}"): flow(f"f{n}") for n in range(20)})
    await rig.outcome()


def without(count: int) -> dict[str, Content]:
    return {path(f"f{n}"): None for n in range(count)}


async def test_ten_flows_may_go(rig: Rig, scratch: Scratch) -> None:
    await twenty(rig, scratch)
    scratch.commit(without(10))
    assert await rig.outcome() == "SYNCED"
    assert len(await rig.active()) == 10


async def test_more_are_held_until_somebody_syncs_again(rig: Rig, scratch: Scratch) -> None:
    await twenty(rig, scratch)
    scratch.commit({**without(11), path("f19"): flow("f19", "new")})
    run = await rig.sync.sync(cause="webhook")
    assert run is not None
    assert (run.outcome, "11 of 20 flows" in run.reason) == ("HELD", True)
    assert len(await rig.active()) == 20
    assert await rig.states("f19") == [(1, "commit", "active"), (2, "commit", "held")]
    held = rig.sync.main.source.condition("Held")
    assert held is not None
    assert (held.status, held.reason) == (True, "PruneLimit")
    again = await rig.sync.sync(cause="poll")
    assert again is not None
    assert again.outcome == "NOOP"
    held = rig.sync.main.source.condition("Held")
    assert held is not None
    assert held.status
    assert await rig.outcome() == "SYNCED"
    assert len(await rig.active()) == 9
    assert await rig.states("f19") == [(1, "commit", "superseded"), (2, "commit", "active")]


async def test_what_is_held_stays_held_after_a_restart_and_a_further_commit(
    rig: Rig, scratch: Scratch
) -> None:
    await twenty(rig, scratch)
    scratch.commit(without(15))
    await rig.outcome()
    await rig.restart()
    assert len(await rig.active()) == 20
    scratch.commit({path("new"): flow("new")})
    run = await rig.sync.sync(cause="poll")
    assert run is not None
    assert run.outcome == "HELD"
    scratch.commit({path(f"f{n}"): flow(f"f{n}") for n in range(15)})
    run = await rig.sync.sync(cause="poll")
    assert run is not None
    assert run.outcome == "SYNCED"
    assert len(await rig.active()) == 21


async def test_a_folder_that_is_gone_takes_nothing_along(start: Start, scratch: Scratch) -> None:
    scratch.commit({f"deploy/{path('a')}": flow("a")})
    rig = await start(repo=str(scratch.path), root="deploy")
    scratch.commit({f"deploy/{path('a')}": None, "README.md": b"moved"})
    run = await rig.sync.sync(cause="poll")
    assert run is not None
    assert run.outcome == "HELD"
    assert "no folder 'deploy'" in run.reason
    assert rig.runs("a").revision == 1
