"""Where something holds: the instance, a tenant, a namespace and all below it."""

from collections.abc import Iterable
from typing import NamedTuple, Self


class Scope(NamedTuple):
    """A place in the tree instance → tenant → namespace; a scope holds for all below it."""

    tenant: str | None = None
    """None: the instance, with all its tenants."""
    namespace: str | None = None
    """None: the tenant, with all its namespaces."""

    def covers(self, tenant: str | None, namespace: str | None = None) -> bool:
        """Whether a place is this one or below it."""
        if self.tenant is None:
            return True
        if self.tenant != tenant:
            return False
        return self.namespace is None or (
            namespace is not None and is_within(namespace, self.namespace)
        )


INSTANCE = Scope()


def is_within(namespace: str, top: str) -> bool:
    """Whether a namespace is `top` or below it."""
    return namespace == top or namespace.startswith(f"{top}.")


class Reach(NamedTuple):
    """The namespaces of one tenant in which something is permitted."""

    everywhere: bool = False
    namespaces: frozenset[str] = frozenset()
    """With all below them; without meaning where it is permitted everywhere."""

    @classmethod
    def of(cls, scopes: Iterable[Scope]) -> Self:
        """Return the reach of scopes of one tenant (or of the instance)."""
        found = list(scopes)
        everywhere = any(each.namespace is None for each in found)
        names = (each.namespace for each in found if each.namespace is not None)
        return cls(everywhere, frozenset() if everywhere else frozenset(names))

    def __bool__(self) -> bool:
        """Whether there is any place at all."""
        return self.everywhere or bool(self.namespaces)

    def holds(self, namespace: str | None) -> bool:
        """Whether it is permitted in a namespace (None: in the tenant as a whole)."""
        if self.everywhere or namespace is None:
            return self.everywhere
        return any(is_within(namespace, top) for top in self.namespaces)

    def seen(self, namespace: str) -> bool:
        """Whether a namespace is permitted, or one below it: it is on the way there."""
        return self.holds(namespace) or any(is_within(top, namespace) for top in self.namespaces)

    def __and__(self, other: Self) -> "Reach":
        """Return where both permit it."""
        if self.everywhere:
            return other
        if other.everywhere:
            return self
        pairs = {name for name in self.namespaces if other.holds(name)}
        pairs |= {name for name in other.namespaces if self.holds(name)}
        return Reach(namespaces=frozenset(pairs))
