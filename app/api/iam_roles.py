"""Roles of a tenant, in Kestra's shapes: the built-in ones, those of the instance, its own."""

from collections.abc import Sequence
from dataclasses import replace

from fastapi import Depends
from starlette.responses import Response

from app.access import ROLES, Permission, Scope
from app.access.kestra import OURS_ALONE, RESOURCES, from_kestra
from app.api.access import By, needs
from app.api.answers import Json, nothing, page
from app.api.documents import problems_of
from app.api.iam_documents import Completion, RoleWish, SomeIds
from app.api.iam_json import AnyRole, builtin_roles, role_detail, role_id, role_summary
from app.api.iam_parameters import Paged, RoleId, Text
from app.api.iam_rules import check_giving, check_whole, note, role_called
from app.api.paths import PREFIX, Tenant
from app.api.query import MAX_SIZE, known_keys, takes_filters
from app.api.routing import Router
from app.api.services import Node
from app.db.member_records import StoredRole
from app.errors import Conflict, Invalid, NotFound

router = Router(
    prefix=f"{PREFIX}/{{tenant}}/roles",
    tags=["Access"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404, 409),
)


@router.post("", summary="Create a role")
@needs(Permission.MEMBER_MANAGE)
async def create(tenant: Tenant, wish: RoleWish, node: Node, by: By) -> Response:
    """Make a role of the tenant; it means at most what its maker may do."""
    check_whole(by, Permission.MEMBER_MANAGE, tenant)
    now = node.clock.now()
    role = StoredRole(
        _free_name(wish.name), _permissions(wish), tenant, wish.description or "", now, now
    )
    check_giving(by, role, Scope(tenant))
    await node.access.roles.add(role)
    await note(
        node, by, tenant, "role.create", f"role/{role.name}", grants=sorted(role.permissions)
    )
    return Json(role_detail(role))


@router.get("/search", summary="Search roles")
@needs(Permission.MEMBER_READ)
@takes_filters
async def search(
    tenant: Tenant,
    node: Node,
    by: By,
    paging: Paged,
    q: Text = "",
) -> Response:
    """List the roles that the tenant may use: built-in ones first, then by name."""
    check_whole(by, Permission.MEMBER_READ, tenant)
    found = _holding(await _all(node, tenant), q)
    some = paging.part(found)
    return page([role_summary(each) for each in some], len(found))


@router.post("/autocomplete", summary="Complete the name of a role")
@needs(Permission.MEMBER_READ)
async def autocomplete(tenant: Tenant, typed: Completion, node: Node, by: By) -> Response:
    """List the roles whose name holds a text, and those that were chosen before."""
    check_whole(by, Permission.MEMBER_READ, tenant)
    every = await _all(node, tenant)
    chosen = [each for each in every if role_id(each) in (typed.ids or ())]
    found = [] if typed.existing_only else _holding(every, typed.q or "")
    shown = {role_id(each): each for each in (*chosen, *found)}
    return Json([role_summary(each) for each in shown.values()][:MAX_SIZE])


@router.post("/ids", summary="Roles by their ids")
@needs(Permission.MEMBER_READ)
async def by_ids(tenant: Tenant, wanted: SomeIds, node: Node, by: By) -> Response:
    """List the roles with these ids; those that there are not are left out."""
    check_whole(by, Permission.MEMBER_READ, tenant)
    found = [each for each in await _all(node, tenant) if role_id(each) in wanted.ids]
    return Json([role_detail(each) | {"deleted": False} for each in found])


@router.get("/{role_id}", summary="A role")
@needs(Permission.MEMBER_READ)
async def get(tenant: Tenant, role_id: RoleId, node: Node, by: By) -> Response:
    """Answer with a role and what it permits."""
    check_whole(by, Permission.MEMBER_READ, tenant)
    return Json(role_detail(await role_called(node, tenant, role_id)))


@router.put("/{role_id}", summary="Change a role")
@needs(Permission.MEMBER_MANAGE)
async def update(tenant: Tenant, role_id: RoleId, wish: RoleWish, node: Node, by: By) -> Response:
    """Change a role of the tenant; before and after, it means at most what the caller may do."""
    check_whole(by, Permission.MEMBER_MANAGE, tenant)
    old = await _own(node, tenant, role_id)
    check_giving(by, old, Scope(tenant))
    kept = old.permissions & OURS_ALONE if wish.grants is None else frozenset()
    name = wish.name if wish.name == old.name else _free_name(wish.name)
    text = old.description if wish.description is None else wish.description
    role = replace(
        old, name=name, permissions=_permissions(wish) | kept, description=text,
        updated_at=node.clock.now(),
    )  # fmt: skip
    check_giving(by, role, Scope(tenant))
    await node.access.roles.save(role)
    await note(
        node, by, tenant, "role.update", f"role/{role.name}", grants=sorted(role.permissions)
    )
    return Json(role_detail(role))


@router.delete("/{role_id}", summary="Delete a role", status_code=204)
@needs(Permission.MEMBER_MANAGE)
async def delete(tenant: Tenant, role_id: RoleId, node: Node, by: By) -> Response:
    """Delete a role of the tenant, and every binding of it."""
    check_whole(by, Permission.MEMBER_MANAGE, tenant)
    role = await _own(node, tenant, role_id)
    check_giving(by, role, Scope(tenant))
    await node.access.roles.remove(role.id)
    await note(node, by, tenant, "role.delete", f"role/{role.name}")
    return nothing()


async def _all(node: Node, tenant: str) -> list[AnyRole]:
    return [*builtin_roles(), *await node.access.roles.of(tenant)]


def _holding(roles: Sequence[AnyRole], text: str) -> list[AnyRole]:
    return [each for each in roles if text.lower() in each.name.lower()]


async def _own(node: Node, tenant: str, wanted: str) -> StoredRole:
    """Return a role that belongs to the tenant itself."""
    role = await role_called(node, tenant, wanted)
    if not isinstance(role, StoredRole):
        raise Conflict(f"the role {role.name} is built in")
    if role.tenant != tenant:
        raise NotFound(f"there is no role {wanted} of this tenant")
    return role


def _free_name(name: str) -> str:
    if name in ROLES:
        raise Conflict(f"the role {name} is built in")
    return name


def _permissions(wish: RoleWish) -> frozenset[Permission]:
    unknown = sorted(wish.permissions.keys() - RESOURCES)
    if unknown:
        raise Invalid(f"permissions: there is no resource {unknown[0]}")
    if wish.is_default:
        raise Invalid("isDefault: nobody has a role by default here")
    return from_kestra(wish.permissions) | frozenset(wish.grants or ())
