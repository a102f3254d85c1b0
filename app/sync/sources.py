"""The sources of a node, and which of them a namespace comes from."""

import asyncio
from collections.abc import Iterator, Mapping

import orjson

from app.config import SourceSettings
from app.db.records import Source
from app.errors import HeadwaterError, NotFound
from app.sync.opening import open_copy
from app.sync.ownership import NOTHING, Ownership
from app.sync.specs import read_spec
from app.sync.worker import Shared, SourceWorker, described
from app.telemetry import get_logger

MAIN = "main"
"""The id of the source that the section `git` of the settings describes."""

_LOG = get_logger(__name__)


class SourceSet:
    """All sources; most nodes have one."""

    def __init__(self, specs: Mapping[str, SourceSettings], shared: Shared) -> None:
        """Make the sources that the settings describe, the main one first."""
        self.shared = shared
        self.configured = dict(specs)
        self._workers: dict[str, SourceWorker] = {}
        self._owned: dict[str, Ownership] = {}
        """What sources owned that are not followed now."""
        self._orphaned: dict[str, set[str]] = {}
        """Those that are not followed any more, while flows of theirs run on: of which tenants."""
        shared.claims.released = self._wake_others
        shared.heirs.wake = self._look_again
        shared.tenants.order = lambda: [*self._workers, *sorted(self._orphaned)]
        for source_id, spec in specs.items():
            self.put(described(source_id, spec), spec)

    def __iter__(self) -> Iterator[SourceWorker]:
        return iter(list(self._workers.values()))

    def __contains__(self, source_id: str) -> bool:
        return source_id in self._workers

    def get(self, source_id: str) -> SourceWorker:
        """Return a source; raises `NotFound`."""
        worker = self._workers.get(source_id)
        if worker is None:
            there = ", ".join(self._workers)
            message = f"there is no source {source_id}; there are: {there}"
            raise NotFound(message)
        return worker

    def put(self, source: Source, spec: SourceSettings) -> SourceWorker:
        """Make a source, in place of one with the same id; it is not started yet."""
        ownership = Ownership.of(spec, self._within(source.parent) if source.parent else None)
        worker = SourceWorker(source, spec, self.shared, ownership)
        self._workers[source.id] = worker
        self.shared.claims.add(source.id, ownership, source.parent)
        return worker

    def _within(self, parent: str) -> Ownership:
        """Return what a parent owns; of one that is not followed now, what it owned."""
        worker = self._workers.get(parent)
        return worker.ownership if worker else self._owned.get(parent, NOTHING)

    def drop(self, source_id: str) -> None:
        """Forget a source, which is stopped; what it held is free."""
        self._orphaned.pop(source_id, None)
        self._workers.pop(source_id, None)
        self.shared.claims.remove(source_id)

    async def owner(self, tenant: str, namespace: str) -> SourceWorker:
        """Return the source that a namespace comes from, or would come from.

        Raises:
            NotFound: when no source may hold it.
        """
        owner = self.shared.claims.owner(tenant, namespace)
        if owner is not None:
            return self._workers[owner]
        message = f"no source holds namespace {namespace} of tenant {tenant}"
        raise NotFound(message)

    def tenants(self) -> set[str]:
        """Return the tenants of which something runs."""
        return self.shared.claims.tenants().union(*self._orphaned.values())

    async def is_orphaned(self, tenant: str, namespace: str) -> bool:
        """Whether a namespace comes from a source that is not followed any more."""
        return await self.shared.sources.activation.holder(tenant, namespace) in self._orphaned

    async def load(self) -> None:
        """Learn which there are and what each one holds, before anything asks for it.

        Whose secrets, variables and grants count is known from here on; what copies of repositories
        say can be read.
        """
        await self._load()
        self.shared.tenants.complete = True
        await self.shared.tenants.refresh()
        async with asyncio.TaskGroup() as group:
            for worker in self:
                group.create_task(open_copy(worker.parts))

    async def start(self) -> None:
        """Follow all of them, also those that the API or a repository has added."""
        if not self.shared.tenants.complete:
            await self.load()
        async with asyncio.TaskGroup() as group:
            for worker in self:
                group.create_task(worker.start())

    async def stop(self) -> None:
        """End all of them."""
        async with asyncio.TaskGroup() as group:
            for worker in self:
                group.create_task(worker.stop())

    async def _load(self) -> None:
        """Add the stored sources, and learn what each one holds."""
        store = self.shared.sources
        stored = await store.all()
        self._owned = {each.id: _owned_by(each) for each in stored if each.id not in self._workers}
        for source in sorted(stored, key=lambda each: each.parent is not None):
            if source.origin == "config" or source.id in self._workers:
                continue
            try:
                self.put(source, read_spec(orjson.loads(source.spec)))
            except HeadwaterError as error:
                _LOG.error("source not followed", source=source.id, reason=error.message)
        left = {each.id for each in stored} - self._workers.keys()
        for flow in self.shared.flows.active():
            if flow.source_id in left:
                self._orphaned.setdefault(flow.source_id, set()).add(flow.tenant)
        for worker in self:
            held = await store.activation.snapshots(worker.id)
            self.shared.claims.hold(worker.id, [key for key, each in held.items() if each.tree])

    def _wake_others(self, source_id: str) -> None:
        """Let the other sources look again at what one of them has let go of."""
        for worker in self:
            if worker.id != source_id and worker.parts.refused:
                worker.parts.done = worker.parts.base = None
                worker.follower.wake("poll")

    def _look_again(self, source_id: str) -> None:
        """Let a source look again at what of it is not active."""
        worker = self._workers.get(source_id)
        if worker is not None:
            worker.parts.done = None
            worker.follower.wake("poll")


def _owned_by(source: Source) -> Ownership:
    """Return what a source owned when it was followed last."""
    return Ownership.of(SourceSettings.model_construct(**orjson.loads(source.spec)))
