"""One loop per source: a pass that runs and at most one that waits; causes are joined."""

import asyncio
from collections.abc import Awaitable, Callable

from app.db.records import SyncRun
from app.errors import Unavailable

_RANK = ("poll", "window", "start", "webhook", "write", "decision", "manual")
"""Of causes that are joined the last one here is kept."""


class SyncLoop:
    """Runs passes one after the other, as often as somebody asks for one."""

    def __init__(self, run: Callable[[str], Awaitable[SyncRun]]) -> None:
        """`run` makes one pass for a cause and never raises for what Git or a flow says."""
        self._run = run
        self._wake = asyncio.Event()
        self._cause: str | None = None
        self._next: asyncio.Future[SyncRun] | None = None
        self._current: asyncio.Future[SyncRun] | None = None

    @property
    def is_asked(self) -> bool:
        """Whether somebody has asked for a pass that has not begun."""
        return self._next is not None

    @property
    def is_busy(self) -> bool:
        """Whether a pass runs, or is about to."""
        return self._current is not None or self._next is not None

    def wake(self, cause: str) -> asyncio.Future[SyncRun]:
        """Ask for a pass that begins after now; return the future of its run.

        Many may wait for one future: shield it.
        """
        if self._next is None or self._next.done():
            self._next = asyncio.get_running_loop().create_future()
        if self._cause is None or _RANK.index(cause) > _RANK.index(self._cause):
            self._cause = cause
        self._wake.set()
        return self._next

    async def forever(self) -> None:
        """Make passes until cancelled; whoever waits then hears `Unavailable`."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                await self._pass()
        finally:
            for waiting in (self._current, self._next):
                if waiting is not None:
                    _fail(waiting, Unavailable("the service stops"))

    async def _pass(self) -> None:
        asked, cause = self._next, self._cause
        self._next, self._cause, self._current = None, None, asked
        if asked is None or cause is None:
            return
        try:
            run = await self._run(cause)
        except Exception as error:  # noqa: BLE001 - the loop goes on; whoever waits is told
            _fail(asked, error)
        else:
            if not asked.done():
                asked.set_result(run)
        self._current = None


def _fail(waiting: asyncio.Future[SyncRun], error: Exception) -> None:
    if not waiting.done():
        waiting.set_exception(error)
        waiting.exception()  # nobody need wait for it; an unseen failure is no warning
