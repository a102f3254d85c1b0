"""Metrics of executions and of flows over time."""

from datetime import datetime

import pytest

from app.api.metric_series import series, stretch_of
from app.api.times import read_instant
from app.db.metrics import Totals
from tests.api.conftest import Api

pytestmark = pytest.mark.asyncio(loop_scope="module")

TWO = """
tasks:
  - {id: a, type: io.kestra.plugin.core.debug.Return, format: four}
  - {id: b, type: io.kestra.plugin.core.debug.Return, format: "six!!!"}
"""

DAY = 86_400 * 1_000_000


async def test_of_an_execution(api: Api, ns: str) -> None:
    await api.flow(ns, TWO)
    execution = await api.run(f"{ns}/f")
    path = f"metrics/{execution['id']}"
    page = await api.get(f"{path}?size=3")
    assert (len(page["results"]), page["total"]) == (3, 4)
    first, second, *_ = page["results"]
    run = execution["taskRunList"][0]
    assert {name: first[name] for name in first if name != "timestamp"} == {
        "tenantId": "main", "namespace": ns, "flowId": "f", "taskId": "a",
        "executionId": execution["id"], "taskRunId": run["id"], "type": "counter",
        "name": "length", "value": 4.0,
        "tags": {"flow_id": "f", "namespace_id": ns, "task_id": "a"},
    }  # fmt: skip
    assert (second["name"], second["type"]) == ("duration", "timer")
    assert 0 < second["value"] < 1_000
    longest = await api.get(f"{path}?sort=value:desc&size=1&page=1")
    assert longest["results"][0]["value"] == 6
    assert (await api.get(f"{path}?taskId=b"))["total"] == 2
    assert (await api.get(f"{path}?taskRunId={run['id']}"))["total"] == 2
    await api.get(f"{path}?sort=color:asc", 400)
    await api.get("metrics/0notThere", 404)


async def test_names_and_tasks(api: Api, ns: str) -> None:
    await api.flow(ns, TWO)
    await api.run(f"{ns}/f")
    assert await api.get(f"metrics/names/{ns}/f") == ["duration", "length"]
    assert await api.get(f"metrics/names/{ns}/f/a") == ["duration", "length"]
    assert await api.get(f"metrics/names/{ns}/f/c") == []
    assert await api.get(f"metrics/tasks/{ns}/f") == ["a", "b"]


async def test_aggregates(api: Api, ns: str) -> None:
    await api.flow(ns, TWO)
    for _ in range(2):
        await api.run(f"{ns}/f")
    path = f"metrics/aggregates/{ns}/f"
    for query, value in {
        "length": 20, "length?aggregation=avg": 5, "length?aggregation=min": 4,
        "length?aggregation=max": 6, "a/length": 8, "c/length": 0,
    }.items():  # fmt: skip
        found = await api.get(f"{path}/{query}")
        assert found["groupBy"] == "day"
        assert len(found["aggregations"]) == 31
        assert found["aggregations"][-1]["value"] == value, query
        assert {each["value"] for each in found["aggregations"][:-1]} == {0}
        assert {each["name"] for each in found["aggregations"]} == {"length"}
    past = await api.get(f"{path}/length?startDate=2020-01-01&endDate=2020-01-03T12:00:00Z")
    assert [each["date"][:10] for each in past["aggregations"]] == [
        "2020-01-01", "2020-01-02", "2020-01-03"
    ]  # fmt: skip
    await api.get(f"{path}/length?aggregation=median", 400)
    await api.get(f"{path}/length?startDate=2100-01-01", 400)


@pytest.mark.parametrize(
    ("since", "until", "name", "dates"),
    [
        ("2024-01-01T00:00:30Z", "2024-01-01T00:02:10Z", "minute", ["T00:00", "T00:01", "T00:02"]),
        ("2024-01-01T00:30:00Z", "2024-01-01T07:00:00Z", "hour", [f"T{n:02}:00" for n in range(8)]),
        ("2024-02-28T12:00:00Z", "2024-03-01T13:00:00Z", "day", ["02-28", "02-29", "03-01"]),
    ],
)
async def test_a_period_is_cut_by_its_length(
    since: str, until: str, name: str, dates: list[str]
) -> None:
    start, end = read_instant(since, "s"), read_instant(until, "u")
    stretch = stretch_of(end - start)
    assert stretch.name == name
    found = [str(each["date"].isoformat()) for each in series("m", [], stretch, start, end, "sum")]
    assert len(found) == len(dates)
    assert all(part in each for part, each in zip(dates, found, strict=True))


@pytest.mark.parametrize(
    ("days", "name", "first"), [(200, "week", "2024-01-01"), (400, "month", "2024-01-01")]
)
async def test_long_periods_have_weeks_and_months(days: int, name: str, first: str) -> None:
    start = read_instant("2024-01-03T10:00:00Z", "s")
    day = start // DAY
    totals = [Totals(day, "counter", 2, 10, 1, 9), Totals(day + 1, "counter", 1, 2, 2, 2)]
    stretch = stretch_of(days * DAY)
    assert stretch.name == name
    found = series("m", totals, stretch, start, start + days * DAY, "avg")
    assert found[0]["date"] == datetime.fromisoformat(f"{first}T00:00:00+00:00")
    assert found[0]["value"] == 4
    assert found[1]["date"] > found[0]["date"]
    assert {each["value"] for each in found[1:]} == {0}


@pytest.mark.parametrize("date", ["0001-01-01T00:00:00Z", "0001-01-20T00:00:00Z"])
async def test_a_period_that_begins_before_all_dates(api: Api, date: str) -> None:
    path = "metrics/aggregates/shop/f/rows"
    assert "startDate" in (await api.get(f"{path}?endDate={date}", 400))["message"]
    await api.get(f"{path}?startDate=0001-01-01T00:00:00Z&endDate={date}", 400)
    await api.get(f"{path}?endDate=9999-12-31T23:59:59Z")
    await api.post("stats/executions/daily", 400, json={"endDate": date})


async def test_timers_are_told_in_milliseconds() -> None:
    [only] = series("m", [Totals(0, "timer", 2, 3, 1, 2)], stretch_of(2 * DAY), 0, 1, "sum")
    assert only["value"] == 3_000
