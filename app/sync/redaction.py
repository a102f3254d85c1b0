"""Redaction: what leaked with a revision is removed, here and for good.

The forge's own history is not ours to rewrite: as long as a branch there holds the content, our
copy of it does, too. Rewrite it there, and redact the revision once more.
"""

import asyncio
from dataclasses import dataclass, field

from app.db.audit import AuditEntry
from app.db.flows import FlowStore
from app.db.records import FlowKey
from app.db.sources import SourceStore
from app.errors import Conflict
from app.git.purging import Purged, purge
from app.ports import Clock, FlowRevision
from app.sync.model import Actor
from app.sync.passes import Parts
from app.sync.sources import SourceSet
from app.sync.vault import Vault


@dataclass(frozen=True, slots=True)
class Redaction:
    """What was done about the content of a revision."""

    blob: str
    revisions: list[str] = field(default_factory=list)
    """Every revision that has this content: `tenant/namespace.flow@revision`."""
    dropped_refs: list[str] = field(default_factory=list)
    """Private refs that were given up, for they reached it."""
    held_by: list[str] = field(default_factory=list)
    """Branches and tags whose history holds it still: rewrite them, then redact once more."""


class Redactions:
    """Redacts revisions of flows."""

    def __init__(
        self,
        workers: SourceSet,
        sources: SourceStore,
        flows: FlowStore,
        vault: Vault,
        clock: Clock,
    ) -> None:
        """Remove out of what these keep."""
        self._workers = workers
        self._sources = sources
        self._flows = flows
        self._vault = vault
        self._clock = clock

    async def redact(self, key: FlowKey, revision: int, *, reason: str, actor: Actor) -> Redaction:
        """Remove the bytes of a revision, wherever they are kept, and never take them up again.

        The revision stays, `redacted`: it can be neither read nor run nor pinned.

        Raises:
            NotFound: when there is no such revision.
            Conflict: when it is a deletion, or what it holds runs now.
        """
        found = await self._flows.find(*key, revision=revision)
        self._refuse(found)
        entry = AuditEntry(
            tenant=found.tenant,
            at=self._clock.now(),
            actor=actor.name,
            action="flow.redact",
            target=f"flow/{found.namespace}.{found.flow_id}",
            reason=reason,
            detail={"revision": found.revision, "commit": found.commit, "blob": found.blob},
        )
        await self._sources.keeping.redact(found.blob, entry)
        self._flows.forget(found.blob)
        await self._vault.forget(found.blob)
        purged = [await self._purged(worker.parts, found.blob) for worker in self._workers]
        rows = await self._sources.keeping.revisions_of(found.blob)
        return Redaction(
            blob=found.blob,
            revisions=[f"{tenant}/{ns}.{flow}@{number}" for tenant, ns, flow, number in rows],
            dropped_refs=sorted({ref for each in purged for ref in each.dropped}),
            held_by=sorted({ref for each in purged for ref in each.held_by}),
        )

    def _refuse(self, revision: FlowRevision) -> None:
        name = f"revision {revision.revision} of {revision.namespace}.{revision.flow_id}"
        if revision.kind == "delete":
            message = f"{name} is the deletion of the flow: there is nothing to redact"
            raise Conflict(message)
        for each in self._flows.active():
            pinned = self._flows.pinned(each.tenant, each.namespace, each.flow_id)
            runs = {each.blob, pinned.blob if pinned else ""}
            if revision.blob in runs:
                message = (
                    f"what {name} holds runs now as {each.namespace}.{each.flow_id}: push a commit"
                    " without it, or pin another revision, first"
                )
                raise Conflict(message)

    async def _purged(self, parts: Parts, blob: str) -> Purged:
        if parts.origin is None:
            return Purged([], [])
        mirror = parts.repository.mirror
        purged = await asyncio.to_thread(purge, mirror, blob)
        await self._sources.keeping.drop(parts.indexer.source_id, purged.dropped)
        return purged
