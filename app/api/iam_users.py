"""Users of the instance, in Kestra's shapes."""

import asyncio
from dataclasses import replace
from typing import Any

from fastapi import Depends
from starlette.responses import Response

from app.access import Caller, Permission
from app.access.passwords import hash_password, weakness
from app.api.access import By, needs
from app.api.answers import Json, nothing, page
from app.api.documents import problems_of
from app.api.iam_documents import (
    Ownership,
    Restriction,
    UserDetails,
    UserWish,
)
from app.api.iam_json import user_detail, user_summary
from app.api.iam_ownership import belong, set_owner
from app.api.iam_parameters import Paged, Text, UserId
from app.api.iam_rules import (
    check_above,
    check_group,
    check_not_self,
    note,
    owns_instance,
    tenants_of,
    user_called,
)
from app.api.paths import PREFIX
from app.api.query import known_keys, takes_filters
from app.api.routing import Router
from app.api.services import Node, Services
from app.db.member_records import Group, Member
from app.errors import Conflict, Invalid, NotFound

router = Router(
    prefix=f"{PREFIX}/users",
    tags=["Access"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404, 409),
)


@router.post("", summary="Create a user")
@needs(Permission.INSTANCE_MANAGE)
async def create(wish: UserWish, node: Node, by: By) -> Response:
    """Make a user; with a password, or for a login by a provider."""
    groups = [await _group(node, by, each) for each in wish.groups or ()]
    now = node.clock.now()
    member = Member(
        "user",
        (wish.username or wish.email).lower(),
        email=wish.email.lower(),
        first_name=wish.first_name or "",
        last_name=wish.last_name or "",
        password=await hashed(wish.password),
        disabled=bool(wish.restricted),
        created_at=now,
        updated_at=now,
    )
    await check_above(node, by, member)
    await node.access.members.add(member)
    await note(node, by, None, "user.create", f"user/{member.username}")
    for each in groups:
        await node.access.groups.join(each.id, member.id)
    await belong(node, by, member, wish.tenants or ())
    if wish.instance_owner or wish.super_admin:
        await set_owner(node, by, member, owner=True)
    return Json(await detail(node, member))


@router.get("", summary="Users")
@needs(Permission.INSTANCE_READ)
@takes_filters
async def listed(node: Node, paging: Paged, q: Text = "") -> Response:
    """List the users by name."""
    found, total = await node.access.members.search(
        "user", text=q, limit=paging.size, offset=paging.offset
    )
    return page([await _summary(node, each) for each in found], total)


@router.get("/{user_id}", summary="A user")
@needs(Permission.INSTANCE_READ)
async def get(user_id: UserId, node: Node) -> Response:
    """Answer with a user."""
    return Json(await detail(node, await user_called(node, user_id)))


@router.put("/{user_id}", summary="Replace a user")
@needs(Permission.INSTANCE_MANAGE)
async def update(user_id: UserId, wish: UserWish, node: Node, by: By) -> Response:
    """Change all of a user; what is left out stays as it is."""
    member = await user_called(node, user_id)
    await check_above(node, by, member)
    groups = None if wish.groups is None else [await _group(node, by, i) for i in wish.groups]
    changed = replace(
        member,
        username=(wish.username or member.username).lower(),
        email=wish.email.lower(),
        first_name=_or(wish.first_name, member.first_name),
        last_name=_or(wish.last_name, member.last_name),
        password=await hashed(wish.password) or member.password,
        disabled=_or(wish.restricted, member.disabled),
    )
    await check_above(node, by, changed)
    await save(node, by, member, changed)
    if wish.password is not None:
        await node.access.sessions.end_of(member.id, but=by.session_id or "")
    if groups is not None:
        await _regroup(node, by, member, groups)
    await belong(node, by, member, wish.tenants or ())
    owner = _or(wish.super_admin, wish.instance_owner)
    if owner is not None:
        await set_owner(node, by, member, owner=owner)
    return Json(await detail(node, changed))


@router.patch("/{user_id}", summary="Change a user")
@needs(Permission.INSTANCE_MANAGE)
async def patch(user_id: UserId, wish: UserDetails, node: Node, by: By) -> Response:
    """Change name and e-mail address."""
    member = await user_called(node, user_id)
    await check_above(node, by, member)
    changed = described(member, wish)
    await save(node, by, member, changed)
    return Json(await detail(node, changed))


