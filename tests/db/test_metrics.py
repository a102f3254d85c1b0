"""Searches over what tasks reported, on SQLite and PostgreSQL."""

import pytest

from app.db.database import Database
from app.db.journal import SqlJournal
from app.db.metrics import MetricQuery, SqlMetrics, Totals
from app.db.purge import SqlArchive
from tests.db.histories import DAY, ran, reported

FLOW = MetricQuery("main", "shop", "order")


@pytest.fixture
def real(database: Database | None) -> Database:
    if database is None:
        pytest.skip("nobody asks a fake for metrics")
    return database


async def test_of_an_execution(real: Database) -> None:
    journal, metrics = SqlJournal(real, 1), SqlMetrics(real)
    execution, other = await ran(journal), await ran(journal)
    await reported(journal, execution, "rows", 3, 1)
    await reported(journal, execution, "bytes", 2, task="b")
    await reported(journal, other, "rows", 9)
    rows, total = await metrics.of_execution(execution.id)
    assert ([row.value for row in rows], total) == ([3, 1, 2], 3)
    rows, total = await metrics.of_execution(execution.id, size=1, page=2, sort=["value:desc"])
    assert ([row.value for row in rows], total) == ([2], 3)
    assert (await metrics.of_execution(execution.id, task_id="b"))[1] == 1
    assert (await metrics.of_execution(execution.id, task_run_id="ra"))[1] == 2


async def test_names_and_tasks_of_a_flow(real: Database) -> None:
    journal, metrics = SqlJournal(real, 1), SqlMetrics(real)
    await reported(journal, await ran(journal), "rows", 1)
    await reported(journal, await ran(journal), "bytes", 1, 2, task="b")
    await reported(journal, await ran(journal, "shop.eu"), "other", 1)
    assert await metrics.names(FLOW) == ["bytes", "rows"]
    assert await metrics.tasks(FLOW) == ["a", "b"]
    assert await metrics.names(MetricQuery("main", "shop", "order", "b")) == ["bytes"]
    assert await metrics.names(MetricQuery("other", "shop", "order")) == []


async def test_figures_may_outlive_their_execution(real: Database) -> None:
    journal, metrics = SqlJournal(real, 1), SqlMetrics(real)
    execution = await ran(journal)
    await reported(journal, execution, "rows", 1)
    await SqlArchive(real).delete([execution.id])
    assert await metrics.names(FLOW) == ["rows"]
    assert (await metrics.of_execution(execution.id))[1] == 1


async def test_totals_by_stretch_of_time(real: Database) -> None:
    journal, metrics = SqlJournal(real, 1), SqlMetrics(real)
    execution = await ran(journal)
    await reported(journal, execution, "rows", 1, 4, at=2 * DAY)
    await reported(journal, execution, "rows", 2.5, at=3 * DAY - 1)
    await reported(journal, execution, "rows", 7, at=3 * DAY, kind="timer")
    await reported(journal, execution, "other", 100, at=3 * DAY)
    query = MetricQuery("main", "shop", "order", name="rows")
    assert await metrics.totals(query, DAY) == [
        Totals(2, "counter", 3, 7.5, 1, 4), Totals(3, "timer", 1, 7, 7, 7)
    ]  # fmt: skip
    late = MetricQuery("main", "shop", "order", name="rows", since=3 * DAY, until=4 * DAY)
    assert [each.start for each in await metrics.totals(late, DAY)] == [3]
    assert await metrics.totals(MetricQuery("main", "shop", "order", "b", "rows"), DAY) == []
