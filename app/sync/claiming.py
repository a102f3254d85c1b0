"""Before revisions are counted: which namespaces of the tip are this source's."""

import asyncio

from app.db.records import Snapshot
from app.git.trees import ls_tree, tree_of
from app.sync.origin import Origin
from app.sync.ownership import NamespaceKey, Ownership, Standing
from app.sync.passes import Parts, Pass


async def claim(parts: Parts, now: Pass) -> None:
    """Take the namespaces that nobody else holds; files of the others are not read.

    When they are others than in the run before, everything is looked at again.
    """
    origin, claims, source_id = parts.repository, parts.claims, now.source.id
    if not claims.is_shared and Ownership.of(parts.spec).is_open:
        origin.standing = lambda *_: None
        return
    here = await asyncio.to_thread(namespaces_at, origin, now.tip or "")
    snapshots = await parts.sources.activation.snapshots(source_id)
    standing = Standing(claims, source_id)
    refused = {key: why for key in here | set(snapshots) if (why := standing(*key))}
    if not parts.is_dry:
        claims.hold(source_id, sorted(here - set(refused)))
        held = {key for key, each in snapshots.items() if each.tree}
        claims.release(source_id, claims.held_by(source_id) - here - held)
    if refused != parts.refused:
        parts.indexer.forget()
        parts.base = None
        parts.refused = refused
    origin.standing = standing


def note(parts: Parts, moved: list[Snapshot]) -> None:
    """Tell the other sources what an activation took, and what it let go of."""
    source_id = parts.indexer.source_id
    gone = [(each.tenant, each.namespace) for each in moved if not each.tree]
    parts.claims.hold(source_id, [(each.tenant, each.namespace) for each in moved if each.tree])
    parts.claims.release(source_id, gone)


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
