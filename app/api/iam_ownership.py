"""Who administers the instance, and who belongs to which tenants."""

from collections.abc import Sequence

from app.access import INSTANCE, ROLES, Caller, Scope
from app.api.iam_rules import BELONGS, INSTANCE_ADMIN, check_giving, check_not_self, note
from app.api.services import Services
from app.db.member_records import Binding, Member
from app.errors import Conflict


async def set_owner(node: Services, by: Caller, member: Member, *, owner: bool) -> None:
    """Make somebody an administrator of the instance, or no longer.

    Raises:
        Forbidden: to who is none. Conflict: for oneself, and where a group or `access.yaml` says
            otherwise.
    """
    check_giving(by, ROLES[INSTANCE_ADMIN], INSTANCE)
    bound = await node.access.bindings.of([(member.kind, member.id)])
    mine = [each for each in bound if each.role_id == INSTANCE_ADMIN and each.scope == INSTANCE]
    if owner == bool(mine):
        return
    if owner:
        now = node.clock.now()
        made = Binding(
            member.kind, member.id, INSTANCE_ADMIN, INSTANCE, created_by=by.id, created_at=now
        )
        await node.access.bindings.add([made])
    else:
        check_not_self(by, member, "take the administration of the instance from")
        for each in mine:
            await node.access.bindings.remove(each.id)
    target = f"{member.kind}/{member.username}"
    await note(node, by, None, "instance.owner", target, owner=owner)


async def belong(node: Services, by: Caller, member: Member, tenants: Sequence[str]) -> None:
    """Let somebody belong to tenants, without a right there so far; to others as before."""
    bound = await node.access.bindings.of([(member.kind, member.id)])
    known = {each.scope.tenant for each in bound}
    fresh = [each for each in dict.fromkeys(tenants) if each not in known]
    now = node.clock.now()
    await node.access.bindings.add(
        [
            Binding(member.kind, member.id, BELONGS, Scope(each), created_by=by.id, created_at=now)
            for each in fresh
        ]
    )
    for each in fresh:
        await note(node, by, each, "tenant-access.grant", f"{member.kind}/{member.username}")


async def leave_tenant(node: Services, by: Caller, member: Member, tenant: str) -> None:
    """Take everything in a tenant from somebody: bindings, and the tenant's groups.

    Raises:
        Conflict: when it would be one's own access.
    """
    if by.id == member.id:
        raise Conflict("you cannot take your own access away; another administrator can")
    for binding in await node.access.bindings.of([(member.kind, member.id)]):
        if binding.scope.tenant == tenant:
            await node.access.bindings.remove(binding.id)
    for group in await node.access.groups.of(member.id):
        if group.tenant == tenant:
            await node.access.groups.leave(group.id, member.id)
    target = f"{member.kind}/{member.username}"
    await note(node, by, tenant, "tenant-access.revoke", target)
