"""What people change about executions, one or several at once."""

import pytest

from tests.api.conftest import PAUSE, RETURN, SLEEP, Api, form

pytestmark = pytest.mark.asyncio(loop_scope="module")

FAILS = """
inputs:
  - {id: name, type: STRING, defaults: world}
tasks:
  - {id: first, type: io.kestra.plugin.core.debug.Return, format: "{{ inputs.name }}"}
  - {id: fail, type: io.kestra.plugin.core.execution.Fail}
  - {id: last, type: io.kestra.plugin.core.debug.Return, format: done}
"""


async def test_restart(api: Api, ns: str) -> None:
    await api.flow(ns, FAILS)
    execution = await api.run(f"{ns}/f")
    for path in ("restart", "actions/restart"):
        again = await api.post(f"executions/{execution['id']}/{path}")
        assert again["id"] == execution["id"]
        assert again["state"]["current"] == "RESTARTED"
        ended = await api.until(execution["id"], "FAILED")
        assert len(ended["state"]["histories"]) > len(again["state"]["histories"])
    await api.flow(ns, FAILS.replace("type: io.kestra.plugin.core.execution.Fail", RUNS))
    other = await api.post(f"executions/{execution['id']}/restart?revision=2")
    assert other["id"] != execution["id"]
    assert (await api.until(other["id"], "SUCCESS"))["flowRevision"] == 2


RUNS = "type: io.kestra.plugin.core.debug.Return, format: ok"


async def test_replay(api: Api, ns: str) -> None:
    await api.flow(ns, FAILS)
    execution = await api.run(f"{ns}/f")
    path = f"executions/{execution['id']}"
    first = execution["taskRunList"][0]["id"]
    again = await api.post(f"{path}/replay")
    assert again["id"] != execution["id"]
    assert len((await api.until(again["id"], "FAILED"))["taskRunList"]) == 2
    again = await api.post(f"{path}/actions/replay?taskRunId={first}")
    assert again["taskRunList"][0]["state"]["current"] == "RESTARTED"
    await api.until(again["id"], "FAILED")
    again = await api.post(f"{path}/actions/replay-with-inputs", files=form({"name": "moon"}))
    ended = await api.until(again["id"], "FAILED")
    assert ended["taskRunList"][0]["outputs"] == {"value": "moon"}
    await api.post(f"{path}/replay?taskRunId=nosuch", 422)
    await api.post(f"{path}/replay?revision=9", 404)
    await api.post(f"{path}/replay?breakpoints=x", 422)
    await api.post("executions/nosuch/replay", 404)


async def test_states_set_by_hand(api: Api, ns: str) -> None:
    await api.flow(ns, FAILS)
    execution = await api.run(f"{ns}/f")
    path = f"executions/{execution['id']}"
    failed = execution["taskRunList"][1]["id"]
    again = await api.post(f"{path}/state", json={"taskRunId": failed, "state": "SUCCESS"})
    assert again["state"]["current"] == "RESTARTED"
    ended = await api.until(execution["id"], "SUCCESS")
    assert [run["taskId"] for run in ended["taskRunList"]] == ["first", "fail", "last"]
    for body in ({"taskRunId": "x", "state": "SUCCESS"}, {"taskRunId": failed, "state": "CREATED"}):
        await api.post(f"{path}/actions/state", 422, json=body)
    await api.post(f"{path}/state", 422, json={"state": "SUCCESS"})
    for each in ("change-status", "actions/change-status"):
        changed = await api.post(f"{path}/{each}?status=WARNING")
        assert changed["state"]["current"] == "WARNING"
    await api.post(f"{path}/change-status?status=RUNNING", 422)
    await api.post(f"{path}/change-status?status=NONE", 400)


async def test_labels(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN)
    execution = await api.run(f"{ns}/f")
    path = f"executions/{execution['id']}"
    labelled = await api.post(f"{path}/labels", json=[{"key": "a", "value": "1"}])
    assert {"key": "a", "value": "1"} in labelled["labels"]
    await api.post(f"{path}/actions/labels", json=[{"key": "b", "value": "2"}])
    labels = {each["key"]: each["value"] for each in (await api.get(path))["labels"]}
    assert labels.keys() == {"b", "system.correlationId"}
    assert (await api.get(f"executions/search?labels=b:2&namespace={ns}"))["total"] == 1
    for bad in ([{"key": None, "value": None}], [{"key": "system.x", "value": "1"}], {"a": 1}):
        await api.post(f"{path}/labels", 422, json=bad)
    await api.post("executions/nosuch/labels", 404, json=[{"key": "a", "value": "1"}])


