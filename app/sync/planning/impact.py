"""Who depends on which flow of a tree: those that start it and those that listen to it."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Final, NamedTuple

from app.flows.conditions import ExecutionFlow
from app.flows.listening import hears
from app.flows.references import Call, References, callers_of
from app.flows.topology import Name
from app.flows.trigger_types import FlowTrigger
from app.flows.values import is_template
from app.sync.planning.tree import FlowFile, FlowKey, TreeView

_MOST: Final = 500
"""More dependents of one flow than this are not counted."""


class Dependents:
    """The dependents of flows in one tree; what every flow refers to is read when first asked."""

    def __init__(self, view: TreeView, flows: Mapping[FlowKey, FlowFile]) -> None:
        """Look at the flows of a tree."""
        self._view = view
        self._flows = flows
        self._seen: dict[FlowKey, frozenset[Name]] = {}

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
        named, broad = self._listening.get(key[0], _NOBODY)
        return [
            name
            for name, references in (*named.get(own, ()), *broad)
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
            fresh = self._direct((key[0], *name)) - found - {own}
            found |= fresh
            rest += sorted(fresh)
        return tuple(sorted(found))

    def _direct(self, key: FlowKey) -> frozenset[Name]:
        known = self._seen.get(key)
        if known is None:
            calling = (name for name, _ in self.callers(key))
            known = self._seen[key] = frozenset([*calling, *self.listeners(key)])
        return known

    @cached_property
    def _callers(self) -> Mapping[str, Mapping[Name, list[tuple[Name, Call]]]]:
        return {tenant: callers_of(flows) for tenant, flows in self.references.items()}

    @cached_property
    def _listening(self) -> Mapping[str, "_Listening"]:
        return {tenant: _by_name(flows) for tenant, flows in self.references.items()}


class _Listening(NamedTuple):
    """The flows that listen: by the flows that they name, and those that may hear of any."""

    named: Mapping[Name, list[tuple[Name, References]]]
    broad: list[tuple[Name, References]]


_NOBODY: Final = _Listening({}, [])


def _by_name(flows: Mapping[Name, References]) -> _Listening:
    found = _Listening({}, [])
    named: dict[Name, list[tuple[Name, References]]] = {}
    for name, references in flows.items():
        names: set[Name] | None = set()
        for trigger in references.listens:
            heard = _names_of(trigger)
            names = None if heard is None or names is None else names | heard
        if names is None:
            found.broad.append((name, references))
        for each in names or ():
            named.setdefault(each, []).append((name, references))
    return found._replace(named=named)


def _names_of(trigger: FlowTrigger) -> set[Name] | None:
    """Return the only flows that a trigger may hear of; None where that is not certain."""
    for each in trigger.conditions:
        if isinstance(each, ExecutionFlow):
            return _all_named([(each.namespace, each.flow_id)])
    if trigger.depends_on:
        return _all_named([(each.namespace, each.flow_id) for each in trigger.depends_on])
    wanted = trigger.preconditions
    if wanted is None or not wanted.flows or wanted.where:
        return None
    return _all_named([(each.namespace, each.flow_id) for each in wanted.flows])


def _all_named(flows: Iterable[tuple[str | None, str | None]]) -> set[Name] | None:
    names = set()
    for namespace, flow_id in flows:
        if not namespace or not flow_id or is_template(namespace) or is_template(flow_id):
            return None
        names.add(Name(namespace, flow_id))
    return names
