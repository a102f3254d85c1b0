"""A flow that cannot be read for a while: its triggers wait, and those of others do not."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from app.db.database import Database
from app.errors import Unavailable
from app.executions import State
from tests.triggers.rig import Rig, RigFlows, clock_at
from tests.triggers.test_schedules import hourly
from tests.triggers.test_upstream import AFTER_A, down, run, up
from tests.triggers.test_webhooks import call, hook

AFTER_B = AFTER_A.replace("flowId: a", "flowId: b")


@contextmanager
def dark(flows: RigFlows, *names: str) -> Iterator[None]:
    """Let the plugin defaults of flows be unreadable: without them they read otherwise."""
    before = {("tests", name): flows.flows["tests", name] for name in names}
    for key, loaded in before.items():
        off = [each.model_copy(update={"disabled": True}) for each in loaded.flow.triggers]
        read = loaded.flow.model_copy(update={"triggers": off})
        flows.flows[key] = replace(loaded, flow=read, lacking="the repository is not open yet")
    yield
    flows.flows.update(before)


async def test_missed_dates_are_decided_about_once_the_flow_can_be_read(
    database: Database,
) -> None:
    clock, flows = clock_at("2024-05-01T10:30:00Z"), RigFlows()
    async with Rig(database, clock, flows) as rig:
        flows.put(hourly("recoverMissedSchedules: NONE"))
        flows.put(hourly().replace("id: hourly", "id: other"))
        await rig.step()
    flows.heard.clear()
    async with Rig(database, clock, flows, epoch=2) as rig:
        rig.go_to("2024-05-01T13:30:00Z")
        with dark(flows, "hourly"):
            await rig.step()
            assert len(await rig.ended("other", 3)) == 3, "it holds up no other"
        await rig.step()
        assert await rig.executions("hourly") == []
        assert (await rig.state("hourly")).next_at == rig.at("2024-05-01T14:00:00Z")


async def test_a_changed_flow_that_cannot_be_read_holds_up_no_other(database: Database) -> None:
    async with Rig(database, clock_at("2024-05-01T10:30:00Z")) as rig:
        rig.flows.put(hourly())
        rig.flows.put(hourly().replace("id: hourly", "id: other"))
        await rig.step()
        rig.flows.put(hourly("disabled: false"))
        before = await rig.state("hourly")
        rig.go_to("2024-05-01T11:00:00Z")
        with dark(rig.flows, "hourly"):
            await rig.triggers.step()
            assert len(await rig.executions("other")) == 1
            assert await rig.state("hourly") == before, "what it says is not known"
        await rig.step()
        assert (await rig.state("hourly")).next_at == rig.at("2024-05-01T12:00:00Z")


async def test_many_that_wait_leave_room_for_others(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.triggers.service._CHUNK", 1)
    async with Rig(database, clock_at("2024-05-01T10:30:00Z")) as rig:
        for name in ("a", "b", "other"):
            rig.flows.put(hourly().replace("id: hourly", f"id: {name}"))
        await rig.step()
        rig.go_to("2024-05-01T11:00:00Z")
        with dark(rig.flows, "a", "b"):
            await rig.step()
            assert len(await rig.executions("other")) == 1


async def test_a_flow_trigger_misses_nothing_meanwhile(database: Database) -> None:
    async with Rig(database) as rig:
        rig.flows.put(up("a"))
        rig.flows.put(down(AFTER_A))
        await rig.step()
        with dark(rig.flows, "down"), pytest.raises(Unavailable):
            await run(rig, "a")
        await rig.step()
        (execution,) = await rig.ended("down")
        assert execution.state is State.SUCCESS


async def test_an_event_that_waits_holds_up_no_other(database: Database) -> None:
    async with Rig(database) as rig:
        for source in (up("a"), up("b"), down(AFTER_A), down(AFTER_B, "other")):
            rig.flows.put(source)
        await rig.step()
        with dark(rig.flows, "down"):
            for name in ("a", "b"):
                with pytest.raises(Unavailable):
                    await run(rig, name)
            assert len(await rig.executions("other")) == 1
        assert len(await rig.ended("down")) == 1


async def test_a_webhook_is_not_called_unknown(database: Database) -> None:
    async with Rig(database) as rig:
        rig.flows.put(hook())
        with dark(rig.flows, "hook"), pytest.raises(Unavailable, match="plugin defaults"):
            await rig.webhooks.receive(call(key="of the defaults"))
