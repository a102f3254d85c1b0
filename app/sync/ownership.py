"""Which namespaces a source owns, and which of several sources each one comes from. No I/O."""

from collections.abc import Callable, Collection, Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Final, NamedTuple

from app.config import SourceSettings

NamespaceKey = tuple[str, str]
"""Tenant, namespace."""


class Ownership:
    """The patterns of one source: `namespace` or `tenant/namespace`, `*` for any."""

    def __init__(
        self,
        patterns: Sequence[str],
        within: "Ownership | None" = None,
        tenant: str | None = None,
    ) -> None:
        """No patterns: whatever no other source owns. Never more than `within` owns.

        With a `tenant` nothing of others, whatever the patterns say.
        """
        self.patterns = tuple(patterns)
        self.within = within
        self.tenant = tenant

    @classmethod
    def of(cls, spec: SourceSettings, within: "Ownership | None" = None) -> "Ownership":
        """Return what a source owns by its settings."""
        return cls(spec.namespaces, within, spec.tenant if spec.layout == "kestra" else None)

    @property
    def is_open(self) -> bool:
        """Whether the source owns whatever nobody else does."""
        return not self.patterns

    def names(self, tenant: str, namespace: str) -> bool:
        """Return whether a pattern names the namespace."""
        if self.tenant not in (None, tenant):
            return False
        named = any(
            fnmatchcase(f"{tenant}/{namespace}" if "/" in pattern else namespace, pattern)
            for pattern in self.patterns
        )
        return named and (self.within is None or self.within.owns(tenant, namespace))

    def owns(self, tenant: str, namespace: str) -> bool:
        """Return whether the namespace may come from this source, as far as it alone can say."""
        return (self.is_open and self.tenant in (None, tenant)) or self.names(tenant, namespace)


NOTHING: Final = Ownership([""])
"""What nobody owns: no namespace has an empty name."""


class Refusal(NamedTuple):
    """Why a namespace does not come from a source: `NOT_OWNED` or `OVERLAP`, and whose it is."""

    code: str
    owner: str = ""


class Claims:
    """Which source each namespace comes from: who holds one keeps it.

    One that nobody holds goes to the first source whose patterns name it, else to the first without
    patterns that has it. A source that another one delegates to goes before that one.
    """

    def __init__(self) -> None:
        """No sources yet."""
        self._sources: dict[str, Ownership] = {}
        self._parents: dict[str, str] = {}
        self._holders: dict[NamespaceKey, str] = {}
        self.released: Callable[[str], None] = lambda _: None
        """Told the id of a source that let go of a namespace: others may want it."""

    def add(self, source_id: str, ownership: Ownership, parent: str | None = None) -> None:
        """Count a source in, after those that are there."""
        self._sources[source_id] = ownership
        if parent is not None:
            self._parents[source_id] = parent

    def remove(self, source_id: str) -> None:
        """Count a source out; what it holds is free."""
        self._sources.pop(source_id, None)
        self._parents.pop(source_id, None)
        self._let_go(source_id, self.held_by(source_id))

    @property
    def is_shared(self) -> bool:
        """Whether there is more than one source."""
        return len(self._sources) > 1

    def held_by(self, source_id: str) -> set[NamespaceKey]:
        """Return the namespaces that come from a source."""
        return {key for key, who in self._holders.items() if who == source_id}

    def hold(self, source_id: str, keys: Iterable[NamespaceKey]) -> None:
        """Note that namespaces come from a source; those that another one holds stay its."""
        for key in keys:
            self._holders.setdefault(key, source_id)

    def release(self, source_id: str, keys: Iterable[NamespaceKey]) -> None:
        """Note that namespaces do not come from a source any more."""
        self._let_go(source_id, [key for key in keys if self._holders.get(key) == source_id])

    def _let_go(self, source_id: str, keys: Collection[NamespaceKey]) -> None:
        for key in keys:
            del self._holders[key]
        if keys:
            self.released(source_id)

    def tenants(self) -> set[str]:
        """Return the tenants of which something is held."""
        return {tenant for tenant, _ in self._holders}

    def owner(self, tenant: str, namespace: str) -> str | None:
        """Return the source that a namespace comes from, or would come from; None: there is none.

        A namespace that only sources without patterns may have goes to the first of these.
        """
        found = self._owner(tenant, namespace)
        return found or next(
            (
                name
                for name, each in self._sources.items()
                if each.is_open and each.owns(tenant, namespace)
            ),
            None,
        )

    def refusal(self, source_id: str, tenant: str, namespace: str) -> Refusal | None:
        """Return why a namespace does not come from a source, None when it does, or may."""
        mine = self._sources.get(source_id)
        if mine is None:
            return None
        if not mine.owns(tenant, namespace):
            return Refusal("NOT_OWNED")
        owner = self._owner(tenant, namespace)
        if owner in (None, source_id):
            return None
        is_shy = mine.is_open and self._sources[owner].names(tenant, namespace)
        code = "NOT_OWNED" if is_shy or self._parents.get(owner) == source_id else "OVERLAP"
        return Refusal(code, owner)

    def _owner(self, tenant: str, namespace: str) -> str | None:
        holder = self._holders.get((tenant, namespace))
        held = self._sources.get(holder) if holder is not None else None
        if held is not None and held.owns(tenant, namespace):
            return holder
        return self._named(tenant, namespace)

    def _named(self, tenant: str, namespace: str) -> str | None:
        """Return the first source that names a namespace, children before their parents."""
        named = [name for name, each in self._sources.items() if each.names(tenant, namespace)]
        parents = {self._parents.get(name) for name in named}
        return next((name for name in named if name not in parents), None)


class Standing:
    """What one run of a source takes for its own: asked once, then always answered the same."""

    def __init__(self, claims: Claims, source_id: str) -> None:
        """Ask `claims`."""
        self._claims = claims
        self._source_id = source_id
        self._known: dict[NamespaceKey, Refusal | None] = {}

    def __call__(self, tenant: str, namespace: str) -> Refusal | None:
        """Return why a namespace is not the source's, None when it is."""
        key = tenant, namespace
        if key not in self._known:
            self._known[key] = self._claims.refusal(self._source_id, tenant, namespace)
        return self._known[key]
