"""Which secrets a tree knows by name, and which of those that flows use it does not."""

from collections.abc import Container, Iterator, Mapping
from functools import cached_property
from typing import NamedTuple

from app.flows.keyvalues import lineage
from app.flows.references import References
from app.flows.secret_files import read_secret_file
from app.git.layout import Kind
from app.sync.planning.comparing import Comparison
from app.sync.planning.tree import FlowFile, FlowKey, TreeView


class SecretNames:
    """The names of the secrets in one tree, by namespace."""

    def __init__(self, view: TreeView | None) -> None:
        """Look at a tree; without one there are none."""
        self._view = view

    @cached_property
    def _own(self) -> Mapping[tuple[str, str], frozenset[str]]:
        if self._view is None:
            return {}
        return {
            (each.place.tenant, each.place.namespace): frozenset(
                read_secret_file(self._view.content(each.entry)).secrets
            )
            for each in self._view.survey.of(Kind.SECRETS)
        }

    def any_of(self, tenant: str) -> bool:
        """Whether a tenant has secrets in Git at all."""
        return any(each[0] == tenant for each in self._own)

    def known(self, tenant: str, namespace: str) -> frozenset[str]:
        """Return the names that a namespace sees: its own, those above it, its tenant's."""
        above = (*lineage(namespace), "")
        found = (self._own.get((tenant, each), frozenset()) for each in above)
        return frozenset().union(*found)


class Unknown(NamedTuple):
    """A secret that a flow uses and that there is not."""

    file: FlowFile
    name: str
    known: frozenset[str]


def unknown_secrets(
    base: TreeView | None, head: TreeView, compared: Comparison
) -> Iterator[Unknown]:
    """Yield what changed flows use and do not have, and what others lose.

    Of a tenant without any file of secrets nothing is told: it keeps them elsewhere.
    """
    names = SecretNames(head)
    for side in compared.after.values():
        if compared.new.get(side.file.key) == side.file and names.any_of(side.file.key[0]):
            yield from _missing(side.file, side.references, names, None)
    before = SecretNames(base)
    for key, references in _others(head, compared).items():
        yield from _missing(compared.new[key], references, names, before)


def _missing(
    file: FlowFile, references: References, names: SecretNames, before: SecretNames | None
) -> Iterator[Unknown]:
    tenant, namespace = file.place.tenant, file.place.namespace
    known = names.known(tenant, namespace)
    missing = references.secrets - known
    if before is not None:
        missing &= before.known(tenant, namespace)
    yield from (Unknown(file, name, known) for name in sorted(missing))


def _others(head: TreeView, compared: Comparison) -> Mapping[FlowKey, References]:
    """Return the flows that stay, below a file of secrets that has changed or is gone."""
    changed = {
        (located.place.tenant, located.place.namespace)
        for located, _ in compared.surroundings.changed
        if located is not None and located.place.kind is Kind.SECRETS
    }
    if not changed:
        return {}
    files = [
        file
        for key, file in compared.new.items()
        if file.path not in compared.after and _is_below(key, changed) and head.brief(file).secrets
    ]
    return head.references(files)


def _is_below(key: FlowKey, namespaces: Container[tuple[str, str]]) -> bool:
    return any((key[0], each) in namespaces for each in (*lineage(key[1]), ""))
