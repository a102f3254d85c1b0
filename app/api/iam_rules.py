"""What holds for all changes of who may do what: found by id, never more than one has, audited."""

from collections.abc import Iterable
from typing import Any

from app.access import INSTANCE, ROLES, Caller, Grant, Permission, Scope
from app.access.delegation import may_give, may_give_all
from app.access.document import Subject
from app.api.access import lacking
from app.api.entitlements import Entitlements
from app.api.iam_json import AnyRole
from app.api.services import Services
from app.api.times import instant
from app.db.audit import AuditEntry
from app.db.member_records import Binding, Group, Member
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.flows.durations import parse_duration

INSTANCE_ADMIN = "instance-admin"
BELONGS = "member"
"""The role of those who belong to a tenant and may do nothing yet."""
MOST = 10_000
"""Bindings of one tenant that a list looks through."""
_MICROSECONDS = 1_000_000


def check_whole(caller: Caller, permission: Permission, tenant: str) -> None:
    """Let pass who has a permission in a whole tenant.

    Raises:
        Forbidden: for others, also for those who have it in some namespaces.
    """
    if not caller.may(permission, tenant):
        raise lacking(permission)


def check_giving(caller: Caller, role: AnyRole, scope: Scope) -> None:
    """Let pass who may manage members in a place, and has all that a role means there.

    Raises:
        Forbidden: for others.
    """
    manages = Permission.INSTANCE_MANAGE if scope == INSTANCE else Permission.MEMBER_MANAGE
    if not caller.may(manages, scope.tenant, scope.namespace):
        raise lacking(manages)
    if not may_give(caller, role.permissions, scope):
        message = f"the role {role.name} means more than you may do there yourself"
        raise Forbidden(message)


async def check_above(
    node: Services, caller: Caller, member: Member, tenant: str | None = None
) -> None:
    """Let pass who may do all that a member may do: who has its credentials acts in its name.

    What it has by its name counts, too: `access.yaml` names people who are not there yet. With a
    tenant, only what the member has there counts.

    Raises:
        Forbidden: for others.
    """
    theirs = (await rights_of(node, member)).grants
    if tenant is not None:
        theirs = tuple(each for each in theirs if each.scope.tenant == tenant)
    if not may_give_all(caller, theirs):
        message = f"{member.username} may do more than you may do yourself"
        raise Forbidden(message)


async def check_group(node: Services, caller: Caller, group: Group) -> None:
    """Let pass who may do all that the members of a group may do.

    Raises:
        Forbidden: for others.
    """
    found = await node.access.bindings.of([("group", group.id)])
    roles = await roles_of(node, found)
    given = [
        Grant(roles[each.role_id].permissions, each.scope)
        for each in found
        if each.role_id in roles
    ]
    if not group.tenant:  # access.yaml may mean it by its name
        document = await _entitlements(node).document()
        subject = Subject(groups=frozenset({group.name}))
        given += document.grants(subject, instant(node.clock.now()))
    if not may_give_all(caller, given):
        message = f"the members of {group.name} may do more than you may do yourself"
        raise Forbidden(message)


def check_not_self(caller: Caller, member: Member, what: str) -> None:
    """Refuse what somebody would regret at once.

    Raises:
        Conflict: when it is the caller's own account.
    """
    if caller.id == member.id:
        raise Conflict(f"you cannot {what} yourself; another administrator can")


async def rights_of(node: Services, member: Member) -> Caller:
    """Return a member as a caller, with all its rights."""
    return await _entitlements(node).caller(member, node.clock.now())


def _entitlements(node: Services) -> Entitlements:
    return Entitlements(node.access, node.settings.access.source)


async def roles_of(node: Services, bindings: Iterable[Binding]) -> dict[str, AnyRole]:
    """Return the roles of bindings, by id."""
    ids = {each.role_id for each in bindings}
    stored = await node.access.roles.by_ids(ids - ROLES.keys())
    return {**{name: ROLES[name] for name in ids & ROLES.keys()}, **stored}


async def role_called(node: Services, tenant: str, role_id: str) -> AnyRole:
    """Return a role that a tenant may use ("": the instance); raises `NotFound`."""
    if role_id in ROLES:
        return ROLES[role_id]
    role = await node.access.roles.get(role_id)
    if role is None or role.tenant not in ("", tenant):
        raise NotFound(f"there is no role {role_id}")
    return role


async def group_called(node: Services, tenant: str, group_id: str) -> Group:
    """Return a group of a tenant ("": of the instance); raises `NotFound`."""
    group = await node.access.groups.get(group_id)
    if group is None or group.tenant != tenant:
        raise NotFound(f"there is no group {group_id}")
    return group


async def user_called(node: Services, user_id: str) -> Member:
    """Return a user; raises `NotFound`."""
    member = await node.access.members.get(user_id)
    if member is None or member.kind != "user":
        raise NotFound(f"there is no user {user_id}")
    return member


async def account_called(node: Services, tenant: str | None, account_id: str) -> Member:
    """Return a service account (of a tenant; None: of anywhere); raises `NotFound`."""
    member = await node.access.members.get(account_id)
    elsewhere = member is not None and tenant is not None and member.tenant != tenant
    if member is None or member.kind != "service-account" or elsewhere:
        raise NotFound(f"there is no service account {account_id}")
    return member


async def subject_called(node: Services, tenant: str, subject_id: str) -> Member:
    """Return a user, or a service account of a tenant or of the instance; raises `NotFound`."""
    member = await node.access.members.get(subject_id)
    if member is None or (member.kind != "user" and member.tenant not in ("", tenant)):
        raise NotFound(f"there is no user {subject_id}")
    return member


async def tenants_of(node: Services, member: Member, groups: Iterable[Group]) -> list[str]:
    """Return the tenants that somebody belongs to."""
    subjects: list[Any] = [(member.kind, member.id), *(("group", each.id) for each in groups)]
    bound = await node.access.bindings.of(subjects)
    names = {each.scope.tenant for each in bound} | {each.tenant for each in groups}
    return sorted(name for name in names | {member.tenant} if name)


async def owns_instance(node: Services, member: Member) -> bool:
    """Whether somebody administers the instance."""
    return (await rights_of(node, member)).may(Permission.INSTANCE_MANAGE)


def end_of(node: Services, text: str | None, name: str) -> int | None:
    """Return when something ends that lasts for a duration from now on (µs).

    Raises:
        Invalid: when the text is no duration of the future.
    """
    if text is None:
        return None
    try:
        micros = int(parse_duration(text).total_seconds() * _MICROSECONDS)
        instant(node.clock.now() + micros)
    except (ValueError, OverflowError):
        micros = 0
    if micros <= 0:
        raise Invalid(f"{name}: a duration is needed, such as P30D")
    return node.clock.now() + micros


async def note(
    node: Services, caller: Caller, tenant: str | None, action: str, target: str, **detail: Any
) -> None:
    """Write into the audit log who changed what; never a secret."""
    entry = AuditEntry(
        tenant or "", node.clock.now(), caller.name or caller.id, action, target, detail=detail
    )
    await node.audit.add(entry)
