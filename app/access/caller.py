"""Who calls, and what they may do."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from app.access.permissions import EVERYTHING, Permission
from app.access.scopes import INSTANCE, Reach, Scope

Kind = Literal["anonymous", "user", "service-account", "flow", "owner"]


class Grant(NamedTuple):
    """Permissions in a place: a binding of a role, read out."""

    permissions: frozenset[Permission]
    scope: Scope


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who asks for something: a user, a service account, a flow, nobody known."""

    kind: Kind
    id: str
    name: str
    email: str = ""
    grants: tuple[Grant, ...] = ()
    limit: tuple[Grant, ...] | None = None
    """What the token allows at most; None where the caller's own rights count."""
    token_id: str | None = None
    session_id: str | None = None
    groups: frozenset[str] = field(default=frozenset())

    @property
    def known(self) -> bool:
        """Whether somebody is logged in."""
        return self.kind != "anonymous"

    def may(
        self, permission: Permission, tenant: str | None = None, namespace: str | None = None
    ) -> bool:
        """Whether the caller may do something in a place (no tenant: at the instance)."""
        if tenant is None:
            return all(_at_instance(permission, each) for each in self._layers())
        # As `reach` says; without making one, because most requests ask this twice.
        if not _somewhere(permission, tenant, namespace, self.grants):
            return False
        return self.limit is None or _somewhere(permission, tenant, namespace, self.limit)

    def reach(self, permission: Permission, tenant: str) -> Reach:
        """Return in which namespaces of a tenant the caller may do something."""
        found = Reach(everywhere=True)
        for layer in self._layers():
            found &= Reach.of(_scopes(permission, tenant, layer))
        return found

    def has(self, permission: Permission) -> bool:
        """Whether the caller may do something anywhere at all."""
        return all(
            any(permission in each.permissions for each in layer) for layer in self._layers()
        )

    def is_of(self, tenant: str) -> bool:
        """Whether the caller may do anything at all in a tenant; for others it is not there."""
        return all(
            any(each.scope.tenant in (None, tenant) for each in layer) for layer in self._layers()
        )

    def _layers(self) -> Iterator[tuple[Grant, ...]]:
        yield self.grants
        if self.limit is not None:
            yield self.limit


def _scopes(permission: Permission, tenant: str, grants: Iterable[Grant]) -> Iterator[Scope]:
    return (
        each.scope
        for each in grants
        if permission in each.permissions and each.scope.tenant in (None, tenant)
    )


def _somewhere(
    permission: Permission, tenant: str, namespace: str | None, grants: tuple[Grant, ...]
) -> bool:
    for permissions, scope in grants:
        if scope.covers(tenant, namespace) and permission in permissions:
            return True
    return False


def _at_instance(permission: Permission, grants: Iterable[Grant]) -> bool:
    return any(permission in each.permissions and each.scope == INSTANCE for each in grants)


ANONYMOUS = Caller("anonymous", "", "anonymous")
OWNER = Caller(
    "owner",
    "owner",
    "Headwater API",
    "api@headwater.invalid",
    grants=(Grant(EVERYTHING, INSTANCE),),
)
"""Whoever reaches a service without a login (`headwater dev`)."""
