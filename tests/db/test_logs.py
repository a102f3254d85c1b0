"""The contract of log lines and of the archive, on SQLite, PostgreSQL and the fakes."""

from contextlib import suppress
from typing import Any, NamedTuple

import pytest
from sqlalchemy import ClauseElement

from app.db.database import Database
from app.db.executions import SqlExecutions
from app.db.journal import SqlJournal
from app.db.logs import SqlLogs
from app.db.purge import SqlArchive
from app.db.sql import compiled
from app.executions import Event, Execution, Kind, State, execution_id
from app.ports import Archive, ArchiveQuery, Claim, Ended, Executions, Journal, LogQuery, Logs
from tests.db.histories import DAY, logged, ran, reported
from tests.engine.archives import MemoryArchive, MemoryLogs
from tests.engine.fakes import MemoryJournal


class Ports(NamedTuple):
    journal: Journal
    executions: Executions
    logs: Logs
    archive: Archive


@pytest.fixture
def ports(database: Database | None) -> Ports:
    if database is None:
        fake = MemoryJournal()
        return Ports(fake, fake, MemoryLogs(fake), MemoryArchive(fake))
    journal = SqlJournal(database, 1)
    executions = SqlExecutions(database, journal)
    return Ports(journal, executions, SqlLogs(database), SqlArchive(database))


async def messages(logs: Logs, **wanted: Any) -> list[str]:
    return [line.message for line in await logs.find(LogQuery("main", **wanted))]


async def test_lines_say_whose_they_are(ports: Ports) -> None:
    trigger = {"id": "every", "type": "t"}
    execution = await ran(ports.journal, "shop.eu", "order", trigger=trigger)
    await logged(ports.journal, execution, "hello", level=30, task="b", attempt=2)
    [line] = await ports.logs.find(LogQuery("main"))
    assert line[1:] == (
        "main", "shop.eu", "order", "every", execution.id, "rb", "b", 2, 30, DAY, "hello"
    )  # fmt: skip
    assert await ports.logs.find(LogQuery("other")) == []


async def test_every_field_of_a_query_narrows(ports: Ports) -> None:
    one = await ran(ports.journal, "shop", "order", trigger={"id": "every", "type": "t"})
    two = await ran(ports.journal, "shop.eu", "stock")
    await ran(ports.journal, "shopping", "order")
    await logged(ports.journal, one, "1-debug", level=10, task="a", at=DAY)
    await logged(ports.journal, one, "2-Warn", level=30, task="b", attempt=1, at=2 * DAY)
    await logged(ports.journal, two, "3-error", level=40, task="b", at=3 * DAY)
    logs = ports.logs
    for wanted, numbers in [
        ({}, "123"),
        ({"namespace": "shop"}, "123"),
        ({"namespace": "shop", "below": False}, "12"),
        ({"namespace": "sho"}, ""),
        ({"flow_id": "stock"}, "3"),
        ({"execution_id": one.id}, "12"),
        ({"trigger_id": "every"}, "12"),
        ({"task_ids": ["b", "c"]}, "23"),
        ({"task_run_id": "ra"}, "1"),
        ({"attempt": 0}, "13"),
        ({"least": 30}, "23"),
        ({"levels": [10, 40]}, "13"),
        ({"since": 2 * DAY}, "23"),
        ({"until": 2 * DAY}, "12"),
        ({"text": "wARN"}, "2"),
        ({"text": "%"}, ""),
        ({"namespace": "shop", "least": 40, "task_ids": ["a"]}, ""),
    ]:
        found = await messages(logs, **wanted)
        assert "".join(each[0] for each in found) == numbers, wanted