async def test_force_run(api: Api, ns: str) -> None:
    await api.flow(ns, "tasks: [{id: wait, type: io.kestra.plugin.core.flow.Pause}]")
    execution = await api.post(f"executions/{ns}/f")
    path = f"executions/{execution['id']}"
    await api.until(execution["id"], "PAUSED")
    await api.post(f"{path}/unqueue", 422)
    await api.post(f"{path}/force-run")
    await api.until(execution["id"], "SUCCESS", "FAILED")
    await api.post(f"{path}/force-run", 422)


async def test_queued_executions(api: Api, ns: str) -> None:
    await api.flow(ns, "concurrency: {limit: 1, behavior: QUEUE}\n" + SLEEP.format(seconds=30))
    first = await api.post(f"executions/{ns}/f")
    await api.until(first["id"], "RUNNING")
    second, third = [await api.post(f"executions/{ns}/f") for _ in range(2)]
    for each in (second, third):
        await api.until(each["id"], "QUEUED")
    await api.post(f"executions/{second['id']}/actions/unqueue")
    await api.until(second["id"], "RUNNING")
    found = await api.post("executions/unqueue/by-ids?state=RUNNING", json=[third["id"]])
    assert found == {"count": 1}
    await api.until(third["id"], "RUNNING")
    killed = await api.ask("DELETE", f"executions/kill/by-query?namespace={ns}&state=RUNNING")
    assert killed == {"count": 3}


async def test_deletion(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN)
    execution = await api.run(f"{ns}/f")
    path = f"executions/{execution['id']}"
    await api.ask("DELETE", path, 204)
    await api.get(path, 404)
    await api.ask("DELETE", path, 404)
    assert (await api.get(f"executions/search?namespace={ns}"))["total"] == 0


async def test_several_by_their_ids(api: Api, ns: str) -> None:
    await api.flow(ns, FAILS)
    ids = [(await api.run(f"{ns}/f"))["id"] for _ in range(2)]
    assert await api.post("executions/restart/by-ids", json=[*ids, ids[0]]) == {"count": 2}
    for each in ids:
        await api.until(each, "FAILED")
    assert await api.post("executions/replay/by-ids?latestRevision=true", json=ids) == {"count": 2}
    changed = await api.post("executions/change-status/by-ids?newStatus=SUCCESS", json=ids)
    assert changed == {"count": 2}
    labels = {"executionsId": ids, "executionLabels": [{"key": "k", "value": "v"}]}
    assert await api.post("executions/labels/by-ids", json=labels) == {"count": 2}
    refused = await api.post("executions/resume/by-ids", 400, json=[*ids, "nosuch"])
    assert [each["invalidValue"] for each in refused["invalids"]] == [*ids, "nosuch"]
    await api.post("executions/pause/by-ids", 400, json=ids)
    await api.ask("DELETE", "executions/kill/by-ids", 400, json=ids)
    await api.post("executions/force-run/by-ids", 400, json=ids)
    assert await api.ask("DELETE", "executions/by-ids", json=ids) == {"count": 2}
    await api.ask("DELETE", "executions/by-ids", 400, json=ids)
    await api.post("executions/restart/by-ids", 422, json={"no": "list"})
    assert await api.post("executions/restart/by-ids", json=[]) == {"count": 0}


async def test_several_by_a_query(api: Api, ns: str) -> None:
    await api.flow(ns, PAUSE)
    ids = [(await api.post(f"executions/{ns}/f"))["id"] for _ in range(2)]
    for each in ids:
        await api.until(each, "PAUSED")
    query = f"filters[namespace][EQUALS]={ns}"
    labels = [{"key": "k", "value": "v"}]
    await api.post(f"executions/labels/by-query?{query}", 400, json=labels)
    await api.ask("DELETE", f"executions/by-query?{query}", 400)
    gone = await api.ask("DELETE", f"executions/by-query?includeNonTerminated=true&{query}")
    assert gone == {"count": 2}
    assert await api.post(f"executions/restart/by-query?{query}") == {"count": 0}
    await api.post("executions/restart/by-query?filters[x][EQUALS]=1", 400)
    await api.post("executions/restart/by-query?nope=1", 400)
