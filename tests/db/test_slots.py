"""The contract of slots, on SQLite, PostgreSQL and the fake."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from app.db.database import Database
from app.db.journal import SqlJournal
from app.db.slots import SqlSlots
from app.executions import Event, Execution, Kind, State, execution_id
from tests.engine.fakes import MemoryJournal

pytestmark = pytest.mark.parametrize(
    "kind", ["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
)
FLOW = ("main", "shop", "order")


@pytest.fixture
def url(kind: str, request: pytest.FixtureRequest) -> str | None:
    return request.getfixturevalue("postgres_database") if kind == "postgres" else None


@pytest.fixture
async def ports(kind: str, tmp_path: Path, url: str | None) -> AsyncIterator[tuple[Any, Any]]:
    if kind == "memory":
        fake = MemoryJournal()
        yield fake, fake.slots
        return
    database = Database.at(url, tmp_path)
    await database.open()
    yield SqlJournal(database, 1), SqlSlots(database)
    await database.close()


async def created(journal: Any, flow: tuple[str, str, str] = FLOW) -> Execution:
    facts = {
        "tenant": flow[0], "namespace": flow[1], "flow_id": flow[2], "revision": 1,
        "commit": "c" * 40, "blob": "b" * 40,
    }  # fmt: skip
    event = Event(Kind.CREATED, 1_000, to=State.CREATED, data=facts)
    execution = Execution.created(execution_id(), event)
    await journal.append(execution, [event])
    return execution


async def move(journal: Any, execution: Execution, state: State) -> None:
    event = Event(Kind.MOVED, 2_000, to=state, data={"slot": True})
    execution.apply(event)
    await journal.append(execution, [event])


async def test_the_oldest_that_waits_comes_next(ports: tuple[Any, Any]) -> None:
    journal, slots = ports
    made = [await created(journal) for _ in range(4)]
    entered = [await slots.enter(each, 2, at, queue=True) for at, each in enumerate(made)]
    assert entered == [True, True, False, False]
    for each, state in zip(made, (State.RUNNING,) * 2 + (State.QUEUED,) * 2, strict=True):
        await move(journal, each, state)
    assert await slots.released() == []
    assert list(await slots.waiting()) == [FLOW]
    await move(journal, made[1], State.FAILED)
    assert list(await slots.released(FLOW)) == [made[2].id]
    assert await slots.holds(made[2].id)
    assert not await slots.holds(made[1].id)
    await move(journal, made[0], State.SUCCESS)
    assert set(await slots.released()) == {made[2].id, made[3].id}
    assert list(await slots.waiting()) == []


async def test_entering_again_changes_nothing(ports: tuple[Any, Any]) -> None:
    journal, slots = ports
    one, two = [await created(journal) for _ in range(2)]
    for _ in range(3):
        assert await slots.enter(one, 1, 1, queue=True)
        assert not await slots.enter(two, 1, 2, queue=True)
        assert not await slots.enter(await created(journal), 1, 3, queue=False)


async def test_of_many_at_once_no_more_than_the_limit_enter(ports: tuple[Any, Any]) -> None:
    journal, slots = ports
    made = [await created(journal) for _ in range(20)]
    for queue in (False, True):
        entered = await asyncio.gather(*(slots.enter(each, 3, 1, queue=queue) for each in made))
        assert sum(entered) == 3


async def test_flows_have_slots_of_their_own(ports: tuple[Any, Any]) -> None:
    journal, slots = ports
    one = await created(journal)
    other = await created(journal, ("main", "shop", "other"))
    assert await slots.enter(one, 1, 1, queue=True)
    assert await slots.enter(other, 1, 1, queue=True)


async def test_force_goes_beyond_the_limit(ports: tuple[Any, Any]) -> None:
    journal, slots = ports
    made = [await created(journal) for _ in range(3)]
    for at, each in enumerate(made):
        await slots.enter(each, 1, at, queue=True)
    await slots.force(made[2], 1, 9)
    assert await slots.holds(made[2].id)
    await move(journal, made[2], State.SUCCESS)
    assert not await slots.holds(made[1].id)
    await move(journal, made[0], State.SUCCESS)
    assert await slots.holds(made[1].id)


async def test_another_limit_counts_from_the_next_look(ports: tuple[Any, Any]) -> None:
    journal, slots = ports
    made = [await created(journal) for _ in range(4)]
    for at, each in enumerate(made):
        await slots.enter(each, 1, at, queue=True)
        await move(journal, each, State.QUEUED if at else State.RUNNING)
    await slots.release(FLOW, 3)
    assert set(await slots.released()) == {made[1].id, made[2].id}


async def test_one_that_retries_does_not_count(ports: tuple[Any, Any]) -> None:
    journal, slots = ports
    one, two = [await created(journal) for _ in range(2)]
    assert await slots.enter(one, 1, 1, queue=True)
    await move(journal, one, State.RETRYING)
    assert await slots.enter(two, 1, 2, queue=False)


async def test_slots_of_the_dead_are_found(ports: tuple[Any, Any]) -> None:
    journal, slots = ports
    one, two = [await created(journal) for _ in range(2)]
    await slots.enter(one, 1, 1, queue=True)
    await slots.enter(two, 1, 2, queue=True)
    assert await slots.sweep() == 0
    one.apply(event := Event(Kind.MOVED, 3_000, to=State.KILLED))
    await journal.append(one, [event])
    assert await slots.sweep() == 1
    assert await slots.holds(two.id)
