"""Nobody gives away what they do not have."""

from collections.abc import Collection, Iterable

from app.access.caller import Caller, Grant
from app.access.permissions import OF_INSTANCE, Permission
from app.access.scopes import INSTANCE, Scope


def may_give(caller: Caller, permissions: Collection[Permission], scope: Scope) -> bool:
    """Whether a caller holds every one of these permissions in a place.

    Permissions of the instance mean nothing in a tenant, and can be given at the instance only.
    """
    if scope != INSTANCE and not OF_INSTANCE.isdisjoint(permissions):
        return False
    return all(caller.may(each, scope.tenant, scope.namespace) for each in permissions)


def may_give_all(caller: Caller, grants: Iterable[Grant]) -> bool:
    """Whether a caller holds everything that these grants give, in their places."""
    return all(
        may_give(caller, _meant(each.permissions, each.scope), each.scope) for each in grants
    )


def _meant(permissions: frozenset[Permission], scope: Scope) -> frozenset[Permission]:
    return permissions if scope == INSTANCE else permissions - OF_INSTANCE
