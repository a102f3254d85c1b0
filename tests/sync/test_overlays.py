"""What operators override without touching Git: it holds until somebody ends it, or its time."""

import asyncio

import pytest

from app.db.overlays import OverlayStore
from app.errors import BadRequest, Gone, NotFound
from app.sync.model import Actor
from app.sync.overlays import Overlays, Stored, TriggerKey, Word
from tests.git.scratch import Scratch
from tests.sync.rig import ANN, Rig, flow, path, until

A = ("main", "shop", "a")
SECOND = 1_000_000
WHY = Word(ANN, "it is ill")


class Switches:
    """Remembers which triggers are off."""

    def __init__(self, known: set[TriggerKey]) -> None:
        self.known = known
        self.off: set[TriggerKey] = set()

    async def disable(self, key: TriggerKey, *, disabled: bool) -> bool:
        if key not in self.known:
            raise NotFound("there is no such trigger")
        (self.off.add if disabled else self.off.discard)(key)
        return disabled


@pytest.fixture
async def switches() -> Switches:
    return Switches({(*A, "daily")})


def made(rig: Rig, switches: Switches) -> Overlays:
    stored = Stored(OverlayStore(rig.database), rig.flows)
    return Overlays(stored, rig.clock, rig.sync.timing, switches)


@pytest.fixture
async def overlays(rig: Rig, scratch: Scratch, switches: Switches) -> Overlays:
    scratch.commit({path("a"): flow("a"), path("off"): flow("off") + b"disabled: true\n"})
    await rig.outcome()
    return made(rig, switches)


async def is_disabled(rig: Rig, flow_id: str = "a") -> bool:
    return (await rig.flows.current("main", "shop", flow_id)).flow.disabled


async def test_a_disabled_flow_stays_disabled(
    rig: Rig, scratch: Scratch, overlays: Overlays, switches: Switches
) -> None:
    await overlays.disable_flows([A], WHY, disabled=True)
    assert await is_disabled(rig)
    scratch.commit({path("a"): flow("a", "new")})
    await rig.outcome()
    assert await is_disabled(rig), "a sync resets nothing"
    revision = rig.runs("a").revision
    assert (await rig.flows.at(*A, revision=revision)).flow.disabled
    assert (await rig.flows.at(*A, revision=1)).flow.disabled, "older revisions, too"
    await rig.restart()
    assert await is_disabled(rig), "nor does a restart"
    again = made(rig, switches)
    (held,) = await again.open("main")
    assert (held.kind, held.value, held.owner, held.reason) == (
        "disabled",
        "true",
        "Ann",
        "it is ill",
    )
    await again.disable_flows([A], WHY, disabled=False)
    assert not await is_disabled(rig)
    assert await again.open() == []
    (ended,) = await again.of_flow(A)
    assert ended.ended_by == "Ann"


async def test_a_flow_that_git_disables_can_be_enabled(rig: Rig, overlays: Overlays) -> None:
    off = ("main", "shop", "off")
    assert await is_disabled(rig, "off")
    await overlays.disable_flows([off], WHY, disabled=True)
    assert await overlays.open() == [], "Git says so anyway"
    await overlays.disable_flows([off], WHY, disabled=False)
    assert not await is_disabled(rig, "off")
    await overlays.disable_flows([off], WHY, disabled=True)
    assert await is_disabled(rig, "off")
    assert await overlays.open() == []


async def test_it_lies_over_a_pin(rig: Rig, scratch: Scratch, overlays: Overlays) -> None:
    scratch.commit({path("a"): flow("a", "2")})
    await rig.outcome()
    await overlays.disable_flows([A], WHY, disabled=True)
    await rig.sync.pin(*A, revision=1, reason="", actor=ANN)
    loaded = await rig.flows.current(*A)
    assert (loaded.revision.revision, loaded.flow.disabled) == (1, True)


