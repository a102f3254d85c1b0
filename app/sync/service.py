"""The sync service: what the API, the CLI and the node know of Git."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

from app.config import Settings
from app.db.flows import FlowStore
from app.db.records import Source, StoredFinding, SyncRun
from app.db.sources import SourceStore
from app.errors import NotFound, Unavailable
from app.flows.typenames import Types
from app.ports import Clock, FlowRevision
from app.sync.contents import Contents
from app.sync.indexing import Indexer
from app.sync.loop import SyncLoop
from app.sync.model import Actor, FlowWrite
from app.sync.passes import Parts
from app.sync.reconcile import Reconciler
from app.sync.writes import Writes

SOURCE = "main"
"""The id of the one source that a node has."""


class SyncService:
    """Follows the repository of flows, and writes to it."""

    def __init__(
        self,
        settings: Settings,
        sources: SourceStore,
        flows: FlowStore,
        types: Types,
        clock: Clock,
    ) -> None:
        """Nothing is opened yet."""
        self._settings = settings
        self._sources = sources
        self._flows = flows
        self._clock = clock
        contents = Contents(types, settings.git.max_flow_bytes)
        indexer = Indexer(SOURCE, sources, contents)
        self._parts = Parts(settings, sources, flows, types, clock, contents, indexer)
        self._reconciler = Reconciler(_described(settings), self._parts)
        self._loop = SyncLoop(self._reconciler.run)
        self._writes = Writes(self._parts, self._synced)
        self._stack = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Register the source and follow it; a source without any flow yet is awaited."""
        source = await self._sources.register(_described(self._settings))
        self._reconciler.source = source
        if source.last_applied is not None:
            self._parts.done = source.last_applied, source.last_applied
        group = await self._stack.enter_async_context(asyncio.TaskGroup())
        self._tasks.append(group.create_task(self._loop.forever(), name="sync"))
        first = self._loop.wake("start")
        await asyncio.wait([first], timeout=1.0 if source.last_applied else 30.0)

    async def stop(self) -> None:
        """End the loop and the reading processes."""
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()
        await self._stack.aclose()
        if self._parts.origin is not None:
            await asyncio.to_thread(self._parts.origin.close)
            self._parts.origin = None

    # -- status ----------------------------------------------------------------------------------

    @property
    def source(self) -> Source:
        """The source of this node, as the last run left it."""
        return self._reconciler.source

    async def sources(self) -> list[Source]:
        """Return all sources."""
        return await self._sources.all()

    async def runs(self, source_id: str = SOURCE, limit: int = 50) -> list[SyncRun]:
        """Return the newest runs of a source, newest first; raises `NotFound`."""
        return await self._sources.runs(_known(source_id), limit)

    async def run(self, run_id: str) -> SyncRun:
        """Return a run; raises `NotFound`."""
        return await self._sources.run(run_id)

    async def findings(
        self, source_id: str = SOURCE, open_only: bool = True
    ) -> list[StoredFinding]:
        """Return what is wrong in a source's commits, by path and line; raises `NotFound`."""
        return await self._sources.findings(_known(source_id), open_only=open_only)

    # -- verbs -----------------------------------------------------------------------------------

    async def sync(
        self,
        source_id: str = SOURCE,
        cause: str = "manual",
        wait: bool = True,
        timeout: float = 30.0,
    ) -> SyncRun | None:
        """Look at the repository now; return the run, None if it goes on without us.

        Raises:
            NotFound: when there is no such source.
            Unavailable: when the run does not end within `timeout` seconds.
        """
        _known(source_id)
        asked = self._loop.wake(cause)
        return await self._ended(asked, timeout) if wait else None

    async def _synced(self, cause: str) -> SyncRun:
        return await self._ended(self._loop.wake(cause), 60.0)

    async def _ended(self, asked: asyncio.Future[SyncRun], timeout: float) -> SyncRun:
        try:
            return await asyncio.wait_for(asyncio.shield(asked), timeout)
        except TimeoutError:
            message = f"the sync goes on, but did not end within {timeout:g} s"
            raise Unavailable(message) from None

    async def put_flow(
        self,
        tenant: str,
        namespace: str | None,
        flow_id: str | None,
        source: str,
        *,
        actor: Actor,
        message: str | None = None,
        create: bool | None = None,
    ) -> FlowRevision:
        """Commit a flow and activate it; return the revision that runs from now on.

        `create`: True: it must not exist, False: it must, None: either.

        Raises:
            Invalid: with `problems`, when the source is no valid flow, or the flow exists.
            NotFound: when it does not. Conflict: when the source is read-only.
        """
        return await self._writes.put(
            tenant, namespace, flow_id, source, actor=actor, message=message, create=create
        )

    async def put_flows(
        self,
        tenant: str,
        flows: Sequence[FlowWrite | tuple[str, str, str | None]],
        *,
        actor: Actor,
        message: str | None = None,
    ) -> list[FlowRevision | None]:
        """Write and delete several flows in one commit; None stands for a deleted one."""
        wanted = [FlowWrite(*each) for each in flows]
        return await self._writes.put_all(tenant, wanted, actor=actor, message=message)

    async def delete_flow(
        self,
        tenant: str,
        namespace: str,
        flow_id: str,
        actor: Actor,
        *,
        message: str | None = None,
    ) -> None:
        """Commit the deletion of a flow; raises `NotFound`, `Gone`, `Conflict`."""
        await self._writes.delete(tenant, namespace, flow_id, actor=actor, message=message)


def _known(source_id: str) -> str:
    if source_id != SOURCE:
        message = f"there is no source {source_id}; this node has one, {SOURCE}"
        raise NotFound(message)
    return source_id


def _described(settings: Settings) -> Source:
    """Return the source that the settings describe."""
    git = settings.git
    return Source(
        id=SOURCE,
        tenant="main",
        url=git.repo or "",
        ref=git.ref,
        root=git.root.strip("/"),
        layout=git.layout,
        edit_mode=git.edit_mode,
        atomic=git.atomic,
    )
