"""How flows stand, by their revisions and executions, and how that is rolled up."""

import pytest

from app.db.health import Tally
from app.sync.standing import FlowStanding, Health, Sync, health_of, rolled_up
from tests.git.scratch import Scratch
from tests.sync.rig import ANN, BROKEN, Rig, flow, path

A = ("main", "shop", "a")


def tally(state: str, count: int = 1, last: int = 0) -> Tally:
    return Tally(A, 1, state, count, last)


@pytest.mark.parametrize(
    ("tallies", "health"),
    [
        ([], "Unknown"),
        ([tally("KILLED")], "Unknown"),
        ([tally("RUNNING")], "Progressing"),
        ([tally("PAUSED")], "Progressing"),
        ([tally("SUCCESS"), tally("RUNNING")], "Healthy"),
        ([tally("WARNING")], "Healthy"),
        ([tally("FAILED")], "Degraded"),
        ([tally("SUCCESS", 9, 1), tally("FAILED", 1, 2)], "Degraded"),
        ([tally("SUCCESS", 9, 2), tally("FAILED", 1, 1)], "Healthy"),
        ([tally("SUCCESS", 6, 2), tally("FAILED", 4, 1)], "Degraded"),
        ([tally("SUCCESS", 1, 1), tally("KILLED", 9, 2)], "Healthy"),
    ],
)
def test_health(tallies: list[Tally], health: Health) -> None:
    assert health_of(tallies, disabled=False) == health
    assert health_of(tallies, disabled=True) == "Suspended"


def standing(sync: Sync = "Synced", health: Health = "Healthy") -> FlowStanding:
    return FlowStanding(*A, sync, health)


@pytest.mark.parametrize(
    ("flows", "states", "sync", "health"),
    [
        ([], [], "Synced", "Unknown"),
        ([standing()], ["active"], "Synced", "Healthy"),
        ([standing(), standing("Pinned")], [], "Pinned", "Healthy"),
        ([standing("Pending"), standing("Pinned")], [], "Pending", "Healthy"),
        ([standing("Held"), standing("Pending")], [], "Held", "Healthy"),
        ([standing("Invalid"), standing("Held")], [], "Invalid", "Healthy"),
        ([standing()], ["invalid"], "Invalid", "Healthy"),
        ([standing()], ["held"], "Held", "Healthy"),
        ([standing(health="Unknown"), standing()], [], "Synced", "Healthy"),
        ([standing(health="Progressing"), standing()], [], "Synced", "Progressing"),
        ([standing(health="Degraded"), standing()], [], "Synced", "Degraded"),
        ([standing(health="Suspended")], [], "Synced", "Suspended"),
        ([standing(health="Suspended"), standing(health="Unknown")], [], "Synced", "Unknown"),
        ([standing("Deleted", "Degraded"), standing()], [], "Synced", "Healthy"),
    ],
)
def test_the_worst_counts(
    flows: list[FlowStanding], states: list[str], sync: Sync, health: Health
) -> None:
    found = rolled_up(flows, states)
    assert (found.sync, found.health) == (sync, health)


async def sync_of(rig: Rig, flow_id: str = "a") -> str:
    return (await rig.sync.status.flow(("main", "shop", flow_id))).sync


async def test_flows_beside_git(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a")})
    await rig.outcome()
    assert await sync_of(rig) == "Synced"
    scratch.commit({path("a"): flow("a", "2"), path("b"): BROKEN.replace(b"broken", b"b")})
    await rig.outcome()
    assert (await sync_of(rig), await sync_of(rig, "b")) == ("Held", "Invalid")
    found = await rig.sync.status.namespace("main", "shop")
    assert found.rollup.sync == "Invalid"
    assert {each.flow_id: each.sync for each in found.flows} == {"a": "Held", "b": "Invalid"}
    a, b = found.flows
    assert (a.revision, a.newest, b.revision, b.newest) == (1, 2, None, 1)
    scratch.commit({path("b"): flow("b")})
    await rig.outcome()
    assert (await sync_of(rig), await sync_of(rig, "b")) == ("Synced", "Synced")
    await rig.sync.rollback(*A, reason="", actor=ANN)
    pinned = await rig.sync.status.flow(A)
    assert (pinned.sync, pinned.revision, pinned.newest, pinned.behind) == ("Pinned", 1, 2, 1)
    scratch.commit({path("a"): None})
    await rig.outcome()
    assert await sync_of(rig) == "Deleted"


async def test_a_source(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a"), path("x", "other"): flow("x")})
    await rig.outcome()
    scratch.commit({path("b"): BROKEN})
    await rig.outcome()
    status = await rig.sync.status.source("main")
    assert {each.name: each.rollup.sync for each in status.places} == {
        "other": "Synced",
        "shop": "Invalid",
    }
    assert (status.rollup.sync, status.rollup.flows) == ("Invalid", 3), "the new one counts"
    assert status.findings == {"error": 1, "warning": 0}
    assert status.lag_seconds > 0, "the tip was seen, and is not applied"
    assert status.webhook == {"configured": False, "last_at": None, "healthy": False}
    await rig.outcome()
    await rig.outcome()
    again = await rig.sync.status.source("main")
    marks = [(run.new_commit, run.outcome) for run in again.runs]
    assert len(marks) == len(set(marks)), "one of each commit and outcome"


async def test_what_a_run_changed_is_seen_at_once(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a"), path("b"): BROKEN})
    await rig.outcome()
    assert {each.sync for each in await rig.sync.status.all()} != {"Synced"}
    scratch.commit({path("b"): flow("b")})
    await rig.outcome()
    assert [each.sync for each in await rig.sync.status.all()] == ["Synced", "Synced"]
