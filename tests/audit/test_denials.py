"""Denials, logins, and who may read the audit log."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from app.access import Scope
from app.db.audit import AuditEntry, AuditFilter
from tests.access.service import PASSWORD, Service, service

pytestmark = pytest.mark.asyncio(loop_scope="module")

BASE = "/api/v1/main"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def there(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    async with service(tmp_path_factory.mktemp("denials") / "data") as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def root(there: Service) -> Any:
    return await there.token(await there.user("root-9", {"instance-admin": Scope()}))


async def sent(there: Service, method: str, path: str, by: Any, request: str) -> int:
    headers = {**by, "X-Request-Id": request}
    answer = await there.http.request(method, path, headers=headers)
    return int(answer.status_code)


async def noted(there: Service, request: str) -> list[AuditEntry]:
    return await there.node.audit.search(AuditFilter(request_id=request), 100)


async def test_a_lack_of_rights_goes_into_the_tenants_log(there: Service) -> None:
    viewer = await there.user("vera", {"viewer": Scope("main")})
    token = await there.token(viewer)
    assert await sent(there, "DELETE", f"{BASE}/flows/shop/f", token, "lack-1") == 403
    (entry,) = await noted(there, "lack-1")
    assert (entry.tenant, entry.actor, entry.outcome) == ("main", "vera", "denied")
    assert (entry.action, entry.target, entry.namespace) == ("flow.delete", "flow/shop.f", "shop")
    assert (entry.actor_id, entry.actor_kind) == (viewer.id, "user")
    assert entry.token_id
    assert entry.token_id in token["Authorization"], "the public part only"
    assert token["Authorization"] not in repr(entry)


async def test_reading_what_one_may_not_is_noted(there: Service) -> None:
    token = await there.token(await there.user("rita", {"viewer": Scope("main", "shop")}))
    path = f"{BASE}/namespaces/lab/kv"
    assert await sent(there, "GET", path, token, "read-1") in (403, 404)
    (entry,) = await noted(there, "read-1")
    assert (entry.outcome, entry.action) == ("denied", "kv.read")


async def test_a_foreign_tenant_learns_nothing_and_gets_no_chain(there: Service) -> None:
    token = await there.token(await there.user("stan", {"admin": Scope("elsewhere")}))
    assert await sent(there, "GET", f"{BASE}/flows/shop/f", token, "foreign-1") == 404
    assert await sent(there, "DELETE", f"{BASE}/flows/shop/f", token, "foreign-1") == 404
    found = await noted(there, "foreign-1")
    assert {(each.tenant, each.outcome) for each in found} == {("", "denied")}
    assert len(found) == 2
    assert await sent(there, "GET", "/api/v1/made-up/flows/a/b", token, "foreign-2") == 404
    assert {each.tenant for each in await noted(there, "foreign-2")} == {""}


@pytest.mark.parametrize("tenant", ["UPPER", "\N{GRINNING FACE}", "no-such-tenant"])
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "{}/flows"), ("DELETE", "{}/flows/a/b"), ("DELETE", "tenants/{}")]
)
async def test_asking_for_a_tenant_makes_no_chain(
    there: Service, root: Any, tenant: str, method: str, path: str
) -> None:
    request = f"ghost-{ascii(tenant)[-4:-1]}-{method}-{len(path)}"
    assert await sent(there, method, f"/api/v1/{path.format(tenant)}", root, request) >= 400
    assert {each.tenant for each in await noted(there, request)} == {""}


async def test_nobody_is_noted_but_cannot_fill_the_log(there: Service) -> None:
    for _ in range(40):
        wrong = {"Authorization": "Bearer hw_00000000_" + "x" * 32}
        assert await sent(there, "GET", f"{BASE}/kv", wrong, "nobody-1") == 401
    found = await noted(there, "nobody-1")
    assert 10 <= len(found) <= 20
    assert {(each.tenant, each.actor, each.outcome) for each in found} == {
        ("", "anonymous", "denied")
    }


async def test_logins_are_noted(there: Service) -> None:
    await there.user("lara", {"viewer": Scope("main")})
    for password, request, action in (
        ("wrong horse 77", "login-1", "login.failed"),
        (PASSWORD, "login-2", "login"),
    ):
        body = {"username": "lara", "password": password}
        await there.http.post("/api/v1/login", json=body, headers={"X-Request-Id": request})
        there.http.cookies.clear()
        (entry,) = await noted(there, request)
        assert (entry.action, entry.target, entry.tenant) == (action, "user/lara", "")
        assert entry.ip
        assert password not in repr(entry)
    (failed,) = await noted(there, "login-1")
    assert failed.outcome == "denied"


async def test_no_header_says_who_it_was(there: Service) -> None:
    token = await there.token(await there.user("ada", {"admin": Scope("main")}))
    spoof = {"X-User": "root", "X-Forwarded-For": "6.6.6.6", "From": "root@example.org"}
    path = f"{BASE}/namespaces/shop/kv/colour"
    headers = {**token, **spoof, "X-Request-Id": "spoof-1"}
    answer = await there.http.put(path, content='"red"', headers=headers)
    assert answer.status_code == 200
    (entry,) = await noted(there, "spoof-1")
    assert (entry.actor, entry.ip) == ("ada", "127.0.0.1")


async def test_a_line_break_forges_no_line(there: Service) -> None:
    entry = AuditEntry("forge", 1, 'eve\n{"seq": 99}', "flow.pin", "flow/a.b", "x\r\ny")
    await there.node.audit.add(entry)
    root = await there.token(await there.user("root-2", {"instance-admin": Scope()}))
    answer = await there.http.get("/api/v1/forge/audit/export", headers=root)
    assert len(answer.text.splitlines()) == 1


# -- who may read it -----------------------------------------------------------------------------


async def test_an_auditor_of_a_namespace_sees_that_only(there: Service) -> None:
    for namespace in ("seen.by", "hidden.lab"):
        entry = AuditEntry("main", 5, "ada", "flow.pin", f"flow/{namespace}.f")
        await there.node.audit.add(entry)
    await there.node.audit.add(AuditEntry("main", 5, "ada", "hidden.deed", "source/main"))
    role = {"auditor": Scope("main", "seen")}
    token = await there.token(await there.user("nora", role))

    async def text(path: str, status: int = 200) -> str:
        answer = await there.http.get(f"{BASE}/{path}", headers=token)
        assert answer.status_code == status, answer.text
        return str(answer.text)

    for path in ("audit", "audit/export", "audit/export?format=csv", "auditlogs/search",
                 "auditlogs/export", "auditlogs/history/main"):  # fmt: skip
        found = await text(path)
        assert "hidden" not in found, path
        assert ("seen.by" in found) == ("history" not in path), path
    (hidden,) = await there.node.audit.search(AuditFilter("main", action="hidden.deed"), 1)
    await text(f"auditlogs/{hidden.id}/diff", 404)
    await text("audit/verify", 403)


async def test_the_instances_log_is_for_the_instances_auditors(there: Service) -> None:
    tenant = await there.token(await there.user("tom", {"auditor": Scope("main")}))
    whole = await there.token(await there.user("wes", {"auditor": Scope()}))
    for path in ("instance/audit", "instance/audit/verify", "instance/audit/export",
                 "auditlogs/search", "auditlogs/export"):  # fmt: skip
        for by, status in ((tenant, 403), (whole, 200), ({}, 401)):
            answer = await there.http.get(f"/api/v1/{path}", headers=by)
            assert answer.status_code == status, (path, answer.text)
    answer = await there.http.get(f"{BASE}/audit/verify", headers=tenant)
    assert answer.json()["holds"]