async def test_pages_follow_each_other_without_a_gap(ports: Ports) -> None:
    first, second = await ran(ports.journal), await ran(ports.journal)
    # Lines of one microsecond, of two executions, written in turns.
    for number in range(6):
        await logged(ports.journal, (first, second)[number % 2], str(number), at=DAY + number // 3)
    seen: list[str] = []
    last = None
    while page := await ports.logs.find(LogQuery("main"), after=last, limit=2):
        assert len(page) <= 2
        seen += [line.message for line in page]
        last = page[-1]
    assert seen == ["0", "1", "2", "3", "4", "5"]


async def test_lines_are_purged_by_query(ports: Ports) -> None:
    one, two = await ran(ports.journal, "shop"), await ran(ports.journal, "bank")
    await logged(ports.journal, one, "a", "b", level=10)
    await logged(ports.journal, one, "c", level=40)
    await logged(ports.journal, two, "d", level=10)
    assert await ports.logs.purge(LogQuery("other")) == 0
    assert await ports.logs.purge(LogQuery("main", namespace="shop", levels=[10, 20])) == 2
    assert sorted(await messages(ports.logs)) == ["c", "d"]
    assert await ports.logs.purge(LogQuery("main", until=DAY)) == 2
    assert await messages(ports.logs) == []


async def test_executions_are_counted(ports: Ports) -> None:
    await ran(ports.journal, "shop", "order", at=DAY)
    await ran(ports.journal, "shop", "order", at=2 * DAY, state=State.FAILED)
    await ran(ports.journal, "shop.eu", "order", at=3 * DAY, state=None)
    await ran(ports.journal, "shop", "stock", at=3 * DAY, tenant="other")
    for wanted, count in [
        ({}, 3),
        ({"namespace": "shop"}, 3),
        ({"namespace": "shop", "below": False}, 2),
        ({"flow_id": "stock"}, 0),
        ({"states": ["FAILED", "CREATED"]}, 2),
        ({"since": 2 * DAY}, 2),
        ({"until": 2 * DAY}, 2),
    ]:
        assert await ports.archive.count(ArchiveQuery("main", **wanted)) == count, wanted  # type: ignore[arg-type]  # every field has its own type


async def test_only_executions_that_ended_are_deleted(ports: Ports) -> None:
    ended = await ran(ports.journal)
    running = await ran(ports.journal, state=None)
    found = await ports.archive.ended(ArchiveQuery("main"))
    assert found == [Ended(ended.id, "shop", "order")]
    assert await ports.archive.delete([ended.id, running.id, "unknown"]) == 1
    assert await ports.journal.read(ended.id) == []
    assert len(await ports.journal.read(running.id)) == 1
    assert await ports.executions.unfinished() == [running.id]
    assert await ports.archive.delete([ended.id]) == 0


async def test_ended_executions_come_in_pages(ports: Ports) -> None:
    made = sorted([(await ran(ports.journal)).id for _ in range(5)])
    query, seen, last = ArchiveQuery("main"), [], ""
    while page := await ports.archive.ended(query, after=last, limit=2):
        seen += [each.id for each in page]
        last = page[-1].id
    assert seen == made


async def test_an_execution_leaves_nothing_behind(ports: Ports) -> None:
    execution, other = await ran(ports.journal), await ran(ports.journal)
    for each in (execution, other):
        await logged(ports.journal, each, "a", "b")
        await reported(ports.journal, each, "rows", 1, 2, 3)
    assert await ports.archive.delete_logs([execution.id]) == 2
    assert await ports.archive.delete_metrics([execution.id]) == 3
    assert await ports.archive.delete_logs([execution.id]) == 0
    assert len(await messages(ports.logs)) == 2


async def test_lines_may_outlive_their_execution(ports: Ports) -> None:
    trigger = {"id": "every", "type": "t"}
    gone, other = await ran(ports.journal, trigger=trigger), await ran(ports.journal, "bank")
    await logged(ports.journal, gone, "a", "b")
    await logged(ports.journal, other, "c")
    await ports.archive.delete([gone.id])
    assert sorted(await messages(ports.logs)) == ["a", "b", "c"]
    for wanted in [
        {"execution_id": gone.id},
        {"flow_id": "order", "namespace": "shop"},
        {"trigger_id": "every"},
        {"namespace": "shop"},
    ]:
        assert await messages(ports.logs, **wanted) == ["a", "b"], wanted
    assert await ports.logs.find(LogQuery("other", execution_id=gone.id)) == []
    assert await ports.logs.purge(LogQuery("main", execution_id=gone.id)) == 2
    assert await messages(ports.logs) == ["c"]


async def test_of_what_leaves_nothing_nothing_is_known(sqlite: Database) -> None:
    journal, logs, archive = SqlJournal(sqlite, 1), SqlLogs(sqlite), SqlArchive(sqlite)
    made = [await ran(journal) for _ in range(4)]
    await logged(journal, made[1], "a")
    await logged(journal, made[2], "a")
    await reported(journal, made[3], "rows", 1)
    ids = [each.id for each in made]
    await archive.delete(ids)

    async def known() -> list[int]:
        return [number for number, each in enumerate(ids) if await logs.kept("main", each)]

    assert await known() == [1, 2, 3]
    assert await logs.kept("other", ids[1]) is None
    await logs.purge(LogQuery("main", execution_id=ids[1]))
    assert await known() == [2, 3]
    await archive.delete_logs(ids)
    assert await known() == [3]
    await archive.delete_metrics(ids)
    assert await known() == []


async def test_its_idempotency_key_may_be_used_again(ports: Ports) -> None:
    claim = Claim("main", "shop/order", "key", "hash")
    facts = {
        "tenant": "main", "namespace": "shop", "flow_id": "order", "revision": 1,
        "commit": "c", "blob": "b",
    }  # fmt: skip
    first = Event(Kind.CREATED, 1, to=State.SUCCESS, data=facts)
    execution = Execution.created(execution_id(), first)
    await ports.journal.append(execution, [first], claim=claim)
    assert await ports.executions.claimed(claim) == (execution.id, "hash")
    await ports.archive.delete([execution.id])
    assert await ports.executions.claimed(claim) is None


async def test_search(sqlite: Database) -> None:
    journal, logs = SqlJournal(sqlite, 1), SqlLogs(sqlite)
    execution = await ran(journal)
    await logged(journal, execution, "a", "b", "c")
    await logged(journal, execution, "d", level=40)

    async def found(*sort: str, page: int = 1) -> str:
        lines, total = await logs.search(LogQuery("main"), page=page, size=3, sort=sort)
        assert total == 4
        return "".join(line.message for line in lines)

    assert await found() == "cbd"
    assert await found(page=2) == "a"
    assert await found("timestamp:asc") == "adb"
    assert await found("level:desc") == "dab"


async def test_many_lines_are_deleted_in_pieces(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.db.logs._DELETED_AT_ONCE", 3)
    journal, logs = SqlJournal(sqlite, 1), SqlLogs(sqlite)
    await logged(journal, await ran(journal), *"abcdefg")
    assert await logs.purge(LogQuery("main")) == 7


async def test_a_search_does_not_scan(sqlite: Database) -> None:
    """The newest lines are found from the end of an index, and a flow's by its executions."""
    plans: list[str] = []

    class Explaining:
        async def fetch(self, statement: ClauseElement) -> list[Any]:
            query = compiled(statement, sqlite.dialect)
            rows = await sqlite.fetch_sql(f"EXPLAIN QUERY PLAN {query.sql}", *query.parameters)
            plans.append(" ".join(row.detail for row in rows))
            return [[0]]

    logs: Any = SqlLogs(Explaining())  # type: ignore[arg-type]  # it only reads
    for wanted, index in [
        ({}, "log USING INDEX ix_log_at"),
        ({"namespace": "a", "least": 30, "since": 1}, "log USING INDEX ix_log_at"),
        ({"namespace": "a", "flow_id": "b", "below": False}, "ix_execution_flow"),
        ({"execution_id": "e"}, "PRIMARY KEY (id=?)"),
    ]:
        with suppress(TypeError):  # no line comes back
            await logs.search(LogQuery("main", **wanted))
        assert index in plans[-1], plans[-1]
    assert "TEMP B-TREE FOR ORDER BY" not in plans[1]  # only equal moments are sorted
