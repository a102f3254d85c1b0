"""Requests in the audit log: every change, every denial; looking at things leaves no trace."""

import pytest

from app.db.audit import AuditEntry, AuditFilter
from app.node import Node
from tests.api.conftest import RETURN, Api, api, ns

__all__ = ["api", "ns"]

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def noted(node: Node, request_id: str) -> list[AuditEntry]:
    return await node.audit.search(AuditFilter(request_id=request_id), 10)


async def test_a_change_is_noted_with_who_and_where_from(api: Api, ns: str) -> None:
    answer = await api.answer(
        "PUT", f"namespaces/{ns}/kv/colour", content='"red"', headers={"X-Request-Id": "kv-1"}
    )
    assert answer.status_code == 200, answer.text
    (entry,) = await noted(api.node, "kv-1")
    assert (entry.action, entry.target) == ("kv.update", f"namespace/{ns}/colour")
    assert (entry.actor_kind, entry.outcome, entry.namespace) == ("owner", "success", ns)
    assert entry.ip == "127.0.0.1"
    assert "red" not in str(entry)


async def test_an_execution_is_noted_in_its_own_transaction(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN)
    answer = await api.answer("POST", f"executions/{ns}/f", headers={"X-Request-Id": "run-1"})
    (entry,) = await noted(api.node, "run-1")
    assert (entry.action, entry.target) == ("execution.create", f"execution/{answer.json()['id']}")
    assert entry.detail == {"flow": f"{ns}.f"}


async def test_a_deed_with_an_entry_of_its_own_has_one(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN)
    path = f"flows/{ns}/f/disable"
    answer = await api.answer("POST", path, json={"reason": "no"}, headers={"X-Request-Id": "d-1"})
    found = await noted(api.node, "d-1")
    assert len(found) == 1, (answer.status_code, answer.text, found)


async def test_a_commit_is_named(api: Api, ns: str) -> None:
    source = f"id: f\nnamespace: {ns}\n{RETURN}"
    await api.answer("POST", "flows", content=source, headers={"X-Request-Id": "commit-1"})
    (entry,) = await noted(api.node, "commit-1")
    assert entry.action == "flow.create"
    assert entry.namespace == ns
    assert entry.target.startswith("file/")
    revision = await api.get(f"flows/{ns}/f")
    assert entry.after_hash == revision["commit"]


async def test_many_at_once_are_named(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN)
    ids = [(await api.run(f"{ns}/f"))["id"] for _ in range(2)]
    headers = {"X-Request-Id": "many-1"}
    answer = await api.answer("DELETE", "executions/by-ids", json=ids, headers=headers)
    assert answer.status_code == 200, answer.text
    (entry,) = await noted(api.node, "many-1")
    assert entry.detail["things"] == [f"execution/{each}" for each in ids]


async def test_a_flood_of_refusals_is_counted(api: Api, ns: str) -> None:
    for _ in range(25):
        await api.answer("DELETE", f"flows/{ns}/flooded/pin", headers={"X-Request-Id": "flood-1"})
    found = await noted(api.node, "flood-1")
    assert 10 <= len(found) <= 20, "ten of each kind in a minute"


async def test_a_refused_change_is_noted(api: Api, ns: str) -> None:
    await api.answer("DELETE", f"flows/{ns}/nothing", headers={"X-Request-Id": "no-1"})
    (entry,) = await noted(api.node, "no-1")
    assert (entry.action, entry.outcome) == ("flow.delete", "refused")


async def test_looking_leaves_no_trace(api: Api, ns: str) -> None:
    for method, path in (("GET", f"flows/{ns}"), ("GET", f"flows/{ns}/nothing")):
        await api.answer(method, path, headers={"X-Request-Id": "look-1"})
    await api.answer("POST", "flows/validate", content="id: x", headers={"X-Request-Id": "look-1"})
    found = await noted(api.node, "look-1")
    assert [each for each in found if each.outcome == "success"] == []


async def test_all_of_it_is_sealed(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN)
    proofs = await api.node.ledger.prove()
    assert proofs
    assert [each.problems for each in proofs if not each.holds] == []


async def test_a_commit_that_becomes_active_is_noted(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN)
    revision = await api.get(f"flows/{ns}/f")
    wanted = AuditFilter("main", f"commit/{revision['commit']}")
    (entry,) = await api.node.audit.search(wanted, 10)
    assert (entry.action, entry.actor) == ("commit.activate", "system")
    assert ns in entry.detail["namespaces"]
    assert entry.request_id is None
