"""The audit log over the API: ours, its files, its proof, and as Kestra's client reads it."""

import csv
import io
import json
from typing import Any

import pytest

from app.db.audit import AuditEntry
from app.db.audit_proof import prove_lines
from tests.api.conftest import RETURN, Api, api, client, flow, ns, sdk

__all__ = ["api", "client", "flow", "ns", "sdk"]

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_filters_of_the_list(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN)
    await api.post(f"executions/{ns}/f")
    await api.answer("DELETE", f"flows/{ns}/nothing")
    found = await api.get(f"audit?namespace={ns}")
    assert [each["action"] for each in found[:2]] == ["flow.delete", "execution.create"]
    refused = await api.get(f"audit?namespace={ns}&outcome=refused")
    assert [each["action"] for each in refused] == ["flow.delete"]
    assert found[1]["requestId"]
    same = await api.get(f"audit?request={found[1]['requestId']}")
    assert same == [found[1]]


async def test_the_proof_over_the_api(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN)
    proof = await api.get("audit/verify")
    assert (proof["holds"], proof["problems"], proof["tenant"]) == (True, [], "main")
    assert proof["entries"] == proof["seq"] > 0
    whole = await api.get("/api/v1/instance/audit/verify?archives=true")
    assert {each["tenant"] for each in whole} >= {"main"}
    assert all(each["holds"] for each in whole)


async def test_an_export_proves_itself(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN)
    answer = await api.answer("GET", "audit/export")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert prove_lines("main", answer.content) is None
    lines = [json.loads(each) for each in answer.text.splitlines()]
    assert [each["seq"] for each in lines] == list(range(1, len(lines) + 1))
    lines[1]["actor"] = "eve"
    bad = prove_lines("main", "\n".join(json.dumps(each) for each in lines).encode())
    assert bad is not None
    assert bad.seq == 2


async def test_a_table_holds_no_formula(api: Api) -> None:
    entry = AuditEntry("main", api.node.clock.now(), "=cmd|' /C calc'!A0", "flow.pin", "@x", "+1")
    await api.node.audit.add(entry)
    answer = await api.answer("GET", "audit/export?format=csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert (rows[-1]["actor"], rows[-1]["target"]) == ("'=cmd|' /C calc'!A0", "'@x")
    assert rows[-1]["reason"] == "'+1"


async def test_a_part_of_time(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN)
    newest = (await api.get("audit?limit=1"))[0]
    answer = await api.answer("GET", f"audit/export?since={newest['at']}")
    assert [json.loads(each)["id"] for each in answer.text.splitlines()] == [newest["id"]]


async def test_the_instance_has_a_log_of_its_own(api: Api) -> None:
    entry = AuditEntry("", api.node.clock.now(), "ada", "login", "user/ada")
    await api.node.audit.add(entry)
    found = await api.get("/api/v1/instance/audit?action=login")
    assert [each["id"] for each in found] == [entry.id]
    assert entry.id not in {each["id"] for each in await api.get("audit?action=login")}
    answer = await api.answer("GET", "/api/v1/instance/audit/export")
    assert entry.id in answer.text


async def test_as_kestra_has_it(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN)
    execution = await api.post(f"executions/{ns}/f")
    query = f"filters[namespace][EQUALS]={ns}&filters[resources][EQUALS]=EXECUTION"
    found = await api.get(f"auditlogs/search?{query}", params=None)
    assert found["total"] == 1
    log, user = found["results"][0]["auditLog"], found["results"][0]["user"]
    assert (log["type"], log["detail"]["resource"]) == ("CREATE", "EXECUTION")
    assert log["detail"]["id"] == execution["id"]
    assert user["username"]
    diff = await api.get(f"auditlogs/{log['id']}/diff")
    assert diff["before"] is None
    assert f"{ns}.f" in diff["after"]
    history = await api.get(f"auditlogs/history/{execution['id']}")
    assert [each["id"] for each in history] == [log["id"]]
    body = {"resource": "EXECUTION", "type": "CREATE", "detail": {"id": execution["id"]}}
    assert (await api.post("auditlogs/find", json=body))["auditLog"]["id"] == log["id"]
    await api.post("auditlogs/find", 404, json={**body, "type": "DELETE"})
    everything = await api.get(f"/api/v1/auditlogs/search?{query}")
    assert everything["total"] == 1
    table = await api.answer("GET", "/api/v1/auditlogs/export")
    assert log["id"] in table.text
    await api.get("auditlogs/search?filters[colour][EQUALS]=red", 400)
    await api.get("auditlogs/search?filters[type][EQUALS]=CREATED", 400)
    await api.get("auditlogs/nothing/diff", 404)


@pytest.mark.asyncio(loop_scope="function")
async def test_kestras_client(client: Any, flow: tuple[str, str]) -> None:
    from kestrapy.models.audit_log import AuditLog
    from kestrapy.models.paged_results_audit_log_controller_api_audit_log_item import (
        PagedResultsAuditLogControllerApiAuditLogItem as Paged,
    )

    logs = client.auditlogs if hasattr(client, "auditlogs") else client.audit_logs
    found = logs.search_audit_logs("main", page=1, size=5)
    paged = Paged.from_dict(found)
    assert paged is not None
    assert paged.total >= 1
    assert isinstance(paged.results[0].audit_log, AuditLog)
    assert "seq" in logs.export_audit_logs("main")
    entry = found["results"][0]["auditLog"]["id"]
    assert logs.audit_log_diff(entry, "main")["after"]
