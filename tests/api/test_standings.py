"""How flows, namespaces, tenants and sources stand; the audit log; figures by source."""

import pytest

from tests.api.conftest import RETURN, Api

pytestmark = pytest.mark.asyncio(loop_scope="module")

FAIL = """
tasks:
  - id: end
    type: io.kestra.plugin.core.execution.Fail
"""


async def test_a_flow(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN)
    path = f"flows/{ns}/f/status"
    new = await api.get(path)
    assert (new["sync"], new["health"], new["revision"]) == ("Synced", "Unknown", 1)
    await api.run(f"{ns}/f")
    good = await api.get(path)
    assert (good["health"], good["executions"]) == ("Healthy", {"SUCCESS": 1})
    await api.flow(ns, FAIL)
    assert (await api.get(path))["health"] == "Unknown", "of the revision that runs now"
    await api.run(f"{ns}/f")
    assert (await api.get(path))["health"] == "Degraded"
    await api.post(f"flows/{ns}/f/rollback")
    pinned = await api.get(path)
    assert (pinned["sync"], pinned["health"]) == ("Pinned", "Healthy")
    assert (pinned["revision"], pinned["newest"], pinned["behind"]) == (1, 2, 1)
    await api.post("flows/disable/by-ids", json=[{"namespace": ns, "id": "f"}])
    assert (await api.get(path))["health"] == "Suspended"
    await api.ask("DELETE", f"flows/{ns}/f", 204)
    assert (await api.get(path))["sync"] == "Deleted"
    await api.get(f"flows/{ns}/none/status", 404)


async def test_a_namespace(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN, "a")
    made = await api.flow(ns, FAIL, "b")
    await api.run(f"{ns}/b")
    found = await api.get(f"namespaces/{ns}/status")
    assert (found["sync"], found["health"], found["total"]) == ("Synced", "Degraded", 2)
    assert found["byHealth"] == {"Degraded": 1, "Unknown": 1}
    assert (found["commit"], found["sourceId"]) == (made["commit"], "main")
    assert [(each["flowId"], each["health"]) for each in found["flows"]] == [
        ("a", "Unknown"),
        ("b", "Degraded"),
    ]
    await api.get("namespaces/nothing.here/status", 404)


async def test_a_tenant_and_a_source(api: Api, ns: str) -> None:
    made = await api.flow(ns, RETURN)
    tenant = await api.get("/api/v1/main/status")
    assert tenant["total"] >= 1
    assert "namespace" not in tenant
    source = await api.get("/api/v1/sources/main/status")
    assert source["lastApplied"] == f"main@sha1:{made['commit']}"
    assert source["lagSeconds"] == 0
    assert source["webhook"]["configured"] is True
    assert ns in {each["namespace"] for each in source["namespaces"]}
    marks = [(each.get("newCommit"), each["outcome"]) for each in source["runs"]]
    assert len(marks) == len(set(marks))
    assert {each["type"] for each in source["conditions"]} >= {"Ready", "Stalled", "Held"}
    await api.get("/api/v1/sources/none/status", 404)
    assert (await api.get("/api/v1/nobody/status"))["total"] == 0


async def test_figures(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN)
    text = (await api.answer("GET", "/metrics")).text
    for line in (
        'git_sync_lag_seconds{source="main"} 0.0',
        'git_findings{severity="error",source="main"} 0.0',
        'git_sync_age_seconds{source="main"}',
        'flows{health="',
    ):
        assert line in text, line


async def test_the_audit_log(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN)
    await api.flow(ns, RETURN.replace("Hello", "Bye"))
    await api.post(f"flows/{ns}/f/pin", json={"revision": 1, "reason": "rude"})
    await api.ask("DELETE", f"flows/{ns}/f/pin?reason=calm", 204)
    query = f"audit?target=flow/{ns}.f"
    newest, oldest, written = await api.get(query)
    assert written["action"] == "flow.update"
    assert (newest["action"], newest["reason"]) == ("flow.unpin", "calm")
    assert (oldest["action"], oldest["actor"]) == ("flow.pin", "Headwater API")
    assert oldest["detail"]["pins"][0]["revision"] == 1
    assert await api.get(f"{query}&action=flow.pin") == [oldest]
    assert len(await api.get(f"{query}&action=flow.&actor=Headwater API")) == 3
    assert await api.get(f"{query}&actor=nobody") == []
    assert await api.get(f"{query}&until={oldest['at']}") == [written]
    assert await api.get(f"{query}&since={newest['at']}") == [newest]
    first = await api.answer("GET", f"{query}&limit=1")
    link = first.headers["link"]
    assert link.endswith('>; rel="next"')
    second = await api.get(link[1:].partition(">")[0])
    assert second == [oldest]
    await api.get("audit?since=soon", 400)
    await api.get("audit?limit=0", 400)
    assert await api.get("/api/v1/other/audit") == []
