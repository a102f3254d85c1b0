"""Recovery: takes up what a dead process left, wakes what is due, repairs what was lost (D5)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Protocol

from app.engine.limits import Limits
from app.errors import HeadwaterError
from app.ports import Clock, Executions
from app.telemetry import METRICS, get_logger

_LOG = get_logger(__name__)
_MICROSECONDS = 1_000_000


class Loader(Protocol):
    """Brings executions into memory."""

    async def load_all(self, ids: Sequence[str]) -> list[str]:
        """Bring in what is not in memory yet and drive it; what has ended meanwhile is left.

        Returns those that cannot be driven now: what they need does not answer.
        """
        ...

    def known(self, execution_id: str) -> bool:
        """Whether it is in memory, or on its way in or out."""
        ...

    async def repair(self) -> None:
        """Mend what holds up executions that wait for their turn."""
        ...


_BATCH = 500
"""Executions taken up at once."""
_DUE = 1000
"""Executions that are due and asked for at once."""


class Recovery:
    """Watches the database for executions that should move.

    `recovered` is set when everything interrupted has been taken up; `repairs` counts what had been
    lost while the process ran, which without faults is nothing.
    """

    def __init__(
        self, executions: Executions, clock: Clock, loader: Loader, limits: Limits
    ) -> None:
        """Look at `executions`, bring them in through `loader`."""
        self._executions = executions
        self._clock = clock
        self._loader = loader
        self._limits = limits
        self._wake = asyncio.Event()
        self._wake_at: int | None = None
        self._repair_at = 0
        self._retry_at = 0
        self._waiting: set[str] = set()
        self.recovered = asyncio.Event()
        self.repairs = 0

    async def watch(self) -> None:
        """Recover, then sweep for ever."""
        while not await self._guarded(self._recover):
            await self._pause(self._limits.sweep)
        self.recovered.set()
        while True:
            await self._pause(self._until_wake())
            await self._guarded(self._sweep)

    async def _pause(self, seconds: float) -> None:
        self._wake.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    def due_at(self, time: int | None) -> None:
        """Look again at this time (µs), if nothing is due earlier."""
        if time is not None and (self._wake_at is None or time < self._wake_at):
            self._wake_at = time
            self._wake.set()

    def later(self, execution_id: str) -> None:
        """Try an execution with the next sweep: what it needs does not answer now."""
        self._waiting.add(execution_id)

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> bool:
        try:
            await work()
        except HeadwaterError as error:
            _LOG.warning("a sweep failed and is tried again", reason=error.message)
            return False
        return True

    def _until_wake(self) -> float:
        if self._wake_at is None:
            return self._limits.sweep
        delay = (self._wake_at - self._clock.now()) / _MICROSECONDS
        return min(max(delay, 0.001), self._limits.sweep)

    async def _recover(self) -> None:
        await self._loader.repair()
        after = ""
        while ids := await self._executions.unfinished(after, _BATCH):
            await self._load(ids)
            after = ids[-1]
        await self._load(await self._executions.parents_of_ended())
        self._repair_later()
        await self._sweep()

    async def _sweep(self) -> None:
        now = self._clock.now()
        most = _DUE + len(self._waiting)  # so that what has to wait hides no others
        due = await self._executions.due(now, most)
        await self._load([*self._ready(due, now)])
        # What is due and cannot be driven is tried with the next sweep, not over and over.
        more = len(due) == most and not self._waiting
        self._wake_at = now if more else await self._executions.next_wake(now)
        if self._clock.now() >= self._repair_at:
            self._repair_later()
            await self._repair()

    def _ready(self, due: Sequence[str], now: int) -> set[str]:
        """Return what is due; and what had to wait, however often others are due meanwhile once."""
        if now < self._retry_at:
            return set(due) - self._waiting
        self._retry_at = now + int(self._limits.sweep * _MICROSECONDS)
        waiting, self._waiting = self._waiting, set()
        return waiting.union(due)

    def _repair_later(self) -> None:
        self._repair_at = self._clock.now() + int(self._limits.repair * _MICROSECONDS)

    async def _repair(self) -> None:
        """Bring back what should be in memory and is not, as after a refused write."""
        await self._loader.repair()
        open_ids = await self._executions.unfinished()
        missing = [each for each in open_ids if not self._loader.known(each)]
        lost = [each for each in missing if each not in self._waiting]
        self.repairs += len(lost)
        METRICS.sweeper_repairs.labels("not in memory").inc(len(lost))
        await self._load(lost)

    async def _load(self, ids: Sequence[str]) -> None:
        """Bring in executions; those that have to wait are tried again with the next sweep."""
        for start in range(0, len(ids), _BATCH):
            self._waiting.update(await self._loader.load_all(ids[start : start + _BATCH]))
