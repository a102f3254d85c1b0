"""Tenants and namespaces over the API: what is written is a commit of a file."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from app.access import ROLES, Caller, Grant, Permission, Scope
from app.api.tenants import _of_instance, update
from app.config import load_settings
from app.db.audit import AuditFilter
from app.errors import Forbidden
from app.git.trees import blob_of
from tests.api.conftest import Api, serving

TENANTS = "/api/v1/tenants"


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    settings = load_settings(
        data_dir=tmp_path / "data", server={"mode": "dev"}, engine={"drain_seconds": 0.1}
    )
    async with serving(settings) as api:
        yield api


def file(api: Api, path: str) -> str | None:
    """The text of a file at the tip of the repository."""
    origin = api.node.sync.main.parts.repository
    objects = origin.mirror.objects
    blob = blob_of(objects, origin.mirror.tip("refs/heads/main"), path)
    return None if blob is None else objects.read(blob).decode()


async def test_a_tenant_is_a_folder(api: Api) -> None:
    wanted = {"id": "acme", "name": "Acme", "labels": {"cost": "12"}, "deleted": False}
    made = await api.post(TENANTS, json=wanted)
    assert (made["id"], made["name"], made["labels"]) == ("acme", "Acme", {"cost": "12"})
    assert file(api, "tenants/acme/tenant.yaml") == "title: Acme\nlabels:\n  cost: '12'\n"
    assert (await api.get(f"{TENANTS}/acme"))["name"] == "Acme"
    found = await api.get(f"{TENANTS}/search?size=10")
    assert ([each["id"] for each in found["results"]], found["total"]) == (["acme", "main"], 2)
    await api.post(TENANTS, 409, json=wanted)
    changed = {"id": "acme", "quotas": {"executions": 7, "weight": 3}, "crossNamespace": "granted"}
    body = await api.ask("PUT", f"{TENANTS}/acme", json=changed)
    assert (body["limits"]["executions"], body["limits"]["weight"]) == (7, 3.0)
    assert body["crossNamespace"] == "granted"
    assert api.node.tenants.of("acme").quotas.executions == 7
    await api.ask("DELETE", f"{TENANTS}/acme", 204)
    assert file(api, "tenants/acme/tenant.yaml") is None
    await api.get(f"{TENANTS}/acme", 404)


@pytest.mark.parametrize(
    "wanted",
    [
        {"id": "Not a name"},
        {"id": "acme", "quotas": {"executions": 0}},
        {"id": "acme", "egress": {"policy": "closed"}},
        {"id": "acme", "role": "admin"},
        {"id": "acme", "pluginDefaults": [{"type": 1}]},
    ],
)
async def test_what_is_wrong_makes_no_commit(api: Api, wanted: dict[str, Any]) -> None:
    await api.post(TENANTS, 422, json=wanted)
    assert api.node.tenants.names() in ([], ["main"])


async def test_nothing_lies_in_a_tenant_that_cannot_be_one(api: Api) -> None:
    answer = await api.http.put("/api/v1/users/namespaces/demo/kv/a", content='"1"')
    assert (answer.status_code, answer.json()["detail"]) == (404, "there is no tenant users")


async def test_a_tenant_with_flows_is_removed_in_git(api: Api) -> None:
    await api.post(TENANTS, json={"id": "acme"})
    source = (
        "id: f\nnamespace: team\ntasks: [{id: t, type: io.kestra.plugin.core.log.Log, message: x}]"
    )
    answer = await api.answer("POST", "/api/v1/acme/flows", content=source)
    assert answer.status_code == 200, answer.text
    headers = {"X-Request-Id": "refused-of-acme"}
    await api.ask("DELETE", f"{TENANTS}/acme", 409, headers=headers)
    (entry,) = await api.node.audit.search(AuditFilter(request_id="refused-of-acme"), 10)
    assert entry.tenant == "acme", "it is there, and has a chain"
    await api.ask("PUT", f"{TENANTS}/other", 404, json={"id": "other"})
    await api.ask("PUT", f"{TENANTS}/acme", 422, json={"id": "other"})


async def test_settings_of_a_namespace(api: Api) -> None:
    wanted = {"id": "vault", "description": "Closed", "allowedNamespaces": [{"namespace": "team"}]}
    made = await api.post("namespaces", json=wanted)
    assert made["allowedNamespaces"] == [{"namespace": "team"}]
    text = file(api, "tenants/main/namespaces/vault/namespace.yaml") or ""
    assert "namespace: team" in text
    await api.ask("PUT", "namespaces/vault", json={"id": "vault", "allow": []})
    assert (await api.node.sync.namespaces.of("main", "vault")).allow == ()
    await api.ask("PUT", "namespaces/vault", 422, json={"id": "other"})
    assert await api.get("namespaces/vault/inherited-variables") == {}
    assert await api.get("namespaces/vault/inherited-plugindefaults") == []
    await api.ask("DELETE", "namespaces/vault", 204)
    assert file(api, "tenants/main/namespaces/vault/namespace.yaml") is None
    problem = await api.ask("DELETE", "namespaces/nope", 404)
    assert problem["detail"] == "there is no namespace nope in tenant main"


async def test_a_namespace_with_flows_need_not_have_settings(api: Api) -> None:
    await api.flow("unsaid.below", CALLED)
    for name in ("unsaid.below", "unsaid"):
        await api.ask("DELETE", f"namespaces/{name}", 204)
    await api.ask("DELETE", "namespaces/unsaid.bel", 404)


CALLED = """
tasks:
  - {id: t, type: io.kestra.plugin.core.log.Log, message: hi}
