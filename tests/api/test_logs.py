"""Logs and metrics of executions."""

import pytest

from tests.api.conftest import Api

pytestmark = pytest.mark.asyncio(loop_scope="module")

LEVELS = """
tasks:
  - {id: a, type: io.kestra.plugin.core.log.Log, level: DEBUG, message: one}
  - {id: b, type: io.kestra.plugin.core.log.Log, level: WARN, message: two}
  - {id: c, type: io.kestra.plugin.core.log.Log, level: ERROR, message: three}
"""


async def test_lines(api: Api, ns: str) -> None:
    await api.flow(ns, LEVELS)
    execution = await api.run(f"{ns}/f")
    path = f"logs/{execution['id']}"
    lines = await api.get(path)
    assert [each["message"] for each in lines] == ["one", "two", "three"]
    first = lines[0]
    assert first["executionId"] == execution["id"]
    assert first["taskRunId"] == execution["taskRunList"][0]["id"]
    assert (first["namespace"], first["flowId"], first["taskId"]) == (ns, "f", "a")
    assert (first["level"], first["attemptNumber"]) == ("DEBUG", 0)
    assert first["timestamp"].endswith("Z")
    for query, messages in {
        "minLevel=TRACE": ["one", "two", "three"],
        "minLevel=WARN": ["two", "three"],
        "taskId=b": ["two"],
        f"taskRunId={first['taskRunId']}": ["one"],
        "attempt=0": ["one", "two", "three"],
        "attempt=1": [],
    }.items():
        assert [each["message"] for each in await api.get(f"{path}?{query}")] == messages
    await api.get(f"{path}?minLevel=LOUD", 400)
    assert await api.get("logs/0notThere") == []
    await api.get("logs/0notThere/download", 404)


async def test_lines_and_figures_outlive_their_execution_if_wanted(api: Api, ns: str) -> None:
    reports = "{id: d, type: io.kestra.plugin.core.debug.Return, format: abc}"
    await api.flow(ns, f"{LEVELS}  - {reports}\n")
    key = (await api.run(f"{ns}/f"))["id"]
    kept = "deleteLogs=false&deleteMetrics=false"
    await api.ask("DELETE", f"executions/{key}?{kept}", 204)
    await api.get(f"executions/{key}", 404)
    lines = await api.get(f"logs/{key}?minLevel=WARN")
    assert [(each["flowId"], each["message"]) for each in lines] == [("f", "two"), ("f", "three")]
    assert len((await api.answer("GET", f"logs/{key}/download")).text.splitlines()) == 4
    found = await api.get(f"logs/search?filters[namespace][EQUALS]={ns}")
    assert found["total"] == 4
    metric = (await api.get(f"metrics/{key}"))["results"][0]
    assert (metric["flowId"], metric["name"], metric["value"]) == ("f", "length", 3)
    await api.ask("DELETE", f"logs/{key}")
    assert await api.get(f"logs/{key}") == []


async def test_download(api: Api, ns: str) -> None:
    await api.flow(ns, LEVELS)
    execution = await api.run(f"{ns}/f")
    answer = await api.answer("GET", f"logs/{execution['id']}/download?minLevel=WARN")
    assert answer.headers["content-type"].startswith("text/plain")
    lines = answer.text.splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == ["WARN two", "ERROR three"]


async def test_search(api: Api, ns: str) -> None:
    await api.flow(ns, LEVELS)
    first = await api.run(f"{ns}/f")
    second = await api.run(f"{ns}/f")

    async def found(query: str) -> list[str]:
        page = await api.get(f"logs/search?size=100&filters[namespace][EQUALS]={ns}&{query}")
        assert page["total"] == len(page["results"])
        return [each["message"] for each in page["results"]]

    assert await found("") == ["three", "two", "one"] * 2
    assert await found("sort=timestamp:asc") == ["one", "two", "three"] * 2
    for query, messages in {
        "minLevel=WARN&sort=timestamp:asc": ["two", "three"] * 2,
        f"executionId={first['id']}&sort=level:asc": ["one", "two", "three"],
        "q=THRE": ["three"] * 2,
        "flowId=g": [],
        "taskId=a": ["one"] * 2,
        f"startDate={second['state']['startDate']}": ["three", "two", "one"],
        f"endDate={first['state']['startDate']}": [],
        "timeRange=PT1H&filters[level][IN]=WARN": ["two"] * 2,
        "filters[level][NOT_EQUALS]=WARN": ["one"] * 2,
        "filters[level][NOT_EQUALS]=TRACE": [],
        "filters[attemptNumber][EQUALS]=1": [],
        f"filters[taskRunId][EQUALS]={first['taskRunList'][1]['id']}": ["two"],
        f"namespace={ns}&triggerId=no": [],
    }.items():
        assert await found(query) == messages, query
    page = await api.get(f"logs/search?namespace={ns}&page=2&size=4")
    assert ([each["message"] for each in page["results"]], page["total"]) == (["two", "one"], 6)
    assert page["results"][0]["executionId"] == first["id"]
    for query in ("minLevel=LOUD", "filters[color][EQUALS]=red", "sort=color", "startDate=soon",
                  "filters[or][0][flowId][EQUALS]=a&filters[or][1][taskId][EQUALS]=b",
                  "filters[attemptNumber][EQUALS]=x", "filters[flowId][CONTAINS]=a"):  # fmt: skip
        await api.get(f"logs/search?{query}", 400)


async def test_deleting(api: Api, ns: str) -> None:
    await api.flow(ns, LEVELS)
    first = await api.run(f"{ns}/f")
    second = await api.run(f"{ns}/f")
    path = f"logs/{first['id']}"
    await api.ask("DELETE", f"{path}?minLevel=ERROR")
    assert [each["message"] for each in await api.get(path)] == ["one", "two"]
    await api.ask("DELETE", path)
    assert await api.get(path) == []
    await api.ask("DELETE", f"logs/{ns}/f?triggerId=none")
    assert len(await api.get(f"logs/{second['id']}")) == 3
    await api.ask("DELETE", f"logs/{ns}/f")
    assert await api.get(f"logs/{second['id']}") == []
    await api.ask("DELETE", "logs/0notThere", 404)
