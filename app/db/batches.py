"""Group commit: what many callers write in one turn of the loop becomes one transaction.

A unit is all or nothing. Units are committed in the order of submission; while one batch is being
committed the next one gathers, so that the cost of a flush to the disk is shared by all that came
meanwhile. There is no timer: a lone unit is committed at once.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from app.db.sql import Write
from app.errors import Unavailable

MAX_UNITS = 1024


@dataclass(slots=True)
class Unit:
    """Writes that belong together, and the future that tells of their commit."""

    writes: Sequence[Write]
    done: asyncio.Future[list[int]]
    """Row counts, one per write that has no rank."""
    counts: list[int] = field(default_factory=list)
    error: Exception | None = None


class Driver(Protocol):
    """Commits batches to one kind of database."""

    async def commit(self, units: Sequence[Unit]) -> None:
        """Commit all units in one transaction; if that fails, each alone, and set its `error`."""
        ...


class Batches:
    """The one writer of a node."""

    def __init__(self, driver: Driver) -> None:
        """Write through `driver`."""
        self._driver = driver
        self._pending: list[Unit] = []
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def submit(self, writes: Sequence[Write]) -> asyncio.Future[list[int]]:
        """Queue a unit; the future is done when it is durable.

        Raises (through the future):
            Unavailable: when the database is closed.
        """
        loop = asyncio.get_running_loop()
        unit = Unit(writes, loop.create_future())
        if self._closed:
            unit.done.set_exception(Unavailable("the database is closed"))
            unit.done.exception()
            return unit.done
        self._pending.append(unit)
        if self._task is None:
            self._task = loop.create_task(self._drain())
        return unit.done

    async def _drain(self) -> None:
        while self._pending:
            batch, self._pending = self._pending[:MAX_UNITS], self._pending[MAX_UNITS:]
            try:
                await self._driver.commit(batch)
            except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must hear of it
                for unit in batch:
                    unit.error = unit.error or error
            for unit in batch:
                _settle(unit)
        self._task = None

    async def close(self) -> None:
        """Commit what is queued and take no more."""
        self._closed = True
        if self._task is not None:
            await self._task


def _settle(unit: Unit) -> None:
    if unit.done.cancelled():
        return
    if unit.error is None:
        unit.done.set_result(unit.counts)
        return
    unit.done.set_exception(unit.error)
    unit.done.exception()  # a caller need not wait for it; an unseen failure is no warning
