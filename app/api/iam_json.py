"""Users, groups, roles, bindings, service accounts and tokens as Kestra's API shows them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.access import ROLES, Role
from app.access.kestra import to_kestra
from app.api.times import instant
from app.db.member_records import Binding, Group, Member, Membership, StoredRole, Token

AnyRole = Role | StoredRole


def role_id(role: AnyRole) -> str:
    """Return the id of a role; of a built-in one its name."""
    return role.id if isinstance(role, StoredRole) else role.name


def role_summary(role: AnyRole) -> dict[str, Any]:
    """Return Kestra's `ApiRoleSummary`."""
    return {
        "id": role_id(role),
        "name": role.name,
        "isDefault": False,
        "isManaged": isinstance(role, Role),
        "permissionCount": len(role.permissions),
    }


def role_detail(role: AnyRole) -> dict[str, Any]:
    """Return Kestra's `ApiRoleDetail`, with our own names of the permissions beside Kestra's."""
    return {
        "id": role_id(role),
        "name": role.name,
        "description": role.description,
        "permissions": to_kestra(role.permissions),
        "grants": sorted(role.permissions),
        "isDefault": False,
        "isManaged": isinstance(role, Role),
    }


def group_summary(group: Group) -> dict[str, Any]:
    """Return Kestra's `ApiGroupSummary`."""
    return {"id": group.id, "name": group.name, "description": group.description}


def group_member(
    member: Member, memberships: Iterable[Membership], groups: Mapping[str, Group]
) -> dict[str, Any]:
    """Return Kestra's `ApiGroupMember`: somebody, and the groups that they are in."""
    return {
        "id": member.id,
        "username": member.username,
        "displayName": member.name,
        "groups": [
            {
                "id": each.group_id,
                "name": groups[each.group_id].name,
                "external": False,
                "membership": each.kind,
            }
            for each in memberships
            if each.group_id in groups
        ],
    }


def binding_detail(
    binding: Binding,
    roles: Mapping[str, AnyRole],
    groups: Mapping[str, Group],
    members: Mapping[str, Member],
) -> dict[str, Any]:
    """Return Kestra's `ApiBindingDetail`; what is bound is found in the maps, by id."""
    role = roles.get(binding.role_id)
    detail: dict[str, Any] = {
        "id": binding.id,
        "type": "GROUP" if binding.subject_kind == "group" else "USER",
        "tenant": binding.scope.tenant,
        "namespace": binding.scope.namespace,
        "role": {"id": binding.role_id, "name": role.name if role else binding.role_id},
        "expiresAt": None if binding.expires_at is None else instant(binding.expires_at),
    }
    if group := groups.get(binding.subject_id):
        detail["group"] = {"id": group.id, "name": group.name}
    if member := members.get(binding.subject_id):
        detail["user"] = {
            "id": member.id,
            "username": member.username,
            "displayName": member.name,
            "type": user_type(member),
        }
    return detail


def user_type(member: Member) -> str:
    """Return Kestra's `UserType`."""
    return "STANDARD" if member.kind == "user" else "SERVICE_ACCOUNT"


def auths(member: Member) -> list[dict[str, Any]]:
    """Return how a user can log in: never with what."""
    found = []
    if member.password is not None:
        found.append({"id": "basic", "name": "basic", "type": "BASIC_AUTH"})
    if member.issuer:
        found.append({"id": "oidc", "name": member.issuer, "type": "OIDC"})
    return found


def user_summary(member: Member, tenants: Sequence[str], *, owner: bool) -> dict[str, Any]:
    """Return Kestra's `ApiUserSummary`."""
    return {
        "id": member.id,
        "username": member.username,
        "displayName": member.name,
        "email": member.email,
        "tenants": [{"id": each, "name": each} for each in tenants],
        "auths": auths(member),
        "instanceOwner": owner,
        "superAdmin": owner,
        "restricted": member.disabled,
    }


def user_detail(
    member: Member, tenants: Sequence[str], groups: Sequence[Group], *, owner: bool
) -> dict[str, Any]:
    """Return Kestra's `ApiUser`."""
    return user_summary(member, tenants, owner=owner) | {
        "firstName": member.first_name,
        "lastName": member.last_name,
        "groups": [{"id": each.id, "tenantId": each.tenant or None} for each in groups],
        "createdAt": instant(member.created_at),
        "lastLoginAt": None if member.last_login_at is None else instant(member.last_login_at),
    }


def account_detail(
    member: Member, tenants: Sequence[str], groups: Sequence[Group], *, owner: bool
) -> dict[str, Any]:
    """Return Kestra's `ApiServiceAccountDetail` and `ApiServiceAccountResponse` in one."""
    return {
        "id": member.id,
        "name": member.username,
        "description": member.description,
        "tenants": [{"id": each, "name": each} for each in tenants],
        "groups": [{"id": each.id} for each in groups],
        "instanceOwner": owner,
        "superAdmin": owner,
    }


def token_detail(token: Token, now: int) -> dict[str, Any]:
    """Return Kestra's `ApiToken`, with what it may do at most."""
    limits = token.limits
    return {
        "id": token.id,
        "name": token.name,
        "description": token.description,
        "prefix": f"hw_{token.id}",
        "iat": instant(token.created_at),
        "exp": instant(token.expires_at),
        "lastUsed": None if token.last_used_at is None else instant(token.last_used_at),
        "extended": token.extended,
        "expired": not token.works(now),
        "limits": None if limits is None else [_limit(each) for each in limits],
    }


def _limit(grant: Any) -> dict[str, Any]:
    return {
        "permissions": sorted(grant.permissions),
        "tenant": grant.scope.tenant,
        "namespace": grant.scope.namespace,
    }


def builtin_roles() -> list[AnyRole]:
    """Return the roles that are always there."""
    return list(ROLES.values())
