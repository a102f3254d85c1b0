"""Who may do what, where: permissions, roles, scopes, callers. Pure; deny is the default."""

from app.access.caller import ANONYMOUS, OWNER, Caller, Grant
from app.access.permissions import OF_INSTANCE, Permission
from app.access.roles import ROLES, Role
from app.access.scopes import INSTANCE, Reach, Scope, is_within

__all__ = [
    "ANONYMOUS",
    "INSTANCE",
    "OF_INSTANCE",
    "OWNER",
    "ROLES",
    "Caller",
    "Grant",
    "Permission",
    "Reach",
    "Role",
    "Scope",
    "is_within",
]
