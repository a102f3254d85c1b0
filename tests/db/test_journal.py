"""The contract of the journal and of the sweeps, on SQLite, PostgreSQL and the fake."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import app.db.journal
from app.db.database import Database
from app.db.executions import ExecutionFilter, SqlExecutions
from app.db.journal import SqlJournal
from app.db.nodes import next_epoch
from app.errors import Conflict, Fenced
from app.executions import Event, Execution, Kind, State, execution_id
from app.ports import Claim, LogEntry
from tests.engine.fakes import MemoryJournal

pytestmark = pytest.mark.parametrize(
    "kind", ["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
)


@pytest.fixture
def url(kind: str, request: pytest.FixtureRequest) -> str | None:
    return request.getfixturevalue("postgres_database") if kind == "postgres" else None


@pytest.fixture
async def ports(kind: str, tmp_path: Path, url: str | None) -> AsyncIterator[tuple[Any, Any]]:
    if kind == "memory":
        fake = MemoryJournal()
        yield fake, fake
        return
    database = Database.at(url, tmp_path)
    await database.open()
    epoch = await next_epoch(database, now=1, pid=1, host="here")
    journal = SqlJournal(database, epoch)
    yield journal, SqlExecutions(database, journal)
    await database.close()


def created(**data: Any) -> tuple[Execution, Event]:
    facts = {
        "tenant": "main", "namespace": "shop", "flow_id": "order", "revision": 1,
        "commit": "c" * 40, "blob": "b" * 40, "labels": [["team", "a"]], **data,
    }  # fmt: skip
    event = Event(Kind.CREATED, 1_000, to=State.CREATED, data=facts)
    return Execution.created(execution_id(), event), event


def moved(execution: Execution, state: State, at: int = 2_000) -> Event:
    event = Event(Kind.MOVED, at, to=state)
    execution.apply(event)
    return event


async def test_what_a_newer_version_wrote_is_named(
    ports: tuple[Any, Any], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "memory":
        pytest.skip("it keeps objects, not their names")
    journal, _ = ports
    execution, first = created()
    await journal.append(execution, [first])
    monkeypatch.delitem(app.db.journal._KINDS, "created")
    with pytest.raises(Conflict, match=r"'created'.* newer version"):
        await journal.read(execution.id)


async def test_events_come_back_as_they_went_in(ports: tuple[Any, Any]) -> None:
    journal, _ = ports
    execution, first = created(inputs={"a": [1, "ä", None, {"b": True}]})
    started = Event(Kind.STARTED, 1_500, "/call", State.RUNNING, attempt=1, delivery=1,
                    data={"task": "call"})  # fmt: skip
    journal.append(execution, [first])
    execution.apply(started)
    await journal.append(execution, [started])
    found = Execution.fold(execution.id, await journal.read(execution.id))
    assert found.inputs == {"a": [1, "ä", None, {"b": True}]}
    assert found.task_runs["/call"].attempts[0].number == 1
    assert found.version == 2


async def test_a_second_writer_of_a_version_is_fenced(ports: tuple[Any, Any]) -> None:
    journal, _ = ports
    execution, first = created()
    await journal.append(execution, [first])
    twin = Execution.fold(execution.id, await journal.read(execution.id))
    other, _ = created()
    await journal.append(execution, [moved(execution, State.RUNNING)])
    with pytest.raises(Fenced):
        await journal.append(twin, [moved(twin, State.RUNNING)])
    assert len(await journal.read(execution.id)) == 2
    assert await journal.read(other.id) == []


async def test_a_fenced_append_harms_no_other_of_the_same_batch(ports: tuple[Any, Any]) -> None:
    journal, _ = ports
    execution, first = created()
    await journal.append(execution, [first])
    twin = Execution.fold(execution.id, await journal.read(execution.id))
    await journal.append(twin, [moved(twin, State.RUNNING)])
    good = [created() for _ in range(5)]
    appends = [journal.append(each, [event]) for each, event in good]
    appends.insert(2, journal.append(execution, [moved(execution, State.RUNNING)]))
    results = await asyncio.gather(*appends, return_exceptions=True)
    assert [isinstance(each, Fenced) for each in results] == [False, False, True] + [False] * 3
    for each, _ in good:
        assert len(await journal.read(each.id)) == 1


async def test_what_follows_another_is_refused_with_it(ports: tuple[Any, Any]) -> None:
    journal, _ = ports
    starter, first = created()
    await journal.append(starter, [first])
    twin = Execution.fold(starter.id, await journal.read(starter.id))
    (early, one), (late, two), (later, three) = created(), created(), created()
    appends = [
        journal.append(early, [one], follows=starter),
        journal.append(twin, [moved(twin, State.RUNNING)]),
        journal.append(starter, [moved(starter, State.RUNNING)]),
        journal.append(late, [two], follows=starter),
        journal.append(late, [moved(late, State.RUNNING)]),
    ]
    results = await asyncio.gather(*appends, return_exceptions=True)
    results.append(await _refusal(journal.append(later, [three], follows=starter)))
    results.append(await _refusal(journal.append(later, [moved(later, State.RUNNING)])))
    results.append(await _refusal(journal.append(early, [moved(early, State.RUNNING)])))
    lost = [isinstance(each, Fenced) for each in results]
    assert lost == [False, False, True, True, True, True, True, False]
    assert [len(await journal.read(each.id)) for each in (early, late, later)] == [2, 0, 0]


async def _refusal(append: asyncio.Future[Any]) -> Any:
    (result,) = await asyncio.gather(append, return_exceptions=True)
    return result


async def test_any_value_comes_back(ports: tuple[Any, Any]) -> None:
    journal, _ = ports
    odd = {"surrogate": "\ud800", "large": 2**70, "nul": "a\0b", "float": 1e300, "text": "ä\u2028"}
    execution, first = created(inputs=odd)
    await journal.append(execution, [first])
    assert Execution.fold(execution.id, await journal.read(execution.id)).inputs == odd


async def test_what_cannot_be_stored_harms_nobody_else(ports: tuple[Any, Any], kind: str) -> None:
    if kind == "memory":
        pytest.skip("a dictionary stores everything")
    journal, _ = ports
    good = [created() for _ in range(3)]
    appends = [journal.append(each, [event]) for each, event in good]
    journal.write_logs([LogEntry("e", "r", "t", 0, 20, 1, "\ud800")])
    appends += [journal.append(each, [moved(each, State.RUNNING)]) for each, _ in good]
    await asyncio.gather(*appends)


async def test_what_follows_a_refused_event_is_refused(ports: tuple[Any, Any]) -> None:
    journal, _ = ports
    claim = Claim("main", "shop/order", "gap", "hash")
    first, event = created()
    await journal.append(first, [event], claim=claim)
    second, event = created()
    other, fine = created()
    appends = [
        journal.append(second, [event], claim=claim),
        journal.append(second, [moved(second, State.RUNNING)]),
        journal.append(other, [fine]),
    ]
    results = await asyncio.gather(*appends, return_exceptions=True)
    assert [isinstance(each, Fenced) for each in results] == [True, True, False]
    with pytest.raises(Fenced):
        await journal.append(second, [moved(second, State.SUCCESS)])
    assert await journal.read(second.id) == []


async def test_claims_are_unique(ports: tuple[Any, Any]) -> None:
    journal, executions = ports
    claim = Claim("main", "shop/order", "key", "hash")
    execution, first = created()
    assert await executions.claimed(claim) is None
    await journal.append(execution, [first], claim=claim)
    assert await executions.claimed(claim) == (execution.id, "hash")
    other, event = created()
    with pytest.raises(Fenced):
        await journal.append(other, [event], claim=claim)
    assert await journal.read(other.id) == []


async def test_sweeps_find_what_should_move(ports: tuple[Any, Any]) -> None:
    journal, executions = ports
    running, first = created()
    await journal.append(running, [first])
    parked, event = created()
    await journal.append(parked, [event])
    await journal.append(parked, [], parked=True, wake_at=5_000)
    ended, event = created()
    await journal.append(ended, [event])
    await journal.append(ended, [moved(ended, State.SUCCESS)])
    assert await executions.unfinished() == [running.id]
    assert await executions.unfinished(after=running.id) == []
    assert await executions.due(4_999) == []
    assert await executions.due(5_000) == [parked.id]
    assert await executions.next_wake() == await executions.next_wake(4_999) == 5_000
    assert await executions.next_wake(5_000) is None
    await journal.append(parked, [moved(parked, State.RUNNING)])
    assert await executions.next_wake() is None
    assert await executions.unfinished() == sorted([running.id, parked.id])


async def test_parents_of_ended_children_are_found(ports: tuple[Any, Any]) -> None:
    journal, executions = ports
    parent, event = created()
    await journal.append(parent, [event])
    await journal.append(parent, [moved(parent, State.RUNNING)])
    await journal.append(parent, [], parked=True)
    trigger = {"variables": {"executionId": parent.id}}
    child, event = created(trigger=trigger)
    await journal.append(child, [event])
    assert await executions.children(parent.id) == [child.id]
    assert await executions.parents_of_ended() == []
    await journal.append(child, [moved(child, State.SUCCESS)])
    assert await executions.parents_of_ended() == [parent.id]
    assert await executions.children(parent.id) == []


async def test_a_child_is_one_until_what_runs_after_its_end_is_over(ports: tuple[Any, Any]) -> None:
    journal, executions = ports
    parent, event = created()
    await journal.append(parent, [event])
    child, event = created(trigger={"variables": {"executionId": parent.id}})
    await journal.append(child, [event])
    retried = Event(Kind.MOVED, 2_000, to=State.RETRIED, data={"after": True, "anew": 9_000})
    child.apply(retried)
    await journal.append(child, [retried])
    assert await executions.children(parent.id) == [child.id]
    over = Event(Kind.MOVED, 3_000, data={"after": False})
    child.apply(over)
    await journal.append(child, [over])
    assert await executions.children(parent.id) == []


async def test_search(ports: tuple[Any, Any], kind: str) -> None:
    if kind == "memory":
        pytest.skip("people do not search the fake")
    journal, executions = ports
    made = []
    for number in range(5):
        execution, event = created(flow_id=f"flow{number % 2}", namespace="shop.eu")
        await journal.append(execution, [event])
        made.append(execution.id)
    other, event = created(tenant="other")
    await journal.append(other, [event])
    found, total = await executions.search(ExecutionFilter("main", namespace="shop"), size=2)
    assert total == 5
    assert [each.id for each in found] == sorted(made, reverse=True)[:2]
    wanted = ExecutionFilter("main", flow_id="flow1", states=["CREATED"], labels=[("team", "a")])
    assert (await executions.search(wanted))[1] == 2
    assert (await executions.search(ExecutionFilter("main", labels=[("team", "b")])))[1] == 0
    assert (await executions.search(ExecutionFilter("main", namespace="sho")))[1] == 0
    assert (await executions.search(ExecutionFilter("main", text="FLOW0")))[1] == 3
