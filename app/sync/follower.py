"""Following a source: the loop and everything that wakes it."""

import asyncio
from contextlib import AsyncExitStack, suppress

from app.db.records import Source, SyncRun
from app.errors import BadRequest, Unavailable
from app.sync.conditions import Next
from app.sync.findings import FOREIGN
from app.sync.loop import SyncLoop
from app.sync.origin import locate
from app.sync.passes import Parts
from app.sync.reconcile import Reconciler
from app.sync.retention import upkeep
from app.sync.timing import Timing
from app.sync.watch import watch

_FIRST_SECONDS = 30.0
_LATER_SECONDS = 1.0


class Follower:
    """Runs the loop of one source: at the start, by polls, webhooks, edits and on demand."""

    def __init__(self, source: Source, parts: Parts) -> None:
        """`source` as the settings describe it; nothing is opened yet."""
        self._parts = parts
        self._reconciler = Reconciler(source, parts)
        self._loop = SyncLoop(self._pass)
        parts.asked = lambda: self._loop.is_asked
        self._stack = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []
        self.timing = Timing(parts.spec.poll_seconds)

    @property
    def is_busy(self) -> bool:
        """Whether the source is being looked at, or is about to."""
        return self._loop.is_busy

    @property
    def source(self) -> Source:
        """The source as the last run left it."""
        return self._reconciler.source

    async def start(self, *, wait: bool = True) -> None:
        """Register the source and follow it.

        With `wait` a source of which nothing was ever active is awaited; otherwise what was active
        goes on, and a remote that does not answer holds up nothing.
        """
        before = await self._parts.sources.spec(self.source.id)
        source = await self._parts.sources.register(self.source)
        self._reconciler.source = source
        self._reconciler.leader.turn = source.turn
        known = await self._parts.access.is_known(source.id)
        if source.last_applied is not None and known and await self._is_unchanged(source, before):
            self._parts.base = source.last_applied
            if not await self._is_behind(source):
                self._parts.done = source.last_applied, source.last_applied
        self._parts.delivered = await self._parts.sources.deliveries.unfinished(source.id) > 0
        group = await self._stack.enter_async_context(asyncio.TaskGroup())
        self._tasks.append(group.create_task(self._loop.forever(), name="sync"))
        self._tasks.append(group.create_task(self._watch(), name="watch"))
        self.timing.start()
        self.timing.poll(self._poll)
        self.timing.hourly("maintenance", self.maintain)
        seconds = _LATER_SECONDS if source.last_applied else _FIRST_SECONDS
        first = self._loop.wake("start")
        if wait:
            await asyncio.wait([first], timeout=seconds)

    async def _is_unchanged(self, source: Source, before: str | None) -> bool:
        """Return whether what was applied is what the settings of now would make of it.

        Not so after a change of settings, nor where a namespace is another source's: that one may
        be gone.
        """
        if before != source.spec:
            return False
        found = await self._parts.sources.findings(source.id)
        return not any(each.code in FOREIGN for each in found)

    async def _is_behind(self, source: Source) -> bool:
        """Return whether something is invalid: what it inherits may be another one by now."""
        snapshots = await self._parts.sources.activation.snapshots(source.id)
        return any(each.state == "invalid" for each in snapshots.values())

    async def stop(self) -> None:
        """End the loop and the processes that read the repository."""
        self.timing.stop()
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()
        await self._stack.aclose()
        if self._parts.opening is not None:
            self._parts.opening.cancel()
        origin, self._parts.origin = self._parts.origin, None
        if origin is not None:
            await asyncio.to_thread(origin.close)

    def wake(self, cause: str) -> asyncio.Future[SyncRun]:
        """Ask for a run that begins after now; shield its future, others may wait for it, too."""
        return self._loop.wake(cause)

    async def synced(self, cause: str, timeout: float = 60.0) -> SyncRun:
        """Make a run and wait for its end.

        Raises:
            Unavailable: when it does not end within `timeout` seconds, or the service stops.
        """
        asked = self.wake(cause)
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(asked), timeout)
        if not asked.done():
            message = f"the sync goes on, but did not end within {timeout:g} s"
            raise Unavailable(message)
        return asked.result()

    async def _pass(self, cause: str) -> SyncRun:
        """Make a run; after a failure that may pass by itself the next one comes soon."""
        run = await self._reconciler.run(cause)
        failure = self._reconciler.failure
        if failure is None:
            self.timing.succeeded()
        elif failure.next is Next.RETRY:
            self.timing.retry(self._poll)
        if self._parts.opens_at is not None:
            # Our own clock may be a little behind the one of the machine.
            seconds = (self._parts.opens_at - self._parts.clock.now()) / 1_000_000 + 0.01
            self.timing.after(seconds, "window", self._opened)
        return run

    async def _opened(self) -> None:
        """Look again at what waited for a window."""
        self._parts.again = True
        self._loop.wake("window")

    def decided(self) -> asyncio.Future[SyncRun]:
        """Look again at a commit about which somebody decided; shield the future."""
        self._parts.again = True
        return self._loop.wake("decision")

    async def _poll(self) -> None:
        self._loop.wake("poll")

    async def maintain(self) -> None:
        """Tidy up our copy of the repository, and have it fetched anew where it is damaged."""
        if await upkeep(self._parts, self.source):
            self._loop.wake("poll")

    async def _watch(self) -> None:
        """Wake the loop when a file of a working folder is saved."""
        try:
            folder = locate(self._parts.spec, self._parts.home).working_folder
        except BadRequest:
            return  # every run tells of it
        if folder is not None:
            await watch(folder, lambda: self._loop.wake("write"))
