"""The sources of a node, and which of them a namespace comes from."""

import asyncio
from collections.abc import Iterator, Mapping

from app.config import SourceSettings
from app.errors import NotFound
from app.sync.worker import Shared, SourceWorker, described

MAIN = "main"
"""The id of the source that the section `git` of the settings describes."""


class SourceSet:
    """All sources; most nodes have one."""

    def __init__(self, specs: Mapping[str, SourceSettings], shared: Shared) -> None:
        """Make the sources that the settings describe, the main one first."""
        self.shared = shared
        self._workers: dict[str, SourceWorker] = {}
        for source_id, spec in specs.items():
            self._workers[source_id] = SourceWorker(described(source_id, spec), spec, shared)

    def __iter__(self) -> Iterator[SourceWorker]:
        return iter(list(self._workers.values()))

    def get(self, source_id: str) -> SourceWorker:
        """Return a source; raises `NotFound`."""
        worker = self._workers.get(source_id)
        if worker is None:
            there = ", ".join(self._workers)
            message = f"there is no source {source_id}; there are: {there}"
            raise NotFound(message)
        return worker

    async def owner(self, tenant: str, namespace: str) -> SourceWorker:
        """Return the source that a namespace comes from, or would come from.

        Raises:
            NotFound: when no source may hold it.
        """
        if len(self._workers) == 1:
            return next(iter(self._workers.values()))
        holder = await self.shared.sources.activation.holder(tenant, namespace)
        if holder in self._workers:
            return self._workers[holder]
        for worker in self:  # what names the namespace goes before what takes any
            if worker.ownership.names(tenant, namespace):
                return worker
        for worker in self:
            if worker.ownership.is_open:
                return worker
        message = f"no source holds namespace {namespace} of tenant {tenant}"
        raise NotFound(message)

    async def start(self) -> None:
        """Follow all of them."""
        async with asyncio.TaskGroup() as group:
            for worker in self:
                group.create_task(worker.start())

    async def stop(self) -> None:
        """End all of them."""
        async with asyncio.TaskGroup() as group:
            for worker in self:
                group.create_task(worker.stop())
