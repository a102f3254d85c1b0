"""Schedules: one execution per date, locks, conditions, missed dates, backfills, crashes."""

import asyncio

import pytest

from app.db.database import Database
from app.db.trigger_records import Backfill, TriggerKey, TriggerState
from app.errors import Unavailable
from app.executions import State
from tests.triggers.rig import Rig, RigFlows, clock_at

HOURLY = """
id: hourly
inputs:
  - id: name
    type: STRING
    defaults: world
triggers:
  - id: t
    type: io.kestra.plugin.core.trigger.Schedule
    cron: "0 * * * *"
    {more}
tasks:
  - id: say
    type: {task}
    {last}
"""


def hourly(more: str = "description: x", hang: bool = False) -> str:
    task = "test.Effect" if hang else "io.kestra.plugin.core.debug.Return"
    last = "name: x\n    hang: true" if hang else 'format: "{{ inputs.name }} {{ trigger.date }}"'
    return HOURLY.replace("{more}", more).replace("{task}", task).replace("{last}", last)


async def test_a_new_schedule_waits_for_its_next_date(database: Database) -> None:
    async with Rig(database, clock_at("2024-05-01T10:30:00Z")) as rig:
        rig.flows.put(hourly())
        await rig.step()
        state = await rig.state("hourly")
        assert state.next_at == rig.alarm.at == rig.at("2024-05-01T11:00:00Z") or (
            rig.alarm.at and rig.alarm.at < rig.at("2024-05-01T11:00:00Z")
        )
        assert await rig.executions("hourly") == []


async def test_each_date_makes_one_execution(database: Database) -> None:
    async with Rig(database, clock_at("2024-05-01T10:30:00Z")) as rig:
        rig.flows.put(hourly("inputs: {name: trigger}"))
        await rig.step()
        rig.go_to("2024-05-01T11:00:00Z")
        await rig.step()
        (execution,) = await rig.ended("hourly")
        assert execution.inputs == {"name": "trigger"}
        assert execution.trigger == {
            "id": "t",
            "type": "io.kestra.plugin.core.trigger.Schedule",
            "variables": {
                "date": "2024-05-01T11:00:00Z",
                "next": "2024-05-01T12:00:00Z",
                "previous": "2024-05-01T10:00:00Z",
            },
        }
        assert execution.variables["schedule"]["date"] == "2024-05-01T11:00:00Z"
        assert execution.schedule_date == rig.at("2024-05-01T11:00:00Z")
        await rig.step()
        assert len(await rig.executions("hourly")) == 1
        state = await rig.state("hourly")
        assert state.execution_id is None
        assert state.next_at == rig.at("2024-05-01T12:00:00Z")


async def test_a_running_execution_locks_the_trigger(database: Database) -> None:
    async with Rig(database, clock_at("2024-05-01T10:30:00Z")) as rig:
        rig.flows.put(hourly(hang=True))
        await rig.step()
        rig.go_to("2024-05-01T13:00:00Z")
        await rig.step()
        (first,) = await rig.executions("hourly")
        assert (await rig.state("hourly")).execution_id == first.id
        await rig.engine.commands.kill("main", first.id)
        await rig.step()
        dates = [each.trigger["variables"]["date"] for each in await rig.executions("hourly")]  # type: ignore[index]
        assert dates == ["2024-05-01T11:00:00Z", "2024-05-01T12:00:00Z"]
        await rig.verbs.unlock(rig.key("hourly"))
        await rig.step()
        assert len(await rig.executions("hourly")) == 3


