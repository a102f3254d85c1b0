"""The verbs of sources: added, changed, removed, suspended and resumed while the node runs."""

import asyncio
import re
from collections.abc import Mapping
from typing import Any

import orjson

from app.config import SourceSettings
from app.db.audit import AuditEntry
from app.db.records import Source
from app.errors import BadRequest, ConfirmationNeeded, Conflict
from app.sync.model import Actor
from app.sync.orphans import Orphans
from app.sync.removal import live_flows, retire
from app.sync.sources import SourceSet
from app.sync.specs import checked_spec
from app.sync.worker import SourceWorker, described

_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}\Z")
_WHERE = {
    "config": "the configuration of the server",
    "repository": "sources/*.yaml of its parent's repository",
}


class SourceVerbs:
    """Adds and changes sources; every one of it is audited."""

    def __init__(self, sources: SourceSet) -> None:
        """Act on `sources`."""
        self._sources = sources
        self._shared = sources.shared
        self.orphans = Orphans(sources)
        self._turn = asyncio.Lock()

    async def add(
        self, source_id: str, wished: Mapping[str, Any], actor: Actor, reason: str = ""
    ) -> Source:
        """Add a source and begin to follow it, without waiting for its first sync.

        Raises:
            Conflict: when there is one of that id. Invalid, BadRequest: naming what is wrong.
        """
        if not _ID.match(source_id):
            raise BadRequest("id: small letters, digits, - and _ are allowed, 63 at most")
        spec = checked_spec(wished, self._sources.configured)
        async with self._turn:
            if source_id in self._sources:
                raise Conflict(f"there is a source {source_id} already")
            worker = await self.follow(described(source_id, spec, "api"), spec)
            await self._audit(worker, "source.create", actor, reason)
        return worker.source

    async def change(
        self, source_id: str, wished: Mapping[str, Any], actor: Actor, reason: str = ""
    ) -> Source:
        """Change properties of a source that was added here; None puts back what is by default.

        Raises:
            NotFound: when there is no such source. Conflict: when it is described elsewhere.
            Invalid, BadRequest: naming what is wrong.
        """
        async with self._turn:
            old = self._own(source_id)
            merged = {**orjson.loads(old.source.spec), **wished}
            wanted = {key: each for key, each in merged.items() if each is not None}
            spec = checked_spec(wanted, self._sources.configured)
            await old.stop()
            worker = await self.follow(described(source_id, spec, "api"), spec)
            await self._audit(worker, "source.update", actor, reason)
        return worker.source

    async def remove(
        self, source_id: str, actor: Actor, reason: str = "", *, confirm: bool = False
    ) -> int:
        """Remove a source that was added here, its flows with it; return how many these were.

        So is one that the configuration described once, and does not any more.

        Raises:
            NotFound: when there is no such source. Conflict: when it is described elsewhere.
            ConfirmationNeeded: without `confirm`, when flows of it are active.
        """
        async with self._turn:
            orphan = await self.orphans.find(source_id)
            worker = None if orphan else self._own(source_id)
            flows = await live_flows(self._shared, source_id)
            if flows and not confirm:
                raise ConfirmationNeeded(
                    f"{len(flows)} flows of source {source_id} are deleted with it; repeat with"
                    " confirm=true, or let another source take them over first"
                )
            if worker is not None:
                return await self.forget(worker, actor, reason)
            return await self._remove(orphan, actor, reason) if orphan else 0

    async def suspend(self, source_id: str, actor: Actor, reason: str = "") -> Source:
        """Stop following a source: what is active stays; raises `NotFound`."""
        return await self._set_suspended(source_id, self._shared.clock.now(), actor, reason)

    async def resume(self, source_id: str, actor: Actor, reason: str = "") -> Source:
        """Follow a source again; raises `NotFound`."""
        return await self._set_suspended(source_id, None, actor, reason)

    # -- for the verbs, and for repositories that delegate ---------------------------------------

    async def declare(
        self, source: Source, spec: SourceSettings, actor: Actor, reason: str
    ) -> None:
        """Follow a source that a repository describes, in place of what it described before."""
        async with self._turn:
            verb = "source.create"
            if source.id in self._sources:
                await self._sources.get(source.id).stop()
                verb = "source.update"
            worker = await self.follow(source, spec)
            await self._audit(worker, verb, actor, reason)

    async def follow(self, source: Source, spec: SourceSettings) -> SourceWorker:
        """Begin to follow a source, or a changed one."""
        worker = self._sources.put(source, spec)
        await worker.start(wait=False)
        return worker

    async def forget(self, worker: SourceWorker, actor: Actor, reason: str) -> int:
        """Remove a source and its flows; return how many these were."""
        await worker.stop()
        return await self._remove(worker.source, actor, reason)

    async def _remove(self, source: Source, actor: Actor, reason: str) -> int:
        held = self._shared.claims.held_by(source.id)
        count = await retire(self._shared, source)
        entry = self._entry(source, "source.delete", actor, reason, {"flows": count})
        await self._shared.sources.remove(source.id, self._shared.clock.now(), entry)
        self._sources.drop(source.id)
        await self._shared.tenants.refresh()
        self._shared.heirs.moved(source.id, {*held, *((tenant, "") for tenant, _ in held)})
        return count

    def _own(self, source_id: str) -> SourceWorker:
        worker = self._sources.get(source_id)
        where = _WHERE.get(worker.source.origin)
        if where is not None:
            raise Conflict(f"source {source_id} is described in {where}; change it there")
        return worker

    async def _set_suspended(
        self, source_id: str, at: int | None, actor: Actor, reason: str
    ) -> Source:
        worker = self._sources.get(source_id)
        store = self._shared.sources
        known = await store.get(worker.id)
        if (known.suspended_at is None) != (at is None):
            verb = "source.resume" if at is None else "source.suspend"
            await store.suspend(source_id, at, self._entry(worker.source, verb, actor, reason))
            worker.parts.done = worker.parts.done if at else None
            worker.follower.wake("manual")
        return await store.get(source_id)

    def _entry(
        self,
        source: Source,
        verb: str,
        actor: Actor,
        reason: str,
        detail: dict[str, Any] | None = None,
    ) -> AuditEntry:
        return AuditEntry(
            tenant=source.tenant,
            at=self._shared.clock.now(),
            actor=actor.name,
            action=verb,
            target=f"source/{source.id}",
            reason=reason,
            detail=detail or orjson.loads(source.spec),
        )

    async def _audit(self, worker: SourceWorker, verb: str, actor: Actor, reason: str) -> None:
        await self._shared.audit.add(self._entry(worker.source, verb, actor, reason))
