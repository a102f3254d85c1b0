"""Who belongs to a tenant: granted before roles are, and taken away with all of them."""

from collections.abc import Iterable
from typing import Any

from fastapi import Depends
from starlette.responses import Response

from app.access import Permission
from app.access.kestra import to_kestra
from app.api.access import By, needs
from app.api.answers import Json, nothing, page
from app.api.documents import problems_of
from app.api.iam_documents import AccessByEmail, Completion
from app.api.iam_json import auths
from app.api.iam_ownership import belong, leave_tenant
from app.api.iam_parameters import Paged, Text, UserId
from app.api.iam_rules import check_above, check_whole, owns_instance, roles_of, user_called
from app.api.paths import PREFIX, Tenant
from app.api.query import MAX_SIZE, known_keys, takes_filters
from app.api.routing import Router
from app.api.services import Node, Services
from app.db.member_records import Member
from app.errors import Conflict, NotFound

router = Router(
    prefix=f"{PREFIX}/{{tenant}}/tenant-access",
    tags=["Access"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404, 409),
)


@router.get("", summary="Users of a tenant")
@needs(Permission.MEMBER_READ)
@takes_filters
async def listed(tenant: Tenant, node: Node, by: By, paging: Paged, q: Text = "") -> Response:
    """List the users that belong to the tenant, by name."""
    check_whole(by, Permission.MEMBER_READ, tenant)
    ids = await _ids(node, tenant)
    found, total = await node.access.members.search(
        "user", text=q, ids=sorted(ids), limit=paging.size, offset=paging.offset
    )
    return page([await _summary(node, tenant, each) for each in found], total)


@router.post("", summary="Let a user into a tenant", status_code=204)
@needs(Permission.MEMBER_MANAGE)
async def grant_by_email(tenant: Tenant, wanted: AccessByEmail, node: Node, by: By) -> Response:
    """Let the user with an e-mail address belong to the tenant, without a right so far."""
    check_whole(by, Permission.MEMBER_MANAGE, tenant)
    email = wanted.email.lower()
    found, _ = await node.access.members.search("user", text=email, limit=MAX_SIZE)
    same = [each for each in found if email in (each.email, each.username)]
    if len(same) != 1:
        raise NotFound("there is no user with this e-mail address")
    if same[0].id in await _ids(node, tenant):
        raise Conflict(f"{email} belongs to the tenant already")
    await belong(node, by, same[0], [tenant])
    return nothing()


@router.post("/autocomplete", summary="Complete the name of a user")
@needs(Permission.MEMBER_READ)
async def autocomplete(tenant: Tenant, typed: Completion, node: Node, by: By) -> Response:
    """List users of the tenant whose name holds a text, and those that were chosen before."""
    check_whole(by, Permission.MEMBER_READ, tenant)
    ids = await _ids(node, tenant)
    chosen = [each for each in typed.ids or () if each in ids]
    people = list((await node.access.members.by_ids(chosen)).values())
    if not typed.existing_only:
        text = typed.q or typed.username or ""
        found, _ = await node.access.members.search("user", text=text, ids=sorted(ids), limit=100)
        people += [each for each in found if each.id not in chosen]
    return Json([await _summary(node, tenant, each) for each in people])


@router.get("/{user_id}", summary="A user of a tenant")
@needs(Permission.MEMBER_READ)
async def get(tenant: Tenant, user_id: UserId, node: Node, by: By) -> Response:
    """Answer with what a user has in the tenant: groups, roles, and where each comes from."""
    check_whole(by, Permission.MEMBER_READ, tenant)
    member = await _of_tenant(node, tenant, user_id)
    return Json(
        {
            "tenantId": tenant,
            "userId": member.id,
            "username": member.username,
            "displayName": member.name,
            "groups": await _groups(node, tenant, member),
            "roles": await _assigned(node, tenant, member),
            "instanceOwner": await owns_instance(node, member),
        }
    )


@router.put("/{user_id}", summary="Let a user into a tenant", status_code=201)
@needs(Permission.MEMBER_MANAGE)
async def grant(tenant: Tenant, user_id: UserId, node: Node, by: By) -> Response:
    """Let a user belong to the tenant, without a right so far."""
    check_whole(by, Permission.MEMBER_MANAGE, tenant)
    await belong(node, by, await user_called(node, user_id), [tenant])
    return nothing(201)


@router.delete("/{user_id}", summary="Take a tenant from a user", status_code=204)
@needs(Permission.MEMBER_MANAGE)
async def revoke(tenant: Tenant, user_id: UserId, node: Node, by: By) -> Response:
    """Take every role and group in the tenant from a user."""
    check_whole(by, Permission.MEMBER_MANAGE, tenant)
    member = await _of_tenant(node, tenant, user_id)
    await check_above(node, by, member, tenant)
    await leave_tenant(node, by, member, tenant)
    return nothing()


async def _ids(node: Services, tenant: str) -> set[str]:
    """Return the ids of everybody with a role in the tenant, or in one of its groups."""
    bound = await node.access.bindings.members_of(tenant)
    found = {key for kind, key in bound if kind != "group"}
    groups = [key for kind, key in bound if kind == "group"]
    return found | await node.access.groups.members_within(tenant, groups)


async def _of_tenant(node: Services, tenant: str, user_id: str) -> Member:
    """Return a user of the tenant; others are not there."""
    member = await user_called(node, user_id)
    if member.id not in await _ids(node, tenant):
        raise NotFound(f"there is no user {user_id}")
    return member


async def _groups(node: Services, tenant: str, member: Member) -> list[dict[str, Any]]:
    found = await node.access.groups.of(member.id)
    mine = [each for each in found if each.tenant == tenant]
    return [{"id": each.id, "name": each.name, "external": False} for each in mine]


async def _summary(node: Services, tenant: str, member: Member) -> dict[str, Any]:
    return {
        "id": member.id,
        "username": member.username,
        "displayName": member.name,
        "description": member.description,
        "groups": await _groups(node, tenant, member),
        "auths": [{"name": each["name"], "type": each["type"]} for each in auths(member)],
    }


async def _assigned(node: Services, tenant: str, member: Member) -> list[dict[str, Any]]:
    """Return Kestra's `ApiRoleAssignment` of each role, and whether a group gives it."""
    groups = {each.id: each for each in await node.access.groups.of(member.id)}
    subjects: list[Any] = [(member.kind, member.id), *(("group", key) for key in groups)]
    found = await node.access.bindings.of(subjects)
    mine = [each for each in found if each.scope.tenant == tenant]
    roles = await roles_of(node, mine)
    return [
        {
            "id": each.role_id,
            "name": roles[each.role_id].name,
            "namespace": each.scope.namespace,
            "origin": "GROUP" if each.subject_kind == "group" else "BINDING",
            "sourceId": each.subject_id if each.subject_kind == "group" else each.id,
            "permissions": _permissions(to_kestra(roles[each.role_id].permissions).items()),
        }
        for each in mine
        if each.role_id in roles
    ]


def _permissions(found: Iterable[tuple[str, list[str]]]) -> list[dict[str, Any]]:
    return [{"resource": resource, "actions": actions} for resource, actions in found]
