"""Two trees side by side: what the new one has that the old one has not."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.flows.references import NONE
from app.sync.planning.changes import FlowChange, NamespaceChange
from app.sync.planning.dates import Times
from app.sync.planning.flow_changes import Side, Viewer, describe
from app.sync.planning.impact import Dependents
from app.sync.planning.pairing import Pair, pairs
from app.sync.planning.surroundings import NamespaceKey, Surroundings
from app.sync.planning.tree import FlowFile, FlowKey, TreeView


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was read to tell two trees apart."""

    old: Mapping[FlowKey, FlowFile]
    new: Mapping[FlowKey, FlowFile]
    pairs: list[Pair]
    before: Mapping[str, Side]
    """Path -> flow of the base that is changed or removed."""
    after: Mapping[str, Side]
    """Path -> flow file of the head that the base does not have like this."""
    dependents: Dependents
    surroundings: Surroundings
    new_types: frozenset[str]
    """Types of what changes that nothing in the base uses."""


def compare(base: TreeView | None, head: TreeView) -> Comparison:
    """Read what differs of two trees; without a base all of the head is new (blocking)."""
    old = base.flows() if base else {}
    new = head.flows(old)
    found = pairs(base, head, old)
    known = base.flow_files if base else {}
    touched = [
        file
        for path, file in head.flow_files.items()
        if path not in known or known[path].oid != file.oid
    ]
    before = [pair.old for pair in found if pair.old and not _only_moved(pair)]
    after = _sides(head, touched)
    return Comparison(
        old,
        new,
        found,
        _sides(base, before) if base else {},
        after,
        Dependents(head, new),
        Surroundings(base, head),
        _new_types(base, after),
    )


def namespaces_of(
    compared: Comparison, base: TreeView | None, head: TreeView, times: Times | None
) -> list[NamespaceChange]:
    """Return what changes, namespace by namespace (blocking)."""
    owners = (base or head).owners
    viewer = Viewer(compared.dependents, owners, compared.new_types, times, base is not None)
    flows: dict[NamespaceKey, list[FlowChange]] = {}
    for pair in compared.pairs:
        moved = _only_moved(pair)
        old = compared.before.get(pair.old.path) if pair.old and not moved else None
        new = compared.after.get(pair.new.path) if pair.new and not moved else None
        change = describe(pair, old, new, viewer)
        flows.setdefault((change.key[0], change.key[1]), []).append(change)
    return compared.surroundings.namespaces(flows)


def _only_moved(pair: Pair) -> bool:
    return bool(pair.old and pair.new and pair.old.oid == pair.new.oid and not pair.is_renamed)


def _sides(view: TreeView, files: list[FlowFile]) -> dict[str, Side]:
    references = view.references(files)
    return {
        file.path: Side(file, source, view.parse(file, source), references.get(file.key, NONE))
        for file, source in view.sources(files)
    }


def _new_types(base: TreeView | None, after: Mapping[str, Side]) -> frozenset[str]:
    if base is None:
        return frozenset()
    used = {name for side in after.values() for name in side.references.types}
    known = base.written_types
    return frozenset(used - {base.memory.full_name(name) for name in known})
