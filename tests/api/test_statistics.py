"""Figures, namespaces, and lists about executions."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.api.conftest import RETURN, Api

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_executions_by_day(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN)
    for _ in range(2):
        await api.run(f"{ns}/f")
    asked = {"namespace": ns}
    days = await api.post("stats/executions/daily", json=asked)
    assert len(days) == 31
    assert days[-1]["executionCounts"]["SUCCESS"] == 2
    assert days[-1]["duration"]["count"] == 2
    assert days[-1]["groupBy"] == "day"
    grouped = await api.post("stats/executions/daily/group-by-flow", json=asked)
    assert grouped[ns]["f"] == days
    grouped = await api.post("stats/executions/daily/group-by-namespace", json=asked)
    assert grouped == {ns: days}
    total = await api.post("stats/summary", json=asked)
    assert (total["executions"], total["executionCounts"]["SUCCESS"]) == (2, 2)
    year = (datetime.now(UTC) - timedelta(days=900)).isoformat()
    weeks = await api.post("stats/executions/daily", json={**asked, "startDate": year})
    assert weeks[-1]["groupBy"] == "week"
    newest = await api.post(
        "stats/executions/latest/group-by-flow", json={"flows": [{"namespace": ns, "id": "f"}]}
    )
    assert [each["flowId"] for each in newest] == ["f"]


async def test_logs_by_period(api: Api, ns: str) -> None:
    await api.flow(ns, "tasks: [{id: l, type: io.kestra.plugin.core.log.Log, message: m}]")
    await api.run(f"{ns}/f")
    await api.node.sink.settled()
    now = datetime.now(UTC)
    asked = {"namespace": ns, "startDate": (now - timedelta(hours=1)).isoformat()}
    found = await api.post("stats/logs/daily", json=asked)
    assert found[0]["groupBy"] == "minute"
    assert sum(each["counts"].get("INFO", 0) for each in found) == 1


async def test_figures_that_are_refused(api: Api) -> None:
    await api.post("stats/executions/daily", 400, json={"startDate": "yesterday"})
    await api.post("stats/executions/daily", 400, json={"startDate": "0001-01-01"})
    await api.post("stats/executions/daily", 422, json=[])


async def test_namespaces(api: Api, ns: str) -> None:
    await api.flow(f"{ns}.a.b", RETURN)
    found = await api.get(f"namespaces/search?q={ns}")
    assert [each["id"] for each in found["results"]] == [ns, f"{ns}.a", f"{ns}.a.b"]
    assert [each["disabled"] for each in found["results"]] == [True, True, False]
    for query in (f"q={ns}&existingOnly=true", f"filters[namespace][EQUALS]={ns}.a.b"):
        found = await api.get(f"namespaces/search?{query}")
        assert (found["total"], found["results"][0]["id"]) == (1, f"{ns}.a.b")
    found = await api.get(f"namespaces/search?filters[q][EQUALS]={ns}&sort=id:desc&size=1")
    assert (found["total"], found["results"][0]["id"]) == (3, f"{ns}.a.b")
    assert await api.post("namespaces/autocomplete", json={"q": f"{ns}.a."}) == [f"{ns}.a.b"]
    assert (await api.get(f"namespaces/{ns}.a"))["id"] == f"{ns}.a"
    await api.get(f"namespaces/{ns}.x", 404)
    await api.get("namespaces/search?sort=nope", 400)
    await api.get("namespaces/search?filters[nope][EQUALS]=1", 400)


async def test_lists_about_executions(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN)
    execution = await api.run(f"{ns}/f")
    [found] = await api.post("executions/latest", json=[{"namespace": ns, "id": "f"}])
    assert (found["id"], found["status"]) == (execution["id"], "SUCCESS")
    query = f"filters[namespace][EQUALS]={ns}"
    values = await api.get(f"executions/distinct-field-values?field=FLOW_ID&{query}")
    assert values == ["f"]
    await api.get("executions/distinct-field-values?field=nope", 400)
    table = await api.get(f"executions/export/by-query/csv?{query}")
    assert execution["id"] in table.splitlines()[1]


async def test_more_filters(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN)
    await api.run(f"{ns}/f")
    execution = await api.run(f"{ns}/f")
    here = f"filters[namespace][EQUALS]={ns}"
    for query, total in (
        (f"filters[id][EQUALS]={execution['id']}", 1),
        (f"filters[id][IN]={execution['id']},nosuch", 1),
        ("filters[flowRevision][EQUALS]=1", 2),
        ("filters[flowRevision][EQUALS]=2", 0),
        ("filters[triggerId][EQUALS]=none", 0),
        ("filters[scope][EQUALS]=USER", 2),
        ("childFilter=CHILD", 0),
        ("childFilter=MAIN", 2),
        (f"triggerExecutionId={execution['id']}", 0),
    ):
        found = await api.get(f"executions/search?{here}&{query}")
        assert found["total"] == total, query
    await api.get("executions/search?filters[flowRevision][EQUALS]=x", 400)
    await api.get("executions/search?page=99999999", 400)
    assert (await api.get(f"executions/search?{here}&page=1000000"))["results"] == []
