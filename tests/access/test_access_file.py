"""`access.yaml`: who may do what, as the active commit of one configured source says it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.access import ROLES, Permission, Scope
from app.access.document import Subject, read_document
from app.config import SettingsError, load_settings
from tests.access.service import Service, service
from tests.git.scratch import Scratch
from tests.serving import headwater

NOW = datetime(2026, 11, 26, tzinfo=UTC)
FLOWS = "/api/v1/{}/flows/search"


def document(**content: Any) -> Any:
    found, problems = read_document(content)
    assert found, problems
    return found


def test_roles_groups_and_bindings() -> None:
    said = document(
        roles={"night": {"permissions": ["execution:kill"], "include": ["viewer"]}},
        groups={"ops": {"members": ["Alice"]}},
        bindings=[
            {"role": "night", "group": "ops", "tenant": "shop"},
            {"role": "admin", "user": "BOB", "tenant": "shop", "namespace": "company.team"},
            {"role": "operator", "serviceAccount": "shop/ci", "tenant": "shop"},
            {"role": "auditor", "group": "idp-auditors", "expires": "2026-11-26"},
        ],
    )
    alice = Subject(username="alice", groups=said.groups_of("alice"))
    (grant,) = said.grants(alice, NOW)
    assert grant.scope == Scope("shop")
    assert grant.permissions == ROLES["viewer"].permissions | {Permission.EXECUTION_KILL}
    (grant,) = said.grants(Subject(username="bob"), NOW)
    assert grant.scope == Scope("shop", "company.team")
    assert len(said.grants(Subject(service_account="shop/ci"), NOW)) == 1
    assert said.grants(Subject(groups=frozenset({"idp-auditors"})), NOW) == []
    before = datetime(2026, 11, 25, 23, 59, tzinfo=UTC)
    (grant,) = said.grants(Subject(groups=frozenset({"idp-auditors"})), before)
    assert grant.scope == Scope()
    assert said.grants(Subject(), before) == []


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"role": {}}, "role: Extra inputs"),
        ({"roles": {"admin": {}}}, "built in"),
        ({"roles": {"x": {"permissions": ["secret:read"]}}}, "roles.x.permissions.0"),
        ({"roles": {"x": {"include": ["y"]}}}, "includes y"),
        ({"bindings": [{"role": "nobody", "user": "a"}]}, "there is no role nobody"),
        ({"bindings": [{"role": "admin"}]}, "one of user, group and serviceAccount"),
        ({"bindings": [{"role": "admin", "user": "a", "group": "b"}]}, "one of user"),
        ({"bindings": [{"role": "admin", "user": "a", "namespace": "x"}]}, "needs its tenant"),
        ({"bindings": [{"role": "admin", "user": "a", "tenant": "../x"}]}, "bindings.0.tenant"),
    ],
)
def test_what_is_wrong_is_told(content: dict[str, Any], told: str) -> None:
    found, problems = read_document(content)
    assert found is None
    assert any(told in each for each in problems), problems


def test_it_is_checked_without_a_service(tmp_path: Path) -> None:
    (tmp_path / "tenants/shop/namespaces/company/flows").mkdir(parents=True)
    (tmp_path / "access.yaml").write_text("bindings: [{role: vieweer, user: alice}]")
    checked = headwater("check", str(tmp_path), folder=tmp_path)
    assert checked.returncode == 0
    assert "there is no role vieweer" in checked.stdout + checked.stderr
    (tmp_path / "access.yaml").write_text(ALLOWED)
    assert "vieweer" not in headwater("check", str(tmp_path), folder=tmp_path).stdout


def test_the_source_has_to_be_configured(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there is no source team"):
        load_settings(data_dir=tmp_path, access={"source": "team"})


ALLOWED = """
bindings:
  - {role: viewer, user: alice, tenant: shop}
"""


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    scratch = Scratch(tmp_path / "acme.git")
    scratch.commit({"tenants/shop/access.yaml": ALLOWED.encode(), "README.md": b"x"})
    return scratch


@pytest.fixture
async def api(tmp_path: Path, scratch: Scratch) -> AsyncIterator[Service]:
    git = {"repo": str(scratch.path), "allow_file_protocol": True, "poll_seconds": 3600}
    async with service(tmp_path / "data", git=git, access={"source": "main"}) as running:
        yield running


async def test_a_commit_gives_and_takes_rights(api: Service, scratch: Scratch) -> None:
    alice = await api.user("alice")
    header = await api.token(alice)
    root = await api.token(await api.user("root", {"instance-admin": Scope()}))
    assert await api.status(FLOWS.format("shop"), headers=header) == 404  # no tenant's file counts

    async def synced() -> list[dict[str, Any]]:
        answer = await api.http.post("/api/v1/sources/main/sync", headers=root)
        assert answer.status_code == 200, answer.text
        found = await api.http.get("/api/v1/sources/main/findings", headers=root)
        listed = found.json()
        return [each for each in listed if each["code"] == "ACCESS_INVALID"]

    scratch.commit({"access.yaml": ALLOWED.encode()})
    assert await synced() == []
    assert await api.status(FLOWS.format("shop"), headers=header) == 200
    assert await api.status(FLOWS.format("main"), headers=header) == 404

    scratch.commit({"access.yaml": b"bindings: [{role: vieweer, user: alice}]"})
    (finding,) = await synced()
    assert "vieweer" in finding["message"]
    assert finding["path"] == "access.yaml"
    assert await api.status(FLOWS.format("shop"), headers=header) == 200  # what was said holds

    scratch.commit({"access.yaml": b"bindings: []"})
    assert await synced() == []
    assert await api.status(FLOWS.format("shop"), headers=header) == 404


async def test_the_setting_may_come_after_the_commit(tmp_path: Path, scratch: Scratch) -> None:
    scratch.commit({"access.yaml": ALLOWED.encode()})
    git = {"repo": str(scratch.path), "allow_file_protocol": True, "poll_seconds": 3600}
    async with service(tmp_path / "data", git=git) as api:
        alice = await api.user("alice")
        assert await api.status(FLOWS.format("shop"), headers=await api.token(alice)) == 404
    async with service(tmp_path / "data", git=git, access={"source": "main"}) as api:
        await api.node.sync.main.follower.synced("test")
        assert await api.status(FLOWS.format("shop"), headers=await api.token(alice)) == 200
    async with service(tmp_path / "data", git=git) as api:
        assert await api.status(FLOWS.format("shop"), headers=await api.token(alice)) == 404
        scratch.commit({"access.yaml": b"bindings: []"})
        await api.node.sync.main.follower.synced("test")
    async with service(tmp_path / "data", git=git, access={"source": "main"}) as api:
        assert await api.status(FLOWS.format("shop"), headers=await api.token(alice)) == 404


async def test_a_tenants_groups_mean_nothing_in_the_file(api: Service, scratch: Scratch) -> None:
    from app.db.member_records import Group

    alice = await api.user("alice")
    header = await api.token(alice)
    scratch.commit({"access.yaml": b"bindings: [{role: viewer, group: ops, tenant: shop}]"})
    await api.node.sync.main.follower.synced("test")
    for tenant, status in (("shop", 404), ("", 200)):
        group = Group("ops", tenant)
        await api.node.access.groups.add(group)
        await api.node.access.groups.join(group.id, alice.id)
        assert await api.status(FLOWS.format("shop"), headers=header) == status
