"""Groups of the instance: those that login providers and `access.yaml` name."""

from fastapi import Depends
from starlette.responses import Response

from app.access import Permission
from app.api.access import By, needs
from app.api.answers import Json, nothing, page
from app.api.documents import problems_of
from app.api.iam_documents import GroupWish
from app.api.iam_json import group_member, group_summary
from app.api.iam_parameters import GroupId, Paged, Text, UserId
from app.api.iam_rules import check_group, group_called, note, subject_called
from app.api.paths import PREFIX
from app.api.query import known_keys
from app.api.routing import Router
from app.api.services import Node
from app.db.member_records import Group
from app.errors import NotFound

router = Router(
    prefix=f"{PREFIX}/instance/groups",
    tags=["Access"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404, 409),
)


@router.post("", summary="Create a group of the instance")
@needs(Permission.INSTANCE_MANAGE)
async def create(wish: GroupWish, node: Node, by: By) -> Response:
    """Make a group; whom a login provider puts into a group of this name is in it, too."""
    joining = [await subject_called(node, "", each) for each in wish.members_id or ()]
    now = node.clock.now()
    group = Group(wish.name, "", wish.description or "", now, now)
    await check_group(node, by, group)
    await node.access.groups.add(group)
    for each in joining:
        await node.access.groups.join(group.id, each.id)
    names = [each.username for each in joining]
    await note(node, by, None, "group.create", f"group/{group.name}", members=names)
    return Json(group_summary(group))


@router.get("", summary="Groups of the instance")
@needs(Permission.INSTANCE_READ)
async def listed(node: Node, paging: Paged, q: Text = "") -> Response:
    """List the groups of the instance by name."""
    found, total = await node.access.groups.search(
        "", text=q, limit=paging.size, offset=paging.offset
    )
    return page([group_summary(each) for each in found], total)


@router.delete("/{group_id}", summary="Delete a group of the instance", status_code=204)
@needs(Permission.INSTANCE_MANAGE)
async def delete(group_id: GroupId, node: Node, by: By) -> Response:
    """Delete a group; its members lose what it gave them."""
    group = await group_called(node, "", group_id)
    await check_group(node, by, group)
    await node.access.groups.remove(group.id)
    await note(node, by, None, "group.delete", f"group/{group.name}")
    return nothing()


@router.get("/{group_id}/members", summary="Members of a group of the instance")
@needs(Permission.INSTANCE_READ)
async def members(group_id: GroupId, node: Node, paging: Paged) -> Response:
    """List who was put into a group, by name; not whom a login provider puts there."""
    group = await group_called(node, "", group_id)
    found = await node.access.groups.members(group.id)
    people = await node.access.members.by_ids([each.member_id for each in found])
    ordered = sorted(people.values(), key=lambda each: each.username)
    known = {group.id: group}
    shown = [
        group_member(each, [own for own in found if own.member_id == each.id], known)
        for each in paging.part(ordered)
    ]
    return page(shown, len(ordered))


@router.put("/{group_id}/members/{user_id}", summary="Put somebody into it", status_code=204)
@needs(Permission.INSTANCE_MANAGE)
async def join(group_id: GroupId, user_id: UserId, node: Node, by: By) -> Response:
    """Put a user, or a service account of the instance, into a group."""
    group = await group_called(node, "", group_id)
    await check_group(node, by, group)
    member = await subject_called(node, "", user_id)
    await node.access.groups.join(group.id, member.id)
    await note(node, by, None, "group.join", f"group/{group.name}", user=member.username)
    return nothing()


@router.delete("/{group_id}/members/{user_id}", summary="Take somebody out", status_code=204)
@needs(Permission.INSTANCE_MANAGE)
async def leave(group_id: GroupId, user_id: UserId, node: Node, by: By) -> Response:
    """Take somebody out of a group."""
    group = await group_called(node, "", group_id)
    await check_group(node, by, group)
    member = await subject_called(node, "", user_id)
    if not await node.access.groups.leave(group.id, member.id):
        raise NotFound(f"{member.username} is not in the group {group.name}")
    await note(node, by, None, "group.leave", f"group/{group.name}", user=member.username)
    return nothing()
