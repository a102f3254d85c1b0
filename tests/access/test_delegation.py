"""Nobody gives away more than they have, whatever the route; nobody sees what is another's."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import yaml

from app.access import INSTANCE, Caller, Grant, Permission, Role, Scope
from app.access.delegation import may_give, may_give_all
from app.access.document import read_document
from app.access.kestra import OURS_ALONE, RESOURCES, from_kestra, to_kestra
from app.access.roles import ROLES
from app.db.access import access_file
from app.db.member_records import Binding, Group, Member, StoredRole
from tests.access.service import Service, service

P = Permission
MAIN, TEAM = Scope("main"), Scope("main", "company.team")
NEW_PASSWORD = "another pass 7"


class Desk:
    """Somebody who asks the service for something."""

    def __init__(self, made: Service, headers: dict[str, str]) -> None:
        self.made, self.headers = made, headers

    async def ask(self, method: str, path: str, status: int, **json: Any) -> Any:
        more = {"json": json} if json else {}
        answer = await self.made.http.request(
            method, f"/api/v1/{path}", headers=self.headers, **more
        )
        assert answer.status_code == status, f"{method} {path}: {answer.text}"
        return answer.json() if answer.content else None


@pytest.fixture
async def made(tmp_path: Any) -> AsyncIterator[Service]:
    async with service(tmp_path / "data") as running:
        yield running


async def desk(made: Service, name: str, roles: dict[str, Scope]) -> Desk:
    return Desk(made, await made.token(await made.user(name, roles)))


async def role(made: Service, name: str, *permissions: Permission, tenant: str = "") -> str:
    stored = StoredRole(name, frozenset(permissions), tenant)
    await made.node.access.roles.add(stored)
    return stored.id


async def test_a_tenant_admin_stays_in_the_tenant(made: Service) -> None:
    admin = await desk(made, "admin", {"admin": MAIN})
    other = await made.user("other")
    bind = {"type": "USER", "externalId": other.id}
    await admin.ask("POST", "main/bindings", 200, **bind, roleId="admin")
    await admin.ask("POST", "main/bindings", 403, **bind, roleId="instance-admin")
    await admin.ask("POST", "acme/bindings", 404, **bind, roleId="viewer")
    await admin.ask("POST", "instance/bindings", 403, **bind, roleId="viewer")
    await admin.ask("GET", "users", 403)
    await admin.ask("POST", "users", 403, email="x@example.test")
    await admin.ask("GET", "service-accounts", 403)
    await admin.ask("POST", "main/roles", 403, name="all", grants=["instance:manage"])
    await admin.ask("POST", "main/roles", 200, name="some", grants=["flow:read", "kv:write"])
    await admin.ask("POST", "main/service-accounts", 422, name="sa", instanceOwner=True)


async def test_a_namespace_admin_stays_in_the_namespace(made: Service) -> None:
    admin = await desk(made, "lead", {"admin": TEAM})
    other = await made.user("other")
    bind = {"type": "USER", "externalId": other.id, "roleId": "editor"}
    mine = await admin.ask("POST", "main/bindings", 200, **bind, namespaceId="company.team")
    await admin.ask("POST", "main/bindings", 200, **bind, namespaceId="company.team.sub")
    for elsewhere in ("company", "company.teams", "other", None):
        await admin.ask("POST", "main/bindings", 403, **bind, namespaceId=elsewhere)
    beyond = Binding("user", other.id, "viewer", MAIN)
    await made.node.access.bindings.add([beyond])
    found = await admin.ask("GET", "main/bindings/search?size=100", 200)
    assert {each["namespace"] for each in found["results"]} == {"company.team", "company.team.sub"}
    assert found["total"] == 3, "with the one of the admin itself"
    await admin.ask("GET", f"main/bindings/{beyond.id}", 404)
    await admin.ask("DELETE", f"main/bindings/{beyond.id}", 404)
    await admin.ask("DELETE", f"main/bindings/{mine['id']}", 204)
    for path in ("groups/search", "roles/search", "tenant-access", "service-accounts"):
        await admin.ask("GET", f"main/{path}", 403)
    await admin.ask("POST", "main/groups", 403, name="g")


async def test_who_manages_members_gives_only_what_they_have(made: Service) -> None:
    manager = await role(made, "manager", P.MEMBER_MANAGE, P.MEMBER_READ, P.FLOW_READ)
    clerk = await desk(made, "clerk", {manager: MAIN})
    other = await made.user("other")
    bind = {"type": "USER", "externalId": other.id}
    await clerk.ask("POST", "main/bindings", 403, **bind, roleId="viewer")
    await clerk.ask("POST", "main/bindings", 200, **bind, roleId="member")
    await clerk.ask("POST", "main/bindings", 200, **bind, roleId=manager)
    strong = Group("strong", "main")
    await made.node.access.groups.add(strong)
    bound = Binding("group", strong.id, "editor", TEAM)
    await made.node.access.bindings.add([bound])
    await clerk.ask("PUT", f"main/groups/{strong.id}/members/{other.id}", 403)
    await clerk.ask("PUT", f"main/users/{other.id}/groups", 403, groupIds=[strong.id])
    await clerk.ask("DELETE", f"main/groups/{strong.id}", 403)
    await clerk.ask("DELETE", f"main/bindings/{bound.id}", 403)
    await clerk.ask("POST", "main/roles", 403, name="more", grants=["flow:write"])
    great = await role(made, "great", P.FLOW_WRITE, tenant="main")
    await clerk.ask("PUT", f"main/roles/{great}", 403, name="great", grants=["flow:read"])
    await clerk.ask("DELETE", f"main/roles/{great}", 403)
    mine = await role(made, "mine", P.FLOW_READ, tenant="main")
    await clerk.ask("PUT", f"main/roles/{mine}", 403, name="mine", grants=["flow:write"])
    assert (await made.node.access.groups.members(strong.id)) == []
    boss = await made.user("boss", {"admin": MAIN})
    await clerk.ask("DELETE", f"main/tenant-access/{boss.id}", 403)
    await clerk.ask("DELETE", f"main/tenant-access/{other.id}", 204)


async def test_tokens_of_stronger_accounts(made: Service) -> None:
    keeper = await role(made, "keeper", P.TOKEN_MANAGE, P.MEMBER_READ)
    clerk = await desk(made, "clerk", {keeper: MAIN})
    strong = await made.account("strong", "main", {"editor": MAIN})
    weak = await made.account("weak", "main", {keeper: MAIN})
    foreign = await made.account("foreign", "acme")
    global_ = await made.account("global", "", {"viewer": INSTANCE})
    path = "main/service-accounts"
    await clerk.ask("POST", f"{path}/{strong.id}/api-tokens", 403, name="t")
    await clerk.ask("PUT", f"{path}/{strong.id}", 403, name="renamed")
    await clerk.ask("DELETE", f"{path}/{strong.id}", 403)
    for missing in (foreign, global_):
        for method in ("GET", "DELETE"):
            await clerk.ask(method, f"{path}/{missing.id}", 404)
        await clerk.ask("POST", f"{path}/{missing.id}/api-tokens", 404, name="t")
    await clerk.ask("POST", f"{path}/{weak.id}/api-tokens", 200, name="t")
    group = Group("editors", "main")
    await made.node.access.groups.add(group)
    await made.node.access.bindings.add([Binding("group", group.id, "editor", MAIN)])
    await clerk.ask("POST", path, 403, name="sly", groups=[{"id": group.id}])
    assert await made.node.access.members.named("sly", "main") is None


async def test_who_manages_the_instance_without_all_rights(made: Service) -> None:
    steward = await role(made, "steward", P.INSTANCE_MANAGE, P.INSTANCE_READ)
    clerk = await desk(made, "clerk", {steward: INSTANCE})
    owner = await made.user("owner", {"instance-admin": INSTANCE})
    mine = await made.node.access.members.named("clerk")
    assert mine is not None
    for path, wish in {
        f"users/{owner.id}/password": {"password": NEW_PASSWORD},
        f"users/{owner.id}/restricted": {"restricted": True},
        f"users/{owner.id}": {"email": "mine@example.test"},
        f"users/{mine.id}/instanceowner": {"instanceOwner": True},
        f"users/{owner.id}/superadmin": {"superAdmin": False},
    }.items():
        await clerk.ask("PATCH", path, 403, **wish)
    await clerk.ask("POST", f"users/{owner.id}/api-tokens", 403, name="t")
    await clerk.ask("PUT", f"users/{owner.id}", 403, email="mine@example.test")
    await clerk.ask("DELETE", f"users/{owner.id}", 403)
    await clerk.ask("DELETE", f"users/{owner.id}/auths/basic", 403)
    bind = {"type": "USER", "externalId": mine.id}
    await clerk.ask("POST", "instance/bindings", 403, **bind, roleId="instance-admin")
    await clerk.ask("POST", "instance/bindings", 403, **bind, roleId="viewer", tenant="main")
    await clerk.ask("POST", "users", 403, email="new@example.test", instanceOwner=True)
    assert await made.node.access.members.get(owner.id) is not None


async def test_an_owner_of_a_group_chooses_its_members(made: Service) -> None:
    await made.user("admin", {"admin": MAIN})
    group = Group("team", "main")
    await made.node.access.groups.add(group)
    await made.node.access.bindings.add([Binding("group", group.id, "editor", TEAM)])
    owner, other = await made.user("owner"), await made.user("other")
    await made.node.access.groups.join(group.id, owner.id, "OWNER")
    mine = Desk(made, await made.token(owner))
    await mine.ask("PUT", f"main/groups/{group.id}/members/{other.id}", 200)
    theirs = Desk(made, await made.token(other))
    await theirs.ask("PUT", f"main/groups/{group.id}/members/{owner.id}", 403)
    await mine.ask("DELETE", f"main/groups/{group.id}/members/{other.id}", 200)
    membership = f"main/groups/{group.id}/members/membership/{owner.id}?membership=MEMBER"
    await mine.ask("PUT", membership, 403)
    limited = (Grant(ROLES["editor"].permissions, MAIN),)
    by_token = Desk(made, await made.token(owner, limited))
    await by_token.ask("PUT", f"main/groups/{group.id}/members/{other.id}", 403)


async def test_a_token_makes_no_stronger_one(made: Service) -> None:
    user = await made.user("ann", {"admin": MAIN})
    limit = (Grant(frozenset({P.FLOW_READ}), MAIN),)
    mine = Desk(made, await made.token(user, limit))
    new = await mine.ask("POST", "me/api-tokens", 200, name="child")
    stored = await made.node.access.tokens.get(new["id"])
    assert stored is not None
    assert stored.limits == limit
    wish = {"name": "more", "limits": [{"role": "admin", "tenant": "main"}]}
    await mine.ask("POST", "me/api-tokens", 403, **wish)
    wish = {"name": "less", "limits": [{"permissions": ["flow:read"], "tenant": "main",
                                        "namespace": "a"}]}  # fmt: skip
    await mine.ask("POST", "me/api-tokens", 200, **wish)
    await mine.ask("PATCH", "me", 403, firstName="X")
    await mine.ask("PUT", "me/password", 403, oldPassword="x", newPassword=NEW_PASSWORD)
    for bad in (
        {"name": "x", "limits": [{"tenant": "main"}]},
        {"name": "x", "limits": [{"role": "admin", "permissions": []}]},
        {"name": "x", "limits": [{"role": "admin", "namespace": "a"}]},
        {"name": "x", "extra": True},
        {"name": "Not A Name"},
    ):
        await mine.ask("POST", "me/api-tokens", 422, **bad)


async def test_things_of_other_tenants_are_not_there(made: Service) -> None:
    admin = await desk(made, "admin", {"admin": MAIN})
    await made.user("there", {"admin": Scope("acme")})
    group, instance_group = Group("hidden", "acme"), Group("everybody", "")
    for each in (group, instance_group):
        await made.node.access.groups.add(each)
    foreign = await role(made, "hidden-role", P.FLOW_READ, tenant="acme")
    binding = Binding("group", group.id, "viewer", Scope("acme"))
    await made.node.access.bindings.add([binding])
    other = await made.user("other")
    for path in (
        f"groups/{group.id}", f"groups/{instance_group.id}", f"groups/{group.id}/members",
        f"roles/{foreign}", f"bindings/{binding.id}", f"tenant-access/{other.id}",
        f"service-accounts/{other.id}",
    ):  # fmt: skip
        await admin.ask("GET", f"main/{path}", 404)
        await admin.ask("GET", f"acme/{path}", 404)
    for subject in (group, instance_group):
        bind = {"type": "GROUP", "externalId": subject.id, "roleId": "viewer"}
        await admin.ask("POST", "main/bindings", 404, **bind)
    bind = {"type": "USER", "externalId": other.id, "roleId": foreign}
    await admin.ask("POST", "main/bindings", 404, **bind)
    await admin.ask("PUT", f"main/users/{other.id}/groups", 404, groupIds=[group.id])
    for path, what in {"groups/ids": group.id, "roles/ids": foreign}.items():
        assert await admin.ask("POST", f"main/{path}", 200, ids=[what]) == []
    shown = str(await admin.ask("GET", "main/roles/search?size=100", 200))
    assert "hidden" not in shown
    assert (await admin.ask("GET", "main/groups/search", 200))["total"] == 0
    people = await admin.ask("GET", "main/tenant-access", 200)
    assert [each["username"] for each in people["results"]] == ["admin"]
    assert await admin.ask("POST", "main/tenant-access/autocomplete", 200, ids=[other.id]) == [
        people["results"][0]
    ]


async def test_bodies_hold_nothing_else(made: Service) -> None:
    owner = await desk(made, "owner", {"instance-admin": INSTANCE})
    other = await made.user("other")
    bind = {"type": "USER", "externalId": other.id, "roleId": "viewer"}
    await owner.ask("POST", "main/bindings", 422, **bind, tenant="acme")
    await owner.ask("POST", "main/bindings", 422, **bind, tenantId="acme")
    await owner.ask("POST", "main/groups", 422, name="g", tenantId="acme")
    await owner.ask("POST", "users", 422, email="a@example.test", id="mine")
    await owner.ask("POST", "main/roles", 422, name="r", permissions={"NOTHING": ["VIEW"]})
    await owner.ask("POST", "main/roles", 422, name="r", isDefault=True)
    await owner.ask("POST", "main/roles", 409, name="viewer")
    await owner.ask("POST", "users", 422, email="no address")
    await owner.ask("POST", "users", 422, email="a@example.test", password="short")
    for bad in ("never", "PT0S", "-P1D", "P99999999999D"):
        await owner.ask("POST", "main/bindings", 422, **bind, expiresIn=bad)


async def test_a_binding_ends(made: Service) -> None:
    owner = await desk(made, "owner", {"instance-admin": INSTANCE})
    other = await made.user("other")
    bind = {"type": "USER", "externalId": other.id, "roleId": "viewer", "expiresIn": "PT1H"}
    new = await owner.ask("POST", "main/bindings", 200, **bind)
    assert new["expiresAt"] is not None
    stored = await made.node.access.bindings.get(new["id"])
    assert stored is not None
    assert stored.expires_at is not None
    assert stored.expires_at > made.node.clock.now()


async def test_nobody_shuts_themselves_out(made: Service) -> None:
    user = await made.user("owner", {"instance-admin": INSTANCE})
    owner = Desk(made, await made.token(user))
    await owner.ask("DELETE", f"users/{user.id}", 409)
    await owner.ask("PATCH", f"users/{user.id}/restricted", 409, restricted=True)
    await owner.ask("PATCH", f"users/{user.id}/instanceowner", 409, instanceOwner=False)
    (mine,) = (await owner.ask("GET", "instance/bindings", 200))["results"]
    await owner.ask("DELETE", f"instance/bindings/{mine['id']}", 403)
    await owner.ask("DELETE", f"main/tenant-access/{user.id}", 404)


async def test_everything_is_noted(made: Service) -> None:
    owner = await desk(made, "owner", {"instance-admin": INSTANCE})
    new = await owner.ask("POST", "users", 200, email="a@example.test", password=NEW_PASSWORD)
    group = await owner.ask("POST", "main/groups", 200, name="g", membersId=[new["id"]])
    bind = {"type": "GROUP", "externalId": group["id"], "roleId": "viewer"}
    await owner.ask("POST", "main/bindings", 200, **bind)
    token = await owner.ask("POST", f"users/{new['id']}/api-tokens", 200, name="t")
    entries = await made.node.audit.find(limit=1_000)
    told = {each.action: each for each in entries}
    assert {"user.create", "group.create", "binding.create", "token.create"} <= told.keys()
    assert told["binding.create"].tenant == "main"
    assert told["user.create"].actor == "owner"
    text = str(entries)
    assert token["fullToken"] not in text
    assert NEW_PASSWORD not in text
    assert "argon2" not in text


def caller(*grants: Grant) -> Caller:
    return Caller("user", "u", "u", grants=grants)


def test_what_may_be_given() -> None:
    admin = caller(Grant(ROLES["admin"].permissions, MAIN))
    assert may_give(admin, ROLES["editor"].permissions, TEAM)
    assert not may_give(admin, ROLES["editor"].permissions, Scope("acme"))
    assert not may_give(admin, ROLES["editor"].permissions, INSTANCE)
    owner = caller(Grant(ROLES["instance-admin"].permissions, INSTANCE))
    assert may_give(owner, ROLES["instance-admin"].permissions, INSTANCE)
    assert not may_give(owner, ROLES["instance-admin"].permissions, MAIN), "it means nothing there"
    strange = Grant(ROLES["instance-admin"].permissions, MAIN)
    assert may_give_all(admin, [strange]), "and is no reason to fear its holder"
    assert may_give_all(caller(), [])


def test_names_of_permissions() -> None:
    for each in Permission:
        assert each in OURS_ALONE or from_kestra(to_kestra([each])) >= {each}, each
    for known in ROLES.values():
        kept = known.permissions - OURS_ALONE
        assert from_kestra(to_kestra(known.permissions)) == kept, known.name
    assert {P.REPO_READ, P.REPO_MANAGE} == OURS_ALONE
    assert set(to_kestra(Permission)) <= RESOURCES
    assert from_kestra({"FLOW": ["CREATE", "UPDATE"]}) == frozenset()
    assert from_kestra({"SECRET": ["VIEW"]}) == frozenset(), "nothing reads a secret"
    assert from_kestra({"FLOW": ["READ"]}) == {P.FLOW_READ, P.REVISION_READ}
    assert isinstance(ROLES["member"], Role)
    assert not ROLES["member"].permissions
    assert Member("user", "u").kind == "user"


async def test_a_token_makes_none_that_outlives_it(made: Service) -> None:
    user = await made.user("ann")
    mine = Desk(made, await made.token(user))
    new = await mine.ask("POST", "me/api-tokens", 200, name="child")
    stored = await made.node.access.tokens.get(new["id"])
    assert stored is not None
    (parent,) = [each for each in await made.node.access.tokens.of(user.id) if each.name == "t"]
    assert stored.expires_at == parent.expires_at
    await mine.ask("POST", "me/api-tokens", 422, name="long", maxAge="P30D")
    await mine.ask("POST", "me/api-tokens", 422, name="moving", extended=True)
    await mine.ask("POST", "me/api-tokens", 200, name="short", maxAge="PT1H")


WRITTEN = """
groups: {platform: {members: [boss]}}
bindings:
  - {role: instance-admin, user: absent@example.test}
  - {role: instance-admin, group: platform}
  - {role: admin, serviceAccount: main/robot, tenant: main}
