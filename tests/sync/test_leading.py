"""Several nodes on one database: one of them at a time syncs a source, the others see it."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from app.db.activation import Activation
from app.db.audit import AuditStore
from app.db.flows import FlowStore
from app.errors import Fenced, Unavailable
from app.sync import leading, reconcile
from app.sync.leading import Leader, is_gone
from app.sync.service import SyncService
from tests.git.scratch import Scratch
from tests.sync.conftest import Start
from tests.sync.rig import REGISTRY, Rig, flow, path, until

SECOND = 1_000_000


class HandClock:
    """A clock that somebody else moves."""

    def __init__(self) -> None:
        self.at = 1_000 * SECOND

    def now(self) -> int:
        return self.at


@asynccontextmanager
async def second_node(rig: Rig) -> AsyncIterator[tuple[SyncService, FlowStore]]:
    """A node with a memory of its own on the database of another one."""
    flows = FlowStore(rig.database, REGISTRY)
    await flows.open()
    audit = AuditStore(rig.database)
    node = SyncService(rig.settings, rig.store, flows, audit, REGISTRY, rig.clock)
    await node.start()
    try:
        yield node, flows
    finally:
        await node.stop()


async def row(rig: Rig) -> Any:
    query = "SELECT lease_holder, lease_until, sync_turn FROM source WHERE id = 'main'"
    return (await rig.database.fetch_sql(query))[0]


async def free(rig: Rig) -> Any:
    """Return the row when the lease was given back, which nobody waits for."""
    async with asyncio.timeout(10):
        while (await row(rig)).lease_holder is not None:
            await asyncio.sleep(0.005)
    return await row(rig)


def leader(rig: Rig, clock: Any = None) -> Leader:
    return Leader("main", rig.store.leases, clock or rig.clock)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long, and leases are renewed at once."""
    monkeypatch.setattr(leading, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(leading, "BEAT_SECONDS", 0.01)


async def test_a_lease_is_given_back_after_a_run(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a")})
    assert await rig.outcome() == "SYNCED"
    found = await free(rig)
    assert (found.lease_holder, found.lease_until) == (None, None)
    assert found.sync_turn > 0


async def test_a_poll_that_finds_nothing_takes_no_lease(
    rig: Rig, scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch.commit({path("a"): flow("a")})
    await rig.outcome()
    before, taken = await free(rig), list[Leader]()
    monkeypatch.setattr(Leader, "take", taken.append)
    run = await rig.sync.sync(cause="poll")
    assert run is not None
    assert (run.outcome, taken, await row(rig)) == ("NOOP", [], before)


@pytest.mark.usefixtures("hasty")
async def test_one_holder_at_a_time(rig: Rig) -> None:
    one, other = leader(rig), leader(rig)
    await one.take()
    with pytest.raises(Unavailable, match="another node syncs source main"):
        await other.take()
    one.give()
    await other.take()
    other.give()


async def test_who_is_cancelled_while_it_takes_it_holds_nothing_up(rig: Rig) -> None:
    ours = leader(rig)
    taking = asyncio.create_task(ours.take())
    await asyncio.sleep(0)  # what takes it is on its way
    taking.cancel()
    await asyncio.gather(taking, return_exceptions=True)
    ours.give()
    await free(rig)


async def test_who_waits_gets_it_when_it_is_given_back(rig: Rig) -> None:
    one, other = leader(rig), leader(rig)
    await one.take()
    waiting = asyncio.create_task(other.take())
    await asyncio.sleep(0)
    assert not waiting.done()
    one.give()
    await asyncio.wait_for(waiting, 10)
    assert (await row(rig)).lease_holder == other.holder
    other.give()


@pytest.mark.usefixtures("hasty")
async def test_the_lease_of_a_crashed_node_ends_by_itself(rig: Rig) -> None:
    clock = HandClock()
    ours, end = leader(rig, clock), clock.at + 30 * SECOND
    holder = "elsewhere/1/a/b"
    await rig.store.leases.take("main", holder, over=holder, now=clock.at, until=end)
    clock.at = end - 1
    with pytest.raises(Unavailable):
        await ours.take()
    clock.at = end
    await ours.take()
    ours.give()


async def test_a_process_of_this_machine_that_died_holds_nothing_up(rig: Rig) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])  # noqa: ASYNC220 - it ends at once
    ended.wait()
    ours = leader(rig)
    place = ours.holder.rsplit("/", 3)[0]
    holder, now = f"{place}/{ended.pid}/a/b", rig.clock.now()
    await rig.store.leases.take("main", holder, over=holder, now=now, until=now + 600 * SECOND)
    await asyncio.wait_for(ours.take(), 10)
    ours.give()


def test_which_holders_are_gone(rig: Rig) -> None:
    place, pid, process, _ = leader(rig).holder.rsplit("/", 3)
    assert not is_gone(leader(rig).holder)
    assert not is_gone(f"{place}/{os.getppid()}/a/b")
    assert not is_gone("elsewhere/1/a/b")
    assert not is_gone(f"/{pid}/a/b")
    assert is_gone(f"{place}/{pid}/not-{process}/b")


@pytest.mark.usefixtures("hasty")
async def test_a_run_renews_its_lease(rig: Rig) -> None:
    clock = HandClock()
    ours = leader(rig, clock)
    await ours.take()
    clock.at += 100 * SECOND
    renewed = clock.at + 30 * SECOND
    async with asyncio.timeout(10):
        while (await row(rig)).lease_until != renewed:
            await asyncio.sleep(0.005)
    ours.check()
    ours.give()


@pytest.mark.usefixtures("hasty")
async def test_a_lost_lease_is_noticed(rig: Rig) -> None:
    ours = leader(rig)
    await ours.take()
    holder, now = "elsewhere/1/a/b", rig.clock.now()
    assert await rig.store.leases.take("main", holder, over=ours.holder, now=now, until=now)
    await until(lambda: ours.is_lost)
    with pytest.raises(Unavailable, match="has taken over"):
        ours.check()
    ours.give()
    assert (await row(rig)).lease_holder == holder, "only its own lease is given back"


async def test_nothing_is_written_without_the_lease(rig: Rig, scratch: Scratch) -> None:
    await writes(rig, scratch)


@pytest.mark.postgres
async def test_nor_on_postgresql(start: Start, scratch: Scratch, postgres_database: str) -> None:
    rig = await start(url=postgres_database, repo=str(scratch.path))
    await writes(rig, scratch)
    async with second_node(rig) as (node, flows):
        scratch.commit({path("a"): flow("a", "2")})
        async with asyncio.TaskGroup() as group:
            group.create_task(rig.sync.sync())
            group.create_task(node.sync())
        assert rig.runs("a").revision == flows.effective("main", "shop", "a").revision == 2


async def writes(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a")})
    await rig.outcome()
    before, ours, other = await free(rig), leader(rig), "f" * 40
    new = Activation("main", 1, passed=f"main@{other}", guard=ours.guard(moves=True))
    with pytest.raises(Fenced):
        await rig.store.activation.activate(new)
    with pytest.raises(Fenced):
        await rig.store.revisions.add("main", [], [], attempted=other, at=1, guard=new.guard)
    source = await rig.store.get("main")
    assert other not in f"{source.last_passed} {source.last_attempted}"
    assert await row(rig) == before
    await ours.take()
    await rig.store.activation.activate(new)
    assert (await rig.store.get("main")).last_passed == f"main@{other}"
    new.passed = f"main@{scratch.tip()}"
    await rig.store.activation.activate(new)
    ours.give()


@pytest.mark.parametrize("phase", ["FETCH", "GATE"])
async def test_a_run_that_lost_its_lease_changes_nothing(
    rig: Rig, scratch: Scratch, monkeypatch: pytest.MonkeyPatch, phase: str
) -> None:
    scratch.commit({path("a"): flow("a")})
    await rig.outcome()
    ours = rig.sync.main.parts.leader
    assert ours is not None

    async def taken_over(*arguments: Any) -> None:
        await phases[phase](*arguments)
        now, end = rig.clock.now(), rig.clock.now() + SECOND // 5
        await rig.store.leases.take("main", "elsewhere/1/a/b", over=ours.holder, now=now, until=end)
        phases[phase] = dict(reconcile.PHASES)[phase]

    phases = dict(reconcile.PHASES)
    changed = tuple((n, taken_over if n == phase else p) for n, p in reconcile.PHASES)
    active = await rig.active()
    scratch.commit({path("a"): flow("a", "2")})
    with monkeypatch.context() as patch:
        patch.setattr(reconcile, "PHASES", changed)
        run = await rig.sync.sync()
    assert run is not None
    assert run.outcome == "FAILED"
    assert "another node has taken over" in run.reason
    assert await rig.active() == active
    # The lease of the other one is over soon, and nobody renews it.
    assert await rig.outcome() == "SYNCED"
    assert rig.runs("a").revision == 2


async def test_a_node_sees_what_another_one_did(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a"), path("b"): flow("b")})
    await rig.outcome()
    async with second_node(rig) as (node, flows):
        scratch.commit({path("a"): flow("a", "2"), path("b"): None})
        await node.sync()
        assert [each.flow_id for each in rig.flows.active()] == ["a", "b"]
        run = await rig.sync.sync(cause="poll")
        assert run is not None
        assert run.outcome == "NOOP"
        assert [(each.flow_id, each.revision) for each in rig.flows.active()] == [("a", 2)]
        scratch.commit({path("a"): flow("a", "3")})
        assert await rig.outcome() == "SYNCED"
        await node.sync(cause="poll")
        assert [(each.flow_id, each.revision) for each in flows.active()] == [("a", 3)]


async def test_nodes_that_have_seen_it_leave_each_other_alone(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a"), path("bad"): b"id: bad\n"})
    await rig.outcome()
    async with second_node(rig) as (node, _):
        scratch.commit({path("a"): flow("a", "2")})
        for each in (node, rig.sync):
            await each.sync(cause="poll")
        turn = (await row(rig)).sync_turn
        for each in (node, rig.sync, node, rig.sync):
            run = await each.sync(cause="poll")
            assert run is not None
            assert run.outcome == "NOOP"
        assert (await row(rig)).sync_turn == turn


async def test_two_nodes_never_run_at_once(
    rig: Rig, scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, most = 0, 0

    async def counted(*arguments: Any) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0)
        await dict(phases)["LOAD"](*arguments)
        inside -= 1

    phases = reconcile.PHASES
    changed = tuple((n, counted if n == "LOAD" else p) for n, p in phases)
    monkeypatch.setattr(reconcile, "PHASES", changed)
    async with second_node(rig) as (node, flows):
        for number in range(5):
            scratch.commit({path("a"): flow("a", str(number))})
            async with asyncio.TaskGroup() as group:
                ours = group.create_task(rig.sync.sync())
                theirs = group.create_task(node.sync())
            runs = ours.result(), theirs.result()
            assert sorted(f"{run.outcome}" for run in runs if run) == ["NOOP", "SYNCED"]
            assert rig.runs("a").revision == number + 1
            assert flows.effective("main", "shop", "a").revision == number + 1
    assert most == 1
