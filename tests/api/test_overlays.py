"""Flows and triggers disabled, limits changed, all without a commit; and what differs from Git."""

import pytest

from tests.api.conftest import RETURN, SLEEP, Api

pytestmark = pytest.mark.asyncio(loop_scope="module")

DAILY = """
triggers:
  - id: daily
    type: io.kestra.plugin.core.trigger.Schedule
    cron: "0 0 1 1 *"
"""


async def test_disabling_makes_no_commit(api: Api, ns: str) -> None:
    made = await api.flow(ns, RETURN + DAILY)
    body = [{"namespace": ns, "id": "f"}]
    assert await api.post("flows/disable/by-ids?reason=ill", json=body) == {"count": 1}
    disabled = await api.get(f"flows/{ns}/f?source=true")
    assert (disabled["disabled"], disabled["commit"]) == (True, made["commit"])
    assert "disabled" not in disabled["source"]
    refused = await api.post(f"executions/{ns}/f", 409)
    assert "is disabled" in refused["message"]
    await api.post(f"executions/{ns}/f?revision=1", 409)
    (state,) = (await api.get(f"triggers/{ns}/f"))["results"]
    assert state.get("nextExecutionDate") is None
    await api.flow(ns, RETURN.replace("Hello", "Bye") + DAILY)
    assert (await api.get(f"flows/{ns}/f"))["disabled"] is True
    assert (await api.get(f"flows/{ns}/f?revision=1"))["disabled"] is False, "as it was committed"
    query = f"filters[namespace][EQUALS]={ns}"
    assert await api.post(f"flows/enable/by-query?{query}") == {"count": 1}
    assert (await api.get(f"flows/{ns}/f"))["disabled"] is False
    (state,) = (await api.get(f"triggers/{ns}/f"))["results"]
    assert state["nextExecutionDate"]
    await api.post("flows/disable/by-ids", 404, json=[{"namespace": ns, "id": "none"}])


async def test_drift(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN + DAILY)
    await api.flow(ns, RETURN.replace("Hello", "Bye") + DAILY)
    path = f"flows/{ns}/f/overlays"
    await api.post(path, json={"kind": "concurrency", "limit": 2, "reason": "slow"})
    until = "2099-01-01T00:00:00Z"
    await api.post(path, json={"kind": "disabled", "expiresAt": until})
    body = {"kind": "trigger-disabled", "triggerId": "daily"}
    held = await api.post(path, json=body)
    assert [each["kind"] for each in held] == ["concurrency", "disabled", "trigger-disabled"]
    assert held[1]["expiresAt"].startswith("2099-01-01")
    await api.post(f"flows/{ns}/f/pin", json={"revision": 1})
    for query in ("", "?tenant=main"):
        drift = await api.get(f"/api/v1/drift{query}")
        ours = [each["kind"] for each in drift["overlays"] if each["namespace"] == ns]
        assert ours == ["concurrency", "disabled", "trigger-disabled"]
        assert [each["revision"] for each in drift["pins"] if each["namespace"] == ns] == [1]
    other = await api.get("/api/v1/drift?tenant=other")
    assert other == {"overlays": [], "pins": []}
    for each in held:
        await api.ask("DELETE", f"{path}/{each['id']}?reason=done", 204)
        await api.ask("DELETE", f"{path}/{each['id']}", 404)
    (state,) = (await api.get(f"triggers/{ns}/f"))["results"]
    assert state["disabled"] is False
    assert [each["endedBy"] for each in await api.get(path)] == ["Headwater API"] * 3


async def test_a_limit_queues(api: Api, ns: str) -> None:
    await api.flow(ns, SLEEP.replace("{seconds}", "60"))
    path = f"flows/{ns}/f/overlays"
    (held,) = await api.post(path, json={"kind": "concurrency", "limit": 1})
    first = await api.post(f"executions/{ns}/f")
    await api.until(first["id"], "RUNNING")
    second = await api.post(f"executions/{ns}/f")
    await api.until(second["id"], "QUEUED")
    await api.ask("DELETE", f"{path}/{held['id']}", 204)
    third = await api.post(f"executions/{ns}/f")
    await api.until(third["id"], "RUNNING")
    for each in (first, second, third):
        await api.ask("DELETE", f"executions/{each['id']}/kill", 202)


async def test_triggers_are_disabled_by_overlays(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN + DAILY)
    name = {"namespace": ns, "flowId": "f", "triggerId": "daily"}
    assert (await api.ask("PUT", "triggers", json={**name, "disabled": True}))["disabled"] is True
    (held,) = await api.get(f"flows/{ns}/f/overlays")
    assert (held["kind"], held["triggerId"]) == ("trigger-disabled", "daily")
    both = {"triggers": [name], "disabled": False}
    assert await api.post("triggers/set-disabled/by-triggers", json=both) == {"count": 1}
    (ended,) = await api.get(f"flows/{ns}/f/overlays")
    assert ended["endedAt"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"kind": "other"}, 422),
        ({"kind": "concurrency"}, 422),
        ({"kind": "concurrency", "limit": 0}, 422),
        ({"kind": "disabled", "limit": 1}, 422),
        ({"kind": "trigger-disabled"}, 422),
        ({"kind": "trigger-disabled", "triggerId": "none"}, 404),
        ({"kind": "disabled", "triggerId": "daily"}, 422),
        ({"kind": "disabled", "expiresAt": "soon"}, 400),
        ({"kind": "disabled", "expiresAt": "2001-01-01T00:00:00Z"}, 400),
        ({"kind": "disabled", "expiresAt": "9999-12-31T23:59:59-14:00"}, 400),
    ],
)
async def test_what_cannot_be_overridden(
    api: Api, ns: str, body: dict[str, object], status: int
) -> None:
    await api.flow(ns, RETURN)
    await api.post(f"flows/{ns}/f/overlays", status, json=body)
    await api.post(f"flows/{ns}/none/overlays", 404, json={"kind": "disabled"})
