"""Work beside the syncs that is done when somebody asks, and again a while after it failed."""

import asyncio
from collections.abc import Awaitable, Callable

from app.telemetry import get_logger

_LOG = get_logger(__name__)
AGAIN = 30.0
"""Seconds until what could not be done is tried again."""


class Errand:
    """One kind of work, done by one task, one time after another."""

    def __init__(self, name: str, work: Callable[[], Awaitable[bool]]) -> None:
        """`work` returns whether all of it is done."""
        self._name = name
        self._work = work
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self, group: asyncio.TaskGroup) -> None:
        """Do what waits from before, and from now on what comes."""
        self._woken.set()
        self._task = group.create_task(self._forever(), name=self._name)

    def stop(self) -> None:
        """End; what waits is done after the next start."""
        if self._task is not None:
            self._task.cancel()

    def wake(self) -> None:
        """Do soon what waits to be done."""
        self._woken.set()

    async def _forever(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            try:
                done = await self._work()
            except Exception:  # noqa: BLE001 - whatever it was, what comes next is done
                _LOG.exception("work was not done", work=self._name)
                done = False
            if not done:
                asyncio.get_running_loop().call_later(AGAIN, self._woken.set)
