"""Exactly once on every database: two nodes, and a process that dies at any point (contract D7)."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.db.database import Database
from tests.triggers.rig import Rig, RigFlows, clock_at

FLOWS = ("""
id: hourly
triggers:
  - id: t
    type: io.kestra.plugin.core.trigger.Schedule
    cron: "0 * * * *"
    allowConcurrent: true
tasks:
  - {id: say, type: io.kestra.plugin.core.debug.Return, format: x}
""", """
id: down
triggers:
  - id: t
    type: io.kestra.plugin.core.trigger.Flow
    preconditions:
      id: p
      resetOnSuccess: true
      flows: [{namespace: tests, flowId: hourly, states: [SUCCESS]}]
tasks:
  - {id: say, type: io.kestra.plugin.core.debug.Return, format: x}
""")  # fmt: skip
HOURS = (11, 12, 13)


class Died(BaseException):
    """The process died."""


def flows() -> RigFlows:
    made = RigFlows()
    for source in FLOWS:
        made.put(source)
    return made


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest) -> str | None:
    return request.getfixturevalue("postgres_database") if request.param == "postgres" else None


@pytest.fixture
async def any_database(url: str | None, tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database.at(url, tmp_path)
    await opened.open()
    yield opened
    await opened.close()


async def test_two_nodes_fire_once(any_database: Database) -> None:
    clock, both = clock_at("2024-05-01T10:30:00Z"), flows()
    async with (
        Rig(any_database, clock, both, sweeps=False) as one,
        Rig(any_database, clock, both, epoch=2, sweeps=False) as two,
    ):
        await one.step()
        await two.step()
        for hour in HOURS:
            one.go_to(f"2024-05-01T{hour}:00:00Z")
            await asyncio.gather(one.step(), two.step())
        fired = await one.ended("hourly", len(HOURS))
        assert len({each.schedule_date for each in fired}) == len(fired) == len(HOURS)
        await asyncio.gather(one.step(), two.step())
        assert len(await one.ended("down", len(HOURS))) == len(HOURS)


def mortal(rig: Rig, point: int) -> None:
    """Let the process die at the n-th write of a trigger's state or window: before or after it."""
    count = 0

    def wrapped(write: Any) -> Any:
        async def dying(*arguments: Any) -> Any:
            nonlocal count
            count += 1
            if count * 2 - 1 == point:
                raise Died
            result = await write(*arguments)
            if count * 2 == point:
                raise Died
            return result

        return dying

    rig.store.move = wrapped(rig.store.move)  # type: ignore[method-assign]
    rig.parts.windows.commit = wrapped(rig.parts.windows.commit)  # type: ignore[method-assign]
    rig.parts.commands.create = wrapped(rig.parts.commands.create)  # type: ignore[method-assign]


async def live_and_die(database: Database, deaths: list[int]) -> tuple[list[Any], int]:
    """Fire over three hours, dying at points of each life; return the dates and what followed."""
    clock, made = clock_at("2024-05-01T10:30:00Z"), flows()
    async with Rig(database, clock, made) as rig:
        await rig.step()
    rig.go_to("2024-05-01T13:00:00Z")
    for epoch, point in enumerate(deaths, 2):
        made.heard.clear()
        try:
            async with Rig(database, clock, made, epoch=epoch) as rig:
                mortal(rig, point)
                await rig.step()
                await rig.ended("hourly", 0)
                await rig.step()
        except (Died, BaseExceptionGroup):
            continue
    made.heard.clear()
    async with Rig(database, clock, made, epoch=99) as rig:
        fired = await rig.ended("hourly", len(HOURS))
        await rig.ended("down", len(HOURS))
        await rig.step()
        followed = len(await rig.executions("down"))
        return [each.schedule_date for each in fired], followed


@settings(max_examples=20)
@given(st.lists(st.integers(1, 14), min_size=1, max_size=3))
def test_a_process_that_dies_anywhere(deaths: list[int]) -> None:
    async def example() -> tuple[list[Any], int]:
        with tempfile.TemporaryDirectory() as folder:
            database = Database.at(None, Path(folder))
            await database.open()
            try:
                return await live_and_die(database, deaths)
            finally:
                await database.close()

    dates, followed = asyncio.run(example())
    assert len(set(dates)) == len(dates) == len(HOURS)
    assert followed == len(HOURS)