@router.patch("/{user_id}/restricted", summary="Keep a user from logging in", status_code=204)
@needs(Permission.INSTANCE_MANAGE)
async def restrict(user_id: UserId, wish: Restriction, node: Node, by: By) -> Response:
    """Disable a user (its sessions and tokens work no more), or enable it again."""
    member = await user_called(node, user_id)
    await check_above(node, by, member)
    await save(node, by, member, replace(member, disabled=wish.restricted))
    return nothing()


@router.patch("/{user_id}/superadmin", summary="Make a user an administrator", status_code=204)
@needs(Permission.INSTANCE_MANAGE)
async def set_super_admin(user_id: UserId, wish: Ownership, node: Node, by: By) -> Response:
    """Say whether a user administers the instance (Kestra's older name)."""
    return await set_instance_owner(user_id, wish, node, by)


@router.patch("/{user_id}/instanceowner", summary="Make a user an owner", status_code=204)
@needs(Permission.INSTANCE_MANAGE)
async def set_instance_owner(user_id: UserId, wish: Ownership, node: Node, by: By) -> Response:
    """Say whether a user administers the instance."""
    member = await user_called(node, user_id)
    await set_owner(node, by, member, owner=wish.value())
    return nothing()


@router.delete("/{user_id}", summary="Delete a user", status_code=204)
@needs(Permission.INSTANCE_MANAGE)
async def delete(user_id: UserId, node: Node, by: By) -> Response:
    """Delete a user with its sessions, tokens, roles and memberships."""
    member = await user_called(node, user_id)
    check_not_self(by, member, "delete")
    await check_above(node, by, member)
    await node.access.members.remove(member.id)
    await note(node, by, None, "user.delete", f"user/{member.username}")
    return nothing()


# -- within --------------------------------------------------------------------------------------


async def hashed(password: str | None) -> str | None:
    """Return what is kept of a new password, None for none.

    Raises:
        Invalid: when it is too weak.
    """
    if password is None:
        return None
    if (reason := weakness(password)) is not None:
        raise Invalid(f"password: {reason}")
    return await asyncio.to_thread(hash_password, password)


def described(member: Member, wish: UserDetails) -> Member:
    """Return a user with another name or address, where one is given."""
    email = member.email if wish.email is None else wish.email.lower()
    if member.issuer and email != member.email:
        raise Conflict("email: it is what the login provider says")
    return replace(
        member,
        email=email,
        first_name=_or(wish.first_name, member.first_name),
        last_name=_or(wish.last_name, member.last_name),
    )


async def save(node: Services, by: Caller, before: Member, after: Member) -> None:
    """Store what changed of a user, and note which fields: never what is in them."""
    if after.disabled and not before.disabled:
        check_not_self(by, before, "disable")
    await node.access.members.save(replace(after, updated_at=node.clock.now()))
    fields = ("username", "email", "first_name", "last_name", "password", "disabled", "issuer")
    changed = [each for each in fields if getattr(before, each) != getattr(after, each)]
    await note(node, by, None, "user.update", f"user/{after.username}", changed=changed)


async def _group(node: Services, by: Caller, group_id: str) -> Group:
    group = await node.access.groups.get(group_id)
    if group is None:
        raise NotFound(f"there is no group {group_id}")
    await check_group(node, by, group)
    return group


async def _regroup(node: Services, by: Caller, member: Member, wanted: list[Group]) -> None:
    old = {each.id: each for each in await node.access.groups.of(member.id)}
    new = {each.id: each for each in wanted}
    for key in sorted(new.keys() - old.keys()):
        await node.access.groups.join(key, member.id)
    for key in sorted(old.keys() - new.keys()):
        await node.access.groups.leave(key, member.id)
    names = sorted(each.name for each in wanted)
    await note(node, by, None, "user.groups", f"user/{member.username}", groups=names)


async def detail(node: Services, member: Member) -> dict[str, Any]:
    """Return a user as Kestra shows it."""
    groups = await node.access.groups.of(member.id)
    tenants = await tenants_of(node, member, groups)
    return user_detail(member, tenants, groups, owner=await owns_instance(node, member))


async def _summary(node: Services, member: Member) -> dict[str, Any]:
    tenants = await tenants_of(node, member, await node.access.groups.of(member.id))
    return user_summary(member, tenants, owner=await owns_instance(node, member))


def _or(given: Any, otherwise: Any) -> Any:
    return otherwise if given is None else given
