"""Groups of a tenant and who is in them, in Kestra's shapes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Literal

from fastapi import Depends, Query
from starlette.responses import Response

from app.access import Caller, Permission
from app.api.access import By, lacking, needs, needs_login
from app.api.answers import Json, nothing, page
from app.api.documents import problems_of
from app.api.iam_documents import Completion, GroupWish, SomeIds, UserGroups
from app.api.iam_json import group_member, group_summary
from app.api.iam_parameters import GroupId, Paged, Text, UserId
from app.api.iam_rules import check_group, check_whole, group_called, note, subject_called
from app.api.paths import PREFIX, Tenant
from app.api.query import MAX_SIZE, known_keys, takes_filters
from app.api.routing import Router
from app.api.services import Node
from app.db.member_records import Group, Member
from app.errors import Invalid, NotFound

router = Router(
    prefix=f"{PREFIX}/{{tenant}}/groups",
    tags=["Access"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404, 409),
)
members = Router(
    prefix=f"{PREFIX}/{{tenant}}/users",
    tags=["Access"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404),
)


@router.post("", summary="Create a group")
@needs(Permission.MEMBER_MANAGE)
async def create(tenant: Tenant, wish: GroupWish, node: Node, by: By) -> Response:
    """Make a group, with members if there are any named."""
    check_whole(by, Permission.MEMBER_MANAGE, tenant)
    joining = [await subject_called(node, tenant, each) for each in wish.members_id or ()]
    now = node.clock.now()
    group = Group(wish.name, tenant, wish.description or "", now, now)
    await node.access.groups.add(group)
    for each in joining:
        await node.access.groups.join(group.id, each.id)
    names = [each.username for each in joining]
    await note(node, by, tenant, "group.create", f"group/{group.name}", members=names)
    return Json(group_summary(group))


@router.get("/search", summary="Search groups")
@needs(Permission.MEMBER_READ)
@takes_filters
async def search(
    tenant: Tenant,
    node: Node,
    by: By,
    paging: Paged,
    q: Text = "",
) -> Response:
    """List the groups of the tenant by name."""
    check_whole(by, Permission.MEMBER_READ, tenant)
    found, total = await node.access.groups.search(
        tenant, text=q, limit=paging.size, offset=paging.offset
    )
    return page([group_summary(each) for each in found], total)


@router.post("/autocomplete", summary="Complete the name of a group")
@needs(Permission.MEMBER_READ)
@takes_filters
async def autocomplete(tenant: Tenant, typed: Completion, node: Node, by: By) -> Response:
    """List the groups whose name holds a text, and those that were chosen before."""
    check_whole(by, Permission.MEMBER_READ, tenant)
    chosen = await _of_tenant(node, tenant, typed.ids or ())
    found: Sequence[Group] = ()
    if not typed.existing_only:
        found, _ = await node.access.groups.search(tenant, text=typed.q or "", limit=MAX_SIZE)
    shown = {each.id: each for each in (*chosen, *found)}
    return Json([group_summary(each) for each in shown.values()])


@router.post("/ids", summary="Groups by their ids")
@needs(Permission.MEMBER_READ)
async def by_ids(tenant: Tenant, wanted: SomeIds, node: Node, by: By) -> Response:
    """List the groups with these ids; those that there are not are left out."""
    check_whole(by, Permission.MEMBER_READ, tenant)
    found = await _of_tenant(node, tenant, wanted.ids)
    return Json([group_summary(each) for each in found])


@router.get("/{group_id}", summary="A group")
@needs(Permission.MEMBER_READ)
async def get(tenant: Tenant, group_id: GroupId, node: Node, by: By) -> Response:
    """Answer with a group."""
    check_whole(by, Permission.MEMBER_READ, tenant)
    return Json(group_summary(await group_called(node, tenant, group_id)))


@router.put("/{group_id}", summary="Change a group")
@needs(Permission.MEMBER_MANAGE)
async def update(
    tenant: Tenant, group_id: GroupId, wish: GroupWish, node: Node, by: By
) -> Response:
    """Change name and description of a group."""
    check_whole(by, Permission.MEMBER_MANAGE, tenant)
    if wish.members_id is not None:
        raise Invalid("membersId: members join and leave by /members/{user}")
    old = await group_called(node, tenant, group_id)
    text = old.description if wish.description is None else wish.description
    group = replace(old, name=wish.name, description=text, updated_at=node.clock.now())
    await node.access.groups.save(group)
    await note(node, by, tenant, "group.update", f"group/{group.name}", before=old.name)
    return Json(group_summary(group))


@router.delete("/{group_id}", summary="Delete a group", status_code=204)
@needs(Permission.MEMBER_MANAGE)
async def delete(tenant: Tenant, group_id: GroupId, node: Node, by: By) -> Response:
    """Delete a group; its members lose what it gave them."""
    check_whole(by, Permission.MEMBER_MANAGE, tenant)
    group = await group_called(node, tenant, group_id)
    await check_group(node, by, group)
    await node.access.groups.remove(group.id)
    await note(node, by, tenant, "group.delete", f"group/{group.name}")
    return nothing()


@router.get("/{group_id}/members", summary="Members of a group")
@needs(Permission.MEMBER_READ)
@takes_filters
async def listed(
    tenant: Tenant,
    group_id: GroupId,
    node: Node,
    by: By,
    paging: Paged,
) -> Response:
    """List who is in a group, by name."""
    check_whole(by, Permission.MEMBER_READ, tenant)
    group = await group_called(node, tenant, group_id)
    found = await node.access.groups.members(group.id)
    people = await node.access.members.by_ids([each.member_id for each in found])
    ordered = sorted(people.values(), key=lambda each: each.username)
    some = paging.part(ordered)
    return page([await _shown(node, tenant, each) for each in some], len(ordered))


@router.put("/{group_id}/members/membership/{user_id}", summary="Make a member an owner, or not")
@needs(Permission.MEMBER_MANAGE)
async def promote(
    tenant: Tenant,
    group_id: GroupId,
    user_id: UserId,
    node: Node,
    by: By,
    membership: Annotated[Literal["OWNER", "MEMBER"], Query(description="As what.")],
) -> Response:
    """Say whether somebody in a group is one of its owners: these may choose its members."""
    check_whole(by, Permission.MEMBER_MANAGE, tenant)
    group = await group_called(node, tenant, group_id)
    await check_group(node, by, group)
    member = await subject_called(node, tenant, user_id)
    if all(each.member_id != member.id for each in await node.access.groups.members(group.id)):
        raise NotFound(f"{member.username} is not in the group {group.name}")
    await node.access.groups.join(group.id, member.id, membership)
    told = {"user": member.username, "to": membership}
    await note(node, by, tenant, "group.promote", f"group/{group.name}", **told)
    return Json(await _shown(node, tenant, member))


@router.put("/{group_id}/members/{user_id}", summary="Put somebody into a group")
@needs_login("owners of a group choose its members; others need member:manage, checked inside")
async def join(tenant: Tenant, group_id: GroupId, user_id: UserId, node: Node, by: By) -> Response:
    """Put a user or service account into a group: it may do then what the group may do."""
    group = await _chosen(node, by, tenant, group_id)
    member = await subject_called(node, tenant, user_id)
    if all(each.member_id != member.id for each in await node.access.groups.members(group.id)):
        await node.access.groups.join(group.id, member.id)
        await note(node, by, tenant, "group.join", f"group/{group.name}", user=member.username)
    return Json(await _shown(node, tenant, member))


@router.delete("/{group_id}/members/{user_id}", summary="Take somebody out of a group")
@needs_login("owners of a group choose its members; others need member:manage, checked inside")
async def leave(tenant: Tenant, group_id: GroupId, user_id: UserId, node: Node, by: By) -> Response:
    """Take somebody out of a group."""
    group = await _chosen(node, by, tenant, group_id)
    member = await subject_called(node, tenant, user_id)
    if not await node.access.groups.leave(group.id, member.id):
        raise NotFound(f"{member.username} is not in the group {group.name}")
    await note(node, by, tenant, "group.leave", f"group/{group.name}", user=member.username)
    return Json(await _shown(node, tenant, member))


@members.put("/{user_id}/groups", summary="Set the groups of a user", status_code=204)
@needs(Permission.MEMBER_MANAGE)
async def set_groups(
    tenant: Tenant, user_id: UserId, wanted: UserGroups, node: Node, by: By
) -> Response:
    """Put a user into exactly these groups of the tenant; those elsewhere stay."""
    check_whole(by, Permission.MEMBER_MANAGE, tenant)
    member = await subject_called(node, tenant, user_id)
    groups = [await group_called(node, tenant, each) for each in dict.fromkeys(wanted.group_ids)]
    old = {each.id: each for each in await node.access.groups.of(member.id)}
    fresh = [each for each in groups if each.id not in old]
    gone = [each for each in old.values() if each.tenant == tenant and each not in groups]
    for each in (*fresh, *gone):
        await check_group(node, by, each)
    for each in fresh:
        await node.access.groups.join(each.id, member.id)
    for each in gone:
        await node.access.groups.leave(each.id, member.id)
    names = sorted(each.name for each in groups)
    await note(node, by, tenant, "user.groups", f"user/{member.username}", groups=names)
    return nothing()


async def _chosen(node: Node, by: Caller, tenant: str, group_id: str) -> Group:
    """Return a group whose members the caller may choose.

    Raises:
        Forbidden: to who may neither manage members nor owns the group.
    """
    manages = by.may(Permission.MEMBER_MANAGE, tenant)
    group = await node.access.groups.get(group_id)
    owned = False
    if group is not None and group.tenant == tenant and by.limit is None:
        members = await node.access.groups.members(group.id)
        owned = any(each.member_id == by.id and each.kind == "OWNER" for each in members)
    if not (manages or owned):
        raise lacking(Permission.MEMBER_MANAGE)
    found = await group_called(node, tenant, group_id)
    if not owned:
        await check_group(node, by, found)
    return found


async def _of_tenant(node: Node, tenant: str, ids: Sequence[str]) -> list[Group]:
    found = await node.access.groups.by_ids(ids)
    return [each for each in found.values() if each.tenant == tenant]


async def _shown(node: Node, tenant: str, member: Member) -> dict[str, object]:
    memberships = await node.access.groups.memberships(member.id)
    groups = await node.access.groups.by_ids([each.group_id for each in memberships])
    mine = {key: each for key, each in groups.items() if each.tenant == tenant}
    return group_member(member, memberships, mine)
