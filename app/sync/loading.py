"""LOAD: which namespaces the tip has as another folder than the active one, and their files.

Only what was touched since the last run is listed; the whole tree where that is not known, or where
something lies outside of all namespaces that a person should hear of.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from app.db.records import Snapshot
from app.flows.keyvalues import lineage
from app.git.history import Change, changes_between
from app.git.layout import Kind, Place
from app.git.survey import Finding, Survey, survey
from app.git.trees import Entry, ls_tree
from app.sync.findings import is_ours, of_refusal
from app.sync.flowfiles import tree_entries
from app.sync.origin import IGNORE_FILE, Origin
from app.sync.ownership import NamespaceKey
from app.sync.plan import Tree

_INHERITED = {
    Kind.VARIABLES: "variables.yaml",
    Kind.SECRETS: "secrets.sops.yaml",
    Kind.NAMESPACE: "namespace.yaml",
    Kind.TENANT: "tenant.yaml",
}
"""Documents that hold for the namespaces below, too."""

_NARROW = 64
"""Namespaces that are listed one by one; more of them are cheaper all at once."""


class Loaded(NamedTuple):
    """What LOAD found."""

    changed: list[Tree]
    survey: Survey


def load_tip(
    origin: Origin,
    tip: str,
    *,
    base: str | None,
    snapshots: dict[NamespaceKey, Snapshot],
    outside: bool,
) -> Loaded:
    """Return the changed namespaces and the files of (at least) these (blocking).

    `base` is the commit since which nothing else was touched, None: not known. `outside`: look
    outside of namespaces in any case.
    """
    touched = None if outside else _touched(origin, base, tip, snapshots)
    if touched is not None:
        touched |= {key for key, each in snapshots.items() if each.state != "active"}
    if touched is None or len(touched) > _NARROW:
        return _whole(origin, tip, snapshots)
    changed = _changed(origin, tip, touched, snapshots)
    entries: list[Entry] = []
    for tree in changed:
        if tree.oid:
            folder = origin.layout.namespace_folder(*tree.key)
            entries += ls_tree(origin.mirror.disk.launcher, tip, folder, sizes=True)
    return Loaded(changed, _surveyed(entries, origin))


def _whole(origin: Origin, tip: str, snapshots: dict[NamespaceKey, Snapshot]) -> Loaded:
    entries = tree_entries(origin, tip)
    names = namespaces_of(entries, origin) | set(snapshots)
    changed = _changed(origin, tip, names, snapshots)
    return Loaded(changed, _surveyed(entries, origin))


def _surveyed(entries: Sequence[Entry], origin: Origin) -> Survey:
    def refused(place: Place) -> Finding | None:
        refusal = origin.refusal(place)
        return of_refusal(place, refusal, origin.layout) if refusal else None

    return survey(
        entries, origin.layout, limits=origin.limits, ignored=origin.is_ignored, refused=refused
    )


def _touched(
    origin: Origin, base: str | None, tip: str, known: Iterable[NamespaceKey]
) -> set[NamespaceKey] | None:
    """Return the namespaces that differ from `base`; None when more than namespaces may.

    What is inherited touches those of the `known` ones that are below, too.
    """
    if base is None or not origin.mirror.has(base):
        return None
    launcher = origin.mirror.disk.launcher
    touched: set[NamespaceKey] = set()
    for change in changes_between(launcher, base, tip, root=origin.layout.root):
        place = origin.file_at(change.path)
        if place is not None and is_ours(place):
            touched.add((place.tenant, place.namespace))
            if place.kind in _INHERITED:
                touched |= _below(place, known)
        elif _matters(origin, change, place):
            return None
    return touched


def _below(place: Place, known: Iterable[NamespaceKey]) -> set[NamespaceKey]:
    above = f"{place.namespace}."
    return {key for key in known if key[0] == place.tenant and key[1].startswith(above)}


def _matters(origin: Origin, change: Change, place: Place | None) -> bool:
    """Return whether a path outside of all namespaces may be worth a finding."""
    layout = origin.layout
    if (
        change.path.endswith(IGNORE_FILE)
        or place is not None
        or layout.misplaced(change.path) is not None
        or layout.shadowed(change.path) is not None
    ):
        return True
    foreign = layout.place(change.path)
    if foreign is not None and origin.refusal(foreign):
        return True
    return layout.is_folder_of_ours(change.path)


def namespaces_of(entries: Sequence[Entry], origin: Origin) -> set[NamespaceKey]:
    """Return the namespaces of the source that files are in."""
    places = (origin.file_at(entry.path) for entry in entries)
    return {(each.tenant, each.namespace) for each in places if each and is_ours(each)}


def _changed(
    origin: Origin,
    tip: str,
    names: Iterable[NamespaceKey],
    snapshots: dict[NamespaceKey, Snapshot],
) -> list[Tree]:
    """Return those of the namespaces whose folder at the tip is not what is active."""
    layout, changed = origin.layout, []
    asked = {}
    for name in sorted(names):
        if layout.reads(name[0]):
            asked[f"{tip}:{layout.namespace_folder(*name)}"] = name
        elif name in snapshots and snapshots[name].tree:
            changed.append(Tree(name, ""))
    # Where files are ignored, another rule makes another namespace of the same folder.
    rules = f"-{origin.rules}" if origin.rules else ""
    above = inherited_marks(origin, tip, list(asked.values()))
    for text, info in origin.mirror.objects.infos(asked):
        is_there = info is not None and info.kind == "tree" and not origin.standing(*asked[text])
        tree = Tree(
            asked[text],
            f"{info.oid}{rules}{above.get(asked[text], '')}" if info and is_there else "",
        )
        snapshot = snapshots.get(tree.key)
        if snapshot is None or (snapshot.tree, snapshot.state) != (tree.oid, "active"):
            changed.append(tree)
    return changed


def inherited_marks(
    origin: Origin, tip: str, names: Sequence[NamespaceKey]
) -> dict[NamespaceKey, str]:
    """Return what tells apart what namespaces inherit at a commit; none for those without.

    An execution stays at the commit of its namespace. So a namespace moves on when only what it
    inherits is another, though its own folder is not.
    """
    asked: dict[str, tuple[str, str]] = {}
    for tenant, namespace in names:
        for above in (*lineage(namespace)[1:], ""):
            for file in _INHERITED.values():
                path = origin.layout.inherited_file(tenant, above, file)
                if path is not None:
                    asked[f"{tip}:{path}"] = (tenant, above)
    found: dict[tuple[str, str], str] = {}
    for text, info in origin.mirror.objects.infos(asked):
        if info is not None and info.kind == "blob":
            found[asked[text]] = f"{found.get(asked[text], '')}{info.oid}"
    marks = {}
    for tenant, namespace in names if found else ():
        own = [found.get((tenant, above), "") for above in (*lineage(namespace)[1:], "")]
        if any(own):
            mark = hashlib.sha256(" ".join(own).encode()).hexdigest()[:12]
            marks[tenant, namespace] = f"+{mark}"
    return marks
