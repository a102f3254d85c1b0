"""Before revisions are counted: which namespaces of the tip are this source's."""

import asyncio

from app.db.records import Snapshot
from app.sync.flowfiles import namespaces_at
from app.sync.ownership import Ownership, Standing
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
