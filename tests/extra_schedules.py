"""Pure cases of the conformance data about schedules."""

import asyncio
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from app.db.database import Database
from app.flows.inputs import resolve_inputs
from app.flows.labels import Labels
from app.flows.schedule_dates import micros, moment
from app.flows.trigger_types import Schedule
from app.flows.typed import TYPES
from app.triggers.dates import ScheduleDates
from app.triggers.starts import rendered_labels
from tests.extra_parts import REGISTRY, conditions, evaluate, preview, resolved
from tests.flows.test_inputs import declare
from tests.triggers.rig import Rig, clock_at


def check_schedule(case: dict[str, Any], now: datetime) -> str | None:
    """Evaluate a schedule at a date."""
    trigger = Schedule.model_validate(
        {
            "id": "t",
            "type": Schedule.type_name,
            "cron": case["cron"],
            "timezone": case.get("timezone"),
            "conditions": conditions(*resolved(case.get("conditions") or [], now)),
        },
        context={TYPES: REGISTRY},
    )
    dates = ScheduleDates(trigger, preview(), UTC, "mock")
    backfill = resolved(case.get("backfill"), now)
    last = backfill["currentDate"] if backfill else resolved(case["last_date"], now)
    return asyncio.run(_compare_dates(dates, datetime.fromisoformat(last), case, now))


async def _compare_dates(
    dates: ScheduleDates, last: datetime, case: dict[str, Any], now: datetime
) -> str | None:
    expect = case["expect"]
    date = await dates.next(last - timedelta(microseconds=1))
    if "execution" in expect:
        fires = date == last if case.get("backfill") else date is not None and date <= now
        return None if fires is expect["execution"] else f"execution: {fires}"
    if "next_local_date" in expect:
        following = await dates.next(last)
        found = following and str(following.astimezone(dates.calendar.zone).date())
        return None if found == expect["next_local_date"] else f"next is {found}"
    if date is None:
        return "there is no date"
    variables = await dates.variables(date)
    for name, wanted in expect.items():
        if not _same_date(variables.get(name), wanted):
            return f"{name} is {variables.get(name)}, not {wanted}"
    return None


def _same_date(have: str | None, wanted: str | None) -> bool:
    if have is None or wanted is None:
        return have is wanted
    ours, theirs = datetime.fromisoformat(have), datetime.fromisoformat(wanted)
    return ours == theirs and ours.utcoffset() == theirs.utcoffset()


def check_schedule_inputs(case: dict[str, Any], _: datetime) -> str | None:
    """Resolve the inputs of a schedule."""
    declared = declare(*case["flow_inputs"])
    found = resolve_inputs(declared, case["trigger_inputs"], evaluate=evaluate)
    for name, wanted in case["expect"]["inputs"].items():
        if found.get(name) != wanted:
            return f"{name} is {found.get(name)!r}"
    return None


def check_schedule_labels(case: dict[str, Any], _: datetime) -> str | None:
    """Render the labels of a trigger, beside those of its flow."""
    labels = TypeAdapter(Labels).validate_python(case["trigger_labels"])
    own = asyncio.run(rendered_labels(preview(), labels, case.get("vars") or {}))
    flow = {k: v for k, v in case["flow_labels"].items() if not k.startswith("system.")}
    found = {**flow, **dict(own)}
    wanted = case["expect"].get("labels_exact", case["expect"].get("labels"))
    exact = "labels_exact" in case["expect"]
    ok = found == wanted if exact else found.items() >= wanted.items()
    return None if ok else f"labels are {found}"


def check_recover_missed(case: dict[str, Any], now: datetime) -> str | None:
    """Start the service some dates after the last one."""
    return asyncio.run(_recover(case, now))


async def _recover(case: dict[str, Any], now: datetime) -> str | None:
    last = datetime.fromisoformat(resolved(case["last_date"], now))
    hour = last.replace(minute=0, second=0, microsecond=0)
    with tempfile.TemporaryDirectory() as folder:
        database = Database.at(None, Path(folder))
        await database.open()
        try:
            date, following = await _after_start(database, case, last, now)
        finally:
            await database.close()
    for name, found in (("trigger_date", date), ("next", following)):
        if name in case["expect"]:
            wanted = hour + timedelta(hours=case["expect"][name]["$last_hour_plus"])
            if found != wanted:
                return f"{name} is {found}, not {wanted}"
    return None


async def _after_start(
    database: Database, case: dict[str, Any], last: datetime, now: datetime
) -> tuple[datetime | None, datetime | None]:
    async with Rig(database, clock_at(last.isoformat())) as rig:
        rig.flows.put(
            "id: f\ntriggers:\n  - id: t\n    type: io.kestra.plugin.core.trigger.Schedule\n"
            f"    cron: '{case['cron']}'\n    recoverMissedSchedules: {case['recover']}\n"
            "tasks:\n  - {id: a, type: test.Effect, name: a, hang: true}\n"
        )
        await rig.triggers.settled()
        state = await rig.state("f")
        await rig.store.move(state, replace(state, date=micros(last)), micros(last))
        rig.clock.advance((now - last).total_seconds())
        await rig.step()
        state = await rig.state("f")
        fired = await rig.executions("f")
    date = moment(state.date) if fired and state.date else None
    return date, moment(state.next_at) if state.next_at else None