"""


async def test_names_that_access_yaml_means_are_not_free(tmp_path: Any) -> None:
    document, problems = read_document(yaml.safe_load(WRITTEN))
    assert document is not None, problems
    async with service(tmp_path / "data", access={"source": "main"}) as made:
        text = document.model_dump_json(by_alias=True)
        await made.node.access.documents.put(access_file("main"), text, 1)
        steward = await role(made, "steward", P.INSTANCE_MANAGE, P.INSTANCE_READ, P.TOKEN_MANAGE)
        clerk = await desk(made, "clerk", {steward: INSTANCE})
        other = await made.user("other")
        absent = {"email": "absent@example.test", "password": NEW_PASSWORD}
        await clerk.ask("POST", "users", 403, **absent)
        await clerk.ask("POST", "users", 403, email="x@example.test", username="BOSS")
        await clerk.ask("PUT", f"users/{other.id}", 403, email="x@example.test", username="boss")
        await clerk.ask("POST", "instance/groups", 403, name="platform")
        group = Group("platform")
        await made.node.access.groups.add(group)
        await clerk.ask("PUT", f"instance/groups/{group.id}/members/{other.id}", 403)
        await clerk.ask("PUT", f"users/{other.id}", 403, email="x@e.test", groups=[group.id])
        await clerk.ask("POST", "main/service-accounts", 403, name="robot")
        mine = await clerk.ask("POST", "main/service-accounts", 200, name="mine")
        await clerk.ask("PUT", f"main/service-accounts/{mine['id']}", 403, name="robot")
        await clerk.ask("PATCH", f"service-accounts/{mine['id']}", 403, name="robot")
        await clerk.ask("PUT", f"users/{other.id}", 200, email="x@example.test", username="free")
        boss = await made.user("boss")
        await clerk.ask("PATCH", f"users/{boss.id}/password", 403, password=NEW_PASSWORD)