"""
CALLER = """
tasks:
  - id: call
    type: io.kestra.plugin.core.flow.Subflow
    namespace: vault
    flowId: f
    wait: true
    transmitFailed: true
"""


async def test_a_namespace_closes_and_opens(api: Api) -> None:
    await api.flow("vault", CALLED)
    await api.flow("team", CALLER)

    async def state() -> str:
        return str((await api.run("team/f"))["state"]["current"])

    assert await state() == "SUCCESS", "as in Kestra, where nobody says otherwise"
    await api.ask("PUT", "namespaces/vault", json={"id": "vault", "allow": []})
    assert await state() == "FAILED"
    grant = {"namespace": "team", "may": ["execute"]}
    await api.ask("PUT", "namespaces/vault", json={"id": "vault", "allow": [grant]})
    assert await state() == "SUCCESS"
    await api.ask("DELETE", "namespaces/vault", 204)
    body = {"id": "main", "crossNamespace": "granted"}
    answer = await api.answer("POST", TENANTS, json=body)
    if answer.status_code == 409:
        answer = await api.answer("PUT", f"{TENANTS}/main", json=body)
    assert answer.status_code == 200, answer.text
    assert await state() == "FAILED", "the tenant asks for grants"


LISTENING = """
triggers:
  - id: after
    type: io.kestra.plugin.core.trigger.Flow
    conditions:
      - {type: io.kestra.plugin.core.condition.ExecutionFlow, namespace: vault, flowId: f}
"""


async def test_who_may_not_listen_hears_nothing(api: Api) -> None:
    await api.flow("vault", CALLED)
    await api.flow("vault", LISTENING + CALLED, "inner")
    await api.flow("team", LISTENING + CALLED, "outer")
    await api.ask("PUT", "namespaces/vault", json={"id": "vault", "allow": []})
    await api.run("vault/f")
    await heard(api, "inner", 1)
    assert await count(api, "outer") == 0
    grant = {"namespace": "team", "may": ["trigger"]}
    await api.ask("PUT", "namespaces/vault", json={"id": "vault", "allow": [grant]})
    await api.run("vault/f")
    await heard(api, "outer", 1)
    await heard(api, "inner", 2)


async def count(api: Api, flow_id: str) -> int:
    found = await api.get(f"executions/search?flowId={flow_id}&size=1")
    return int(found["total"])


async def heard(api: Api, flow_id: str, times: int) -> None:
    async with asyncio.timeout(10):
        while await count(api, flow_id) < times:
            await asyncio.sleep(0.02)


async def test_a_quota_answers_429(api: Api) -> None:
    body = {"id": "main", "quotas": {"executions": 1}}
    answer = await api.answer("POST", TENANTS, json=body)
    if answer.status_code == 409:
        await api.ask("PUT", f"{TENANTS}/main", json=body)
    await api.flow(
        "team", "tasks: [{id: t, type: io.kestra.plugin.core.flow.Sleep, duration: PT4S}]"
    )
    await api.post("executions/team/f")
    answer = await api.answer("POST", "executions/team/f")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    assert "quota" in answer.json()["detail"]


def test_rights_over_one_tenant_are_none_over_the_instance() -> None:
    scope = Scope("acme")
    caller = Caller("user", "u", "U", grants=(Grant(ROLES["instance-admin"].permissions, scope),))
    with pytest.raises(Forbidden):
        _of_instance(caller)
    assert update.needs.permission is Permission.INSTANCE_MANAGE  # type: ignore[attr-defined]
