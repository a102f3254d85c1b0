"""Logs and metrics of executions."""

import pytest

from tests.api.conftest import SLEEP, Api

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
    await api.get("logs/0notThere", 404)


async def test_download(api: Api, ns: str) -> None:
    await api.flow(ns, LEVELS)
    execution = await api.run(f"{ns}/f")
    answer = await api.answer("GET", f"logs/{execution['id']}/download?minLevel=WARN")
    assert answer.headers["content-type"].startswith("text/plain")
    lines = answer.text.splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == ["WARN two", "ERROR three"]


async def test_metrics(api: Api, ns: str) -> None:
    await api.flow(ns, SLEEP.format(seconds=0.01))
    execution = await api.run(f"{ns}/f")
    found = await api.get(f"metrics/{execution['id']}?size=100&page=1&sort=name:asc")
    assert found["total"] == len(found["results"])
    for each in found["results"]:
        assert each["executionId"] == execution["id"]
    await api.get("metrics/0notThere", 404)