async def test_a_limit(rig: Rig, overlays: Overlays) -> None:
    await overlays.limit(A, 3, WHY)
    first = await rig.flows.current(*A)
    assert first.flow.concurrency is not None
    assert (first.flow.concurrency.limit, first.flow.concurrency.behavior) == (3, "QUEUE")
    again = await rig.flows.current(*A)
    assert again.flow is first.flow, "what was prepared for its tasks is kept"
    assert again.plans is first.plans
    await overlays.limit(A, 5, Word(Actor("Ben")))
    changed = await rig.flows.current(*A)
    assert changed.flow.concurrency is not None
    assert changed.flow.concurrency.limit == 5
    old, new = await overlays.of_flow(A)
    assert (old.ended_by, new.ended_at) == ("replaced by Ben", None)
    await overlays.end(A, new.id, WHY)
    assert (await rig.flows.current(*A)).flow.concurrency is None
    with pytest.raises(NotFound, match="no overlay"):
        await overlays.end(A, new.id, WHY)


async def test_a_trigger(rig: Rig, overlays: Overlays, switches: Switches) -> None:
    daily = (*A, "daily")
    assert await overlays.disable_trigger(daily, WHY, disabled=True) is True
    assert switches.off == {daily}
    assert rig.flows.overrides.of(A).triggers == {"daily"}
    switches.off.clear()
    await overlays.start()
    assert switches.off == {daily}, "what is disabled stays so over a restart"
    assert await overlays.disable_trigger(daily, WHY, disabled=False) is False
    assert (switches.off, await overlays.open()) == (set(), [])
    with pytest.raises(NotFound):
        await overlays.disable_trigger((*A, "none"), WHY, disabled=True)
    assert await overlays.open() == []
    await overlays.set_disabled(*daily, disabled=True)
    (held,) = await overlays.open()
    assert held.owner == "a task"
    await overlays.end(A, held.id, WHY)
    assert switches.off == set()


async def test_it_ends_at_its_time(rig: Rig, overlays: Overlays, switches: Switches) -> None:
    with rig.clock.standing() as now:
        soon = now + SECOND // 5
        await overlays.disable_flows([A], Word(ANN, "", soon), disabled=True)
        await overlays.disable_trigger((*A, "daily"), Word(ANN, "", soon), disabled=True)
        assert await is_disabled(rig)
    async with asyncio.timeout(10):
        while await overlays.open():
            await asyncio.sleep(0.01)
    assert not await is_disabled(rig)
    assert switches.off == set()
    with pytest.raises(BadRequest, match="over already"):
        await overlays.disable_flows([A], Word(ANN, "", rig.clock.now() - 1), disabled=True)


async def test_one_that_expired_while_nothing_ran(
    rig: Rig, overlays: Overlays, switches: Switches
) -> None:
    with rig.clock.standing() as now:
        soon = now + SECOND // 5
        await overlays.disable_flows([A], Word(ANN, "", soon), disabled=True)
        await rig.stop()
    await until(lambda: rig.clock.now() > soon)
    await rig.start()
    later = made(rig, switches)
    await later.start()
    assert await later.open() == []
    assert not await is_disabled(rig)


async def test_each_is_noted(rig: Rig, overlays: Overlays) -> None:
    await overlays.disable_flows([A], WHY, disabled=True)
    await overlays.disable_flows([A], WHY, disabled=False)
    await overlays.limit(A, 2, WHY)
    await overlays.disable_trigger((*A, "daily"), WHY, disabled=True)
    for each in await overlays.open():
        await overlays.end(A, each.id, Word(ANN, "well again"))
    entries = (await rig.audit.find("main", "flow/shop.a"))[::-1]
    assert [(each.action, each.reason) for each in entries] == [
        ("flow.disable", "it is ill"),
        ("flow.enable", "it is ill"),
        ("flow.limit", "it is ill"),
        ("trigger.disable", "it is ill"),
        ("overlay.end", "well again"),
        ("overlay.end", "well again"),
    ]
    assert {each.actor for each in entries} == {"Ann"}
    assert entries[3].detail == {"trigger": "daily"}


async def test_flows_that_are_not_there(rig: Rig, scratch: Scratch, overlays: Overlays) -> None:
    with pytest.raises(NotFound):
        await overlays.disable_flows([("main", "shop", "none")], WHY, disabled=True)
    scratch.commit({path("off"): None})
    await rig.outcome()
    with pytest.raises(Gone):
        await overlays.limit(("main", "shop", "off"), 1, WHY)
