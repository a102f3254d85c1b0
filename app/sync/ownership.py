"""Which namespaces a source owns. Pure."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from app.config import SourceSettings


class Ownership:
    """The patterns of one source: `namespace` or `tenant/namespace`, `*` for any."""

    def __init__(self, patterns: Sequence[str]) -> None:
        """No patterns: whatever no other source owns."""
        self.patterns = tuple(patterns)

    @classmethod
    def of(cls, spec: SourceSettings) -> "Ownership":
        """Return what a source owns by its settings."""
        return cls(spec.namespaces)

    @property
    def is_open(self) -> bool:
        """Whether the source owns whatever nobody else does."""
        return not self.patterns

    def names(self, tenant: str, namespace: str) -> bool:
        """Return whether a pattern names the namespace."""
        return any(
            fnmatchcase(f"{tenant}/{namespace}" if "/" in pattern else namespace, pattern)
            for pattern in self.patterns
        )

    def owns(self, tenant: str, namespace: str) -> bool:
        """Return whether the namespace may come from this source, as far as it alone can say."""
        return self.is_open or self.names(tenant, namespace)
