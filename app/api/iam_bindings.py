"""Bindings: who has which role in a tenant or in a namespace and all below it."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import Body, Depends, Query
from starlette.responses import Response

from app.access import INSTANCE, Caller, Permission, Scope
from app.api.access import By, lacking, needs, permit
from app.api.answers import Json, nothing, page
from app.api.documents import problems_of
from app.api.iam_documents import BindingWish, InstanceBindingWish
from app.api.iam_json import binding_detail
from app.api.iam_parameters import ID, BindingId, Paged
from app.api.iam_rules import (
    MOST,
    check_giving,
    end_of,
    group_called,
    note,
    role_called,
    roles_of,
    subject_called,
)
from app.api.paths import NAMESPACE_RULE, PREFIX, Tenant
from app.api.query import known_keys, takes_filters
from app.api.routing import Router
from app.api.services import Node
from app.db.member_records import Binding, SubjectKind
from app.errors import Forbidden, Invalid, NotFound

router = Router(
    prefix=f"{PREFIX}/{{tenant}}/bindings",
    tags=["Access"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404, 409),
)
instance = Router(
    prefix=f"{PREFIX}/instance/bindings",
    tags=["Access"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404, 409),
)


@router.post("", summary="Create a binding")
@needs(Permission.MEMBER_MANAGE)
async def create(tenant: Tenant, wish: BindingWish, node: Node, by: By) -> Response:
    """Give a role to a user, service account or group; at most what the caller may do there."""
    (made,) = await _bound(node, by, tenant, [wish])
    return Json((await _details(node, [made]))[0])


@router.post("/bulk", summary="Create bindings")
@needs(Permission.MEMBER_MANAGE)
async def create_all(
    tenant: Tenant,
    wishes: Annotated[list[BindingWish], Body(max_length=1_000)],
    node: Node,
    by: By,
) -> Response:
    """Give several roles, all or none."""
    return Json(await _details(node, await _bound(node, by, tenant, wishes)))


@router.get("/search", summary="Search bindings")
@needs(Permission.MEMBER_READ)
@takes_filters
async def search(
    tenant: Tenant,
    node: Node,
    by: By,
    paging: Paged,
    kind: Annotated[
        Literal["USER", "GROUP"] | None, Query(alias="type", description="Of whom.")
    ] = None,
    external_id: Annotated[
        str | None, Query(alias="id", pattern=ID, description="The id of who has it.")
    ] = None,
    namespace: Annotated[
        str | None, Query(pattern=NAMESPACE_RULE, description="Where exactly it holds.")
    ] = None,
) -> Response:
    """List bindings of the tenant, oldest first: those of places whose members one may see."""
    reach = by.reach(Permission.MEMBER_READ, tenant)
    every, _ = await node.access.bindings.search(tenant, namespace=namespace, limit=MOST)
    found = [
        each
        for each in every
        if reach.holds(each.scope.namespace)
        and kind in (None, _type(each))
        and external_id in (None, each.subject_id)
    ]
    some = paging.part(found)
    return page(await _details(node, some), len(found))


@router.get("/{binding_id}", summary="A binding")
@needs(Permission.MEMBER_READ)
async def get(tenant: Tenant, binding_id: BindingId, node: Node, by: By) -> Response:
    """Answer with a binding."""
    found = await _called(node, tenant, binding_id)
    permit(by, Permission.MEMBER_READ, tenant, found.scope.namespace, f"binding {binding_id}")
    return Json((await _details(node, [found]))[0])


@router.delete("/{binding_id}", summary="Delete a binding", status_code=204)
@needs(Permission.MEMBER_MANAGE)
async def delete(tenant: Tenant, binding_id: BindingId, node: Node, by: By) -> Response:
    """Take a role away; only who could give it may do so."""
    found = await _called(node, tenant, binding_id)
    permit(by, Permission.MEMBER_MANAGE, tenant, found.scope.namespace, f"binding {binding_id}")
    await _unbind(node, by, found)
    return nothing()


@instance.post("", summary="Create a binding anywhere")
@needs(Permission.INSTANCE_MANAGE)
async def create_anywhere(wish: InstanceBindingWish, node: Node, by: By) -> Response:
    """Give a role at the instance, in a tenant or namespace; to groups of the instance, too."""
    if wish.namespace_id is not None and wish.tenant is None:
        raise Invalid("namespaceId: a namespace needs its tenant")
    scope = Scope(wish.tenant, wish.namespace_id)
    kind = await _subject(node, wish.tenant or "", wish, instance=True)
    made = await _made(node, by, wish, scope, kind)
    await node.access.bindings.add([made])
    await _tell(node, by, "binding.create", made)
    return Json((await _details(node, [made]))[0])


@instance.get("", summary="Bindings of the instance")
@needs(Permission.INSTANCE_READ)
async def listed(node: Node, paging: Paged) -> Response:
    """List the bindings that hold everywhere, oldest first."""
    found, total = await node.access.bindings.search(None, limit=paging.size, offset=paging.offset)
    return page(await _details(node, found), total)


@instance.delete("/{binding_id}", summary="Delete a binding anywhere", status_code=204)
@needs(Permission.INSTANCE_MANAGE)
async def delete_anywhere(binding_id: BindingId, node: Node, by: By) -> Response:
    """Take a role away, wherever it holds."""
    found = await node.access.bindings.get(binding_id)
    if found is None:
        raise NotFound(f"there is no binding {binding_id}")
    await _unbind(node, by, found)
    return nothing()


async def _bound(
    node: Node, by: Caller, tenant: str, wishes: Sequence[BindingWish]
) -> list[Binding]:
    made = []
    for wish in wishes:
        scope = Scope(tenant, wish.namespace_id)
        if not by.may(Permission.MEMBER_MANAGE, tenant, wish.namespace_id):
            raise lacking(Permission.MEMBER_MANAGE)  # before it tells who there is
        kind = await _subject(node, tenant, wish)
        made.append(await _made(node, by, wish, scope, kind))
    await node.access.bindings.add(made)
    for each in made:
        await _tell(node, by, "binding.create", each)
    return made


async def _subject(
    node: Node, tenant: str, wish: BindingWish | InstanceBindingWish, *, instance: bool = False
) -> SubjectKind:
    """Return which kind of subject is meant; it is one that the place may know."""
    if wish.type == "USER":
        return (await subject_called(node, tenant, wish.external_id)).kind
    group = await node.access.groups.get(wish.external_id) if instance else None
    if group is None or group.tenant:
        await group_called(node, tenant, wish.external_id)
    return "group"


async def _made(
    node: Node,
    by: Caller,
    wish: BindingWish | InstanceBindingWish,
    scope: Scope,
    kind: SubjectKind,
) -> Binding:
    role = await role_called(node, scope.tenant or "", wish.role_id)
    check_giving(by, role, scope)
    return Binding(
        kind,
        wish.external_id,
        wish.role_id,
        scope,
        expires_at=end_of(node, wish.expires_in, "expiresIn"),
        created_by=by.id,
        created_at=node.clock.now(),
    )


async def _called(node: Node, tenant: str, binding_id: str) -> Binding:
    found = await node.access.bindings.get(binding_id)
    if found is None or found.scope.tenant != tenant:
        raise NotFound(f"there is no binding {binding_id}")
    return found


async def _unbind(node: Node, by: Caller, found: Binding) -> None:
    role = (await roles_of(node, [found])).get(found.role_id)
    if role is not None:
        check_giving(by, role, found.scope)
    if found.scope == INSTANCE and found.subject_id == by.id:
        raise Forbidden("you cannot take away a role of your own at the instance")
    await node.access.bindings.remove(found.id)
    await _tell(node, by, "binding.delete", found)


async def _tell(node: Node, by: Caller, action: str, binding: Binding) -> None:
    subject = f"{binding.subject_kind}/{binding.subject_id}"
    told: dict[str, Any] = {"role": binding.role_id, "namespace": binding.scope.namespace}
    await note(node, by, binding.scope.tenant, action, subject, **told)


async def _details(node: Node, bindings: Sequence[Binding]) -> list[dict[str, Any]]:
    roles = await roles_of(node, bindings)
    ids = [each.subject_id for each in bindings]
    groups = await node.access.groups.by_ids(ids)
    members = await node.access.members.by_ids(ids)
    return [binding_detail(each, roles, groups, members) for each in bindings]


def _type(binding: Binding) -> str:
    return "GROUP" if binding.subject_kind == "group" else "USER"
