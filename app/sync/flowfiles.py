"""Flow files in trees and changes: which of them count, and which flow each of them is."""

from collections.abc import Sequence

from app.db.records import FlowKey
from app.git.history import SUBMODULE, Change
from app.git.layout import Kind, Place
from app.git.survey import shown
from app.git.trees import Entry, ls_tree, tree_of
from app.sync.findings import is_ours
from app.sync.index import FlowIndex
from app.sync.origin import Origin
from app.sync.ownership import NamespaceKey


def tree_entries(origin: Origin, commit: str) -> list[Entry]:
    """Return the files of a commit below the root, with their sizes; none without it (blocking)."""
    root = origin.layout.root
    if root and origin.mirror.objects.info(f"{commit}:{root}") is None:
        return []
    return ls_tree(origin.mirror.disk.launcher, commit, root, sizes=True)


def flow_files(entries: Sequence[Entry], origin: Origin) -> list[tuple[Entry, Place]]:
    """Return the entries that are flow files of possible namespaces."""
    found = ((entry, origin.file_at(entry.path)) for entry in entries if entry.kind == "blob")
    return [(entry, place) for entry, place in found if place is not None and is_flow(place)]


KnownFlows = dict[tuple[str, str, str], dict[str, str]]
"""Tenant, namespace and blob -> path -> id of the flow whose newest revision it is."""


def flow_ids(index: FlowIndex) -> KnownFlows:
    """Return which flow each blob of a newest revision is."""
    known: KnownFlows = {}
    for (tenant, namespace, flow_id), head in index.heads.items():
        if not head.deleted:
            known.setdefault((tenant, namespace, head.blob), {})[head.path] = flow_id
    return known


def known_id(known: KnownFlows, entry: Entry, place: Place) -> str | None:
    """Return the flow that a file is known to be, also where its text does not tell (any more).

    The same text in another file need not be the same flow: that one has to be read.
    """
    found = known.get((place.tenant, place.namespace, entry.oid), {})
    return found.get(shown(entry.path))


def is_flow(place: Place | None) -> bool:
    """Return whether a file may be a flow."""
    return place is not None and place.kind is Kind.FLOW and is_ours(place)


def has_blob(change: Change) -> bool:
    """Return whether a change leaves a file: no deletion, no submodule."""
    return change.new_blob is not None and change.mode != SUBMODULE


def key_of(place: Place, flow_id: str | None) -> FlowKey | None:
    """Return the identity of a flow of this id in a place."""
    return (place.tenant, place.namespace, flow_id) if flow_id else None


def namespaces_at(origin: Origin, tip: str) -> set[NamespaceKey]:
    """Return the namespaces that have a folder at a commit, whoever owns them (blocking)."""
    layout = origin.layout
    folders = [layout.root]
    if layout.style == "native":
        tenants = _folders(origin, tip, layout.below("tenants"))
        folders = [f"{tenant}/namespaces" for tenant in tenants]
    found = (layout.namespace_at(path) for each in folders for path in _folders(origin, tip, each))
    return {key for key in found if key is not None}


def _folders(origin: Origin, tip: str, folder: str) -> list[str]:
    if tree_of(origin.mirror.objects, tip, folder) is None:
        return []
    entries = ls_tree(origin.mirror.disk.launcher, tip, folder, recursive=False)
    return [entry.path for entry in entries if entry.kind == "tree"]