async def test_an_outage_leaves_no_trigger_locked(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Rig(database, clock_at("2024-05-01T10:30:00Z")) as rig:
        rig.flows.put(hourly(hang=True))
        await rig.step()
        rig.go_to("2024-05-01T11:00:00Z")
        await rig.step()
        (execution,) = await rig.executions("hourly")
        await rig.engine.commands.kill("main", execution.id)
        with monkeypatch.context() as outage:
            outage.setattr(rig.store, "get", _dark)
            with pytest.raises(Unavailable):
                await rig.triggers.step()
        await rig.triggers.step()
        assert (await rig.state("hourly")).execution_id is None


async def _dark(_: TriggerKey) -> TriggerState | None:
    raise Unavailable


async def test_allow_concurrent_fires_on(database: Database) -> None:
    async with Rig(database, clock_at("2024-05-01T10:30:00Z")) as rig:
        rig.flows.put(hourly("allowConcurrent: true", hang=True))
        await rig.step()
        rig.go_to("2024-05-01T13:00:00Z")
        await rig.step()
        assert len(await rig.executions("hourly")) == 3


async def test_stop_after_disables(database: Database) -> None:
    async with Rig(database, clock_at("2024-05-01T10:30:00Z")) as rig:
        rig.flows.put(hourly("stopAfter: [SUCCESS]"))
        await rig.step()
        rig.go_to("2024-05-01T11:00:00Z")
        await rig.step()
        await rig.ended("hourly")
        assert (await rig.state("hourly")).disabled
        rig.go_to("2024-05-01T12:00:00Z")
        await rig.step()
        assert len(await rig.executions("hourly")) == 1


async def test_conditions_choose_dates(database: Database) -> None:
    more = "conditions: [{type: io.kestra.plugin.core.condition.Weekend}]"
    async with Rig(database, clock_at("2024-05-01T10:30:00Z")) as rig:  # a Wednesday
        rig.flows.put(hourly(more))
        await rig.step()
        assert (await rig.state("hourly")).next_at == rig.at("2024-05-04T00:00:00Z")
        rig.go_to("2024-05-05T23:00:00Z")
        await rig.verbs.restart(rig.key("hourly"))
        assert (await rig.state("hourly")).next_at == rig.at("2024-05-11T00:00:00Z")


async def test_a_condition_that_fails_makes_a_failed_execution(database: Database) -> None:
    more = (
        "conditions: [{type: io.kestra.plugin.core.condition.Expression,"
        " expression: '{{ nothing.there }}'}]"
    )
    async with Rig(database, clock_at("2024-05-01T10:30:00Z")) as rig:
        rig.flows.put(hourly(more))
        await rig.step()
        rig.go_to("2024-05-01T11:00:00Z")
        await rig.step()
        (execution,) = await rig.ended("hourly")
        assert execution.state is State.FAILED
        assert "nothing" in (execution.reason or "")
        assert execution.task_runs == {}
        assert (await rig.state("hourly")).next_at == rig.at("2024-05-01T12:00:00Z")


async def test_inputs_that_are_not_valid_make_a_failed_execution(database: Database) -> None:
    source = hourly().replace("type: STRING\n    defaults: world", "type: INT")
    async with Rig(database, clock_at("2024-05-01T10:30:00Z")) as rig:
        rig.flows.put(source)
        await rig.step()
        rig.go_to("2024-05-01T11:00:00Z")
        await rig.step()
        (execution,) = await rig.ended("hourly")
        assert execution.state is State.FAILED
        assert "name" in (execution.reason or "")


async def test_a_date_that_is_too_late_is_skipped(database: Database) -> None:
    async with Rig(database, clock_at("2024-05-01T10:30:00Z")) as rig:
        rig.flows.put(hourly("lateMaximumDelay: PT10M"))
        await rig.step()
        rig.go_to("2024-05-01T12:30:00Z")
        await rig.step()
        assert await rig.executions("hourly") == []
        assert (await rig.state("hourly")).next_at == rig.at("2024-05-01T13:00:00Z")


@pytest.mark.parametrize(
    ("rule", "first", "count"),
    [("ALL", "11:00", 3), ("LAST", "13:00", 1), ("NONE", None, 0)],
)
async def test_missed_dates(database: Database, rule: str, first: str | None, count: int) -> None:
    clock, flows = clock_at("2024-05-01T10:30:00Z"), RigFlows()
    more = f"recoverMissedSchedules: {rule}"
    async with Rig(database, clock, flows) as rig:
        flows.put(hourly(more))
        await rig.step()
    flows.heard.clear()
    async with Rig(database, clock, flows, epoch=2) as rig:
        rig.go_to("2024-05-01T13:30:00Z")
        await rig.step()
        found = await rig.ended("hourly", count)
        dates = [each.trigger["variables"]["date"] for each in found]  # type: ignore[index]
        assert len(dates) == count
        if first is not None:
            assert dates[0] == f"2024-05-01T{first}:00Z"
        assert (await rig.state("hourly")).next_at == rig.at("2024-05-01T14:00:00Z")


async def test_missed_dates_have_a_bound(database: Database) -> None:
    clock, flows = clock_at("2024-05-01T10:30:00Z"), RigFlows()
    async with Rig(database, clock, flows) as rig:
        flows.put(hourly())
        await rig.step()
    flows.heard.clear()
    async with Rig(database, clock, flows, epoch=2, recover_most=2) as rig:
        rig.go_to("2024-05-03T13:30:00Z")
        await rig.step()
        found = await rig.ended("hourly", 2)
        dates = [each.trigger["variables"]["date"] for each in found]  # type: ignore[index]
        assert dates == ["2024-05-03T12:00:00Z", "2024-05-03T13:00:00Z"]


async def test_a_backfill_runs_the_dates_of_the_past(database: Database) -> None:
    async with Rig(database, clock_at("2024-05-01T10:30:00Z")) as rig:
        rig.flows.put(hourly())
        await rig.step()
        start, end = rig.at("2024-04-01T00:00:00Z"), rig.at("2024-04-01T02:30:00Z")
        wanted = Backfill(
            start, end, start, None, inputs={"name": "then"}, labels=[("a", "b")], made_at=1
        )
        state = await rig.verbs.start_backfill(rig.key("hourly"), wanted)
        assert state.next_at == start
        found = await rig.ended("hourly", 3)
        dates = [each.trigger["variables"]["date"] for each in found]  # type: ignore[index]
        assert dates == [f"2024-04-01T0{hour}:00:00Z" for hour in range(3)]
        assert all(each.inputs == {"name": "then"} for each in found)
        assert all(("a", "b") in each.labels for each in found)
        state = await rig.state("hourly")
        assert state.backfill is None
        assert state.next_at == rig.at("2024-05-01T11:00:00Z")


async def test_a_backfill_pauses(database: Database) -> None:
    async with Rig(database, clock_at("2024-05-01T10:30:00Z")) as rig:
        rig.flows.put(hourly(hang=True))
        await rig.step()
        key, start = rig.key("hourly"), rig.at("2024-04-01T00:00:00Z")
        await rig.verbs.start_backfill(key, Backfill(start, start + 10_000_000_000, start, None))
        await rig.step()
        assert len(await rig.executions("hourly")) == 1
        paused = await rig.verbs.pause_backfill(key, paused=True)
        assert paused.next_at == rig.at("2024-05-01T11:00:00Z")
        again = await rig.verbs.pause_backfill(key, paused=False)
        assert again.next_at == rig.at("2024-04-01T01:00:00Z")
        ended = await rig.verbs.delete_backfill(key)
        assert ended.backfill is None
        assert ended.next_at == rig.at("2024-05-01T11:00:00Z")


async def test_flows_that_change(database: Database) -> None:
    async with Rig(database, clock_at("2024-05-01T10:30:00Z")) as rig:
        rig.flows.put(hourly())
        await rig.step()
        before = await rig.state("hourly")
        rig.flows.put(hourly().replace("inputs.name", "inputs.name ~ ''"))
        await rig.step()
        assert await rig.state("hourly") == before  # another task, the same trigger
        rig.flows.put(hourly().replace("0 * * * *", "15 * * * *"))
        await rig.step()
        assert (await rig.state("hourly")).next_at == rig.at("2024-05-01T11:15:00Z")
        rig.flows.put("disabled: true\n" + hourly().lstrip())
        await rig.step()
        assert (await rig.state("hourly")).next_at is None
        rig.flows.remove("tests", "hourly")
        await rig.step()
        assert await rig.store.get(rig.key("hourly")) is None


async def test_an_import_of_many_flows(database: Database) -> None:
    async with Rig(database, clock_at("2024-05-01T10:30:00Z")) as rig:
        plain = hourly().replace("triggers:", "x-triggers:").split("x-triggers")[0]
        tasks = "tasks:\n  - id: say\n    type: io.kestra.plugin.core.debug.Return\n"
        keys = {rig.flows.put(plain.replace("hourly", f"plain{n}") + tasks) for n in range(40)}
        some = {rig.flows.put(hourly().replace("id: hourly", f"id: timed{n}")) for n in range(3)}
        await rig.step()
        assert set(await rig.store.looked_at()) == keys | some
        assert await rig.store.having() == some
        # A flow that loses its triggers among many others loses what is stored of them.
        for number in range(40):
            rig.flows.put(f"description: x\n{plain.replace('hourly', f'plain{number}')}{tasks}")
        rig.flows.put(plain.replace("hourly", "timed0") + tasks)
        await rig.step()
        assert await rig.store.having() == {key for key in some if key[2] != "timed0"}
        assert await rig.triggers.reconciler.outdated() == set()


async def test_disabled_triggers_do_not_fire(database: Database) -> None:
    async with Rig(database, clock_at("2024-05-01T10:30:00Z")) as rig:
        rig.flows.put(hourly())
        await rig.verbs.disable(rig.key("hourly"), disabled=True)
        rig.go_to("2024-05-01T12:30:00Z")
        await rig.step()
        assert await rig.executions("hourly") == []
        state = await rig.verbs.disable(rig.key("hourly"), disabled=False)
        assert state.next_at == rig.at("2024-05-01T13:00:00Z")


async def test_lists_of_dates(database: Database) -> None:
    source = """
    id: listed
    triggers:
      - id: t
        type: io.kestra.plugin.core.trigger.ScheduleOnDates
        timezone: Europe/Paris
        dates: ["2024-05-01T14:00:00", "2024-05-01T10:00:00Z", "{{ '2024-05-01T11:00:00Z' }}"]
    tasks:
      - {id: say, type: io.kestra.plugin.core.debug.Return, format: x}
    """
    async with Rig(database, clock_at("2024-05-01T10:30:00Z")) as rig:
        rig.flows.put(source)
        await rig.step()
        assert (await rig.state("listed")).next_at == rig.at("2024-05-01T11:00:00Z")
        rig.go_to("2024-05-01T12:30:00Z")
        found = await rig.ended("listed", 2)
        assert [each.schedule_date for each in found] == [
            rig.at("2024-05-01T11:00:00Z"),
            rig.at("2024-05-01T12:00:00Z"),
        ]
        assert (await rig.state("listed")).next_at is None


@pytest.mark.parametrize("lost", [1, 2, 3])
async def test_a_crash_after_creation_makes_no_second_execution(
    database: Database, lost: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, flows = clock_at("2024-05-01T10:30:00Z"), RigFlows()
    async with Rig(database, clock, flows) as rig:
        flows.put(hourly())
        await rig.step()
        rig.go_to("2024-05-01T11:00:00Z")
        moves = 0

        async def lose(*_: object) -> None:
            nonlocal moves
            moves += 1
            if moves >= lost:
                raise KeyError("the process died here")

        monkeypatch.setattr(rig.store, "move", lose)
        with pytest.raises(BaseExceptionGroup):
            await rig.triggers.step()
    flows.heard.clear()
    async with Rig(database, clock, flows, epoch=2) as rig:
        await rig.step()
        await rig.step()
        assert len(await rig.ended("hourly")) == 1
        assert (await rig.state("hourly")).next_at == rig.at("2024-05-01T12:00:00Z")


async def test_two_schedulers_over_one_database(database: Database) -> None:
    clock, flows = clock_at("2024-05-01T10:30:00Z"), RigFlows()
    flows.put(hourly("allowConcurrent: true"))
    async with Rig(database, clock, flows) as first, Rig(database, clock, flows, epoch=2) as second:
        await first.step()
        await second.step()
        for hour in (11, 12, 13):
            first.go_to(f"2024-05-01T{hour}:00:00Z")

            await asyncio.gather(first.triggers.step(), second.triggers.step())
        found = await first.ended("hourly", 3)
        assert len(found) == 3
