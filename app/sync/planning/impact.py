"""Who depends on which flow of a tree: those that start it and those that listen to it."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Final

from app.flows.listening import hears
from app.flows.references import Call, References, callers_of
from app.flows.topology import Name
from app.sync.planning.tree import FlowFile, FlowKey, TreeView

_MOST: Final = 500
"""More dependents of one flow than this are not counted."""


class Dependents:
    """The dependents of flows in one tree; what every flow refers to is read when first asked."""

    def __init__(self, view: TreeView, flows: Mapping[FlowKey, FlowFile]) -> None:
        """Look at the flows of a tree."""
        self._view = view
        self._flows = flows

    @cached_property
    def references(self) -> Mapping[str, Mapping[Name, References]]:
        """Tenant -> flow -> references, for those that may start or listen to others."""
        files = list(self._flows.values())
        briefs = self._view.memory.briefs(self._view.files, (file.oid for file in files))
        related = [file for file in files if briefs[file.oid].calls or briefs[file.oid].listens]
        found: dict[str, dict[Name, References]] = {}
        for (tenant, *name), references in self._view.references(related).items():
            found.setdefault(tenant, {})[Name(*name)] = references
        return found

    def callers(self, key: FlowKey) -> list[tuple[Name, Call]]:
        """Return the calls of a flow, each with the flow that it stands in."""
        return self._callers.get(key[0], {}).get(Name(*key[1:]), [])

    def listeners(self, key: FlowKey) -> list[Name]:
        """Return the flows with a trigger that may hear of a flow."""
        own = Name(*key[1:])
        return [
            name
            for name, references in self._listening.get(key[0], ())
            if name != own and any(hears(each, *own) for each in references.listens)
        ]

    def triggered(self, key: FlowKey) -> dict[Name, frozenset[str]]:
        """Return the flows that listen to one -> the outputs of it that they name."""
        known = self.references.get(key[0], {})
        return {name: known[name].triggered for name in self.listeners(key)}

    def of(self, key: FlowKey) -> tuple[Name, ...]:
        """Return the flows that depend on one, directly or through others, in order."""
        own = Name(*key[1:])
        found: set[Name] = set()
        rest = [own]
        while rest and len(found) < _MOST:
            name = rest.pop()
            fresh = {each for each in self._direct((key[0], *name)) if each != own} - found
            found |= fresh
            rest += sorted(fresh)
        return tuple(sorted(found))

    def _direct(self, key: FlowKey) -> Iterator[Name]:
        yield from (name for name, _ in self.callers(key))
        yield from self.listeners(key)

    @cached_property
    def _callers(self) -> Mapping[str, Mapping[Name, list[tuple[Name, Call]]]]:
        return {tenant: callers_of(flows) for tenant, flows in self.references.items()}

    @cached_property
    def _listening(self) -> Mapping[str, Iterable[tuple[Name, References]]]:
        return {
            tenant: [(name, each) for name, each in flows.items() if each.listens]
            for tenant, flows in self.references.items()
        }
