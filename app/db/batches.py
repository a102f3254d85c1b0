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
from app.errors import Fenced, Unavailable
from app.telemetry import METRICS


class Subject(Protocol):
    """What several units are about, one after the other: once one is refused, all later ones are.

    Otherwise a gap would open in a journal when a write fails and the next, queued already, does
    not.
    """

    refused: bool


@dataclass(slots=True)
class Unit:
    """Writes that belong together, and the future that tells of their commit."""

    writes: Sequence[Write]
    done: asyncio.Future[list[int]]
    """Row counts, one per write that has no rank."""
    subject: Subject | None = None
    follows: Subject | None = None
    """Another subject, without whose writes before this one it must not be."""
    counts: list[int] = field(default_factory=list)
    error: Exception | None = None

    @property
    def refused(self) -> bool:
        """Whether an earlier unit about the same subject was refused, or about that it follows."""
        return any(each is not None and each.refused for each in (self.subject, self.follows))

    def refuse(self, error: Exception) -> None:
        """Note why the unit is not committed; what follows it is not, either."""
        self.error = error
        if self.subject is not None:
            self.subject.refused = True


class Driver(Protocol):
    """Commits batches to one kind of database."""

    async def commit(self, units: Sequence[Unit]) -> None:
        """Commit all units in one transaction; if that fails, each alone.

        A unit that fails is told by `refuse`; one whose subject is `refused` by then is left out.
        """
        ...


class Batches:
    """The one writer of a node."""

    def __init__(self, driver: Driver, most: int) -> None:
        """Write through `driver`, at most `most` units in one commit."""
        self._driver = driver
        self._most = most
        self._pending: list[Unit] = []
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def submit(
        self,
        writes: Sequence[Write],
        subject: Subject | None = None,
        follows: Subject | None = None,
    ) -> asyncio.Future[list[int]]:
        """Queue a unit; the future is done when it is durable.

        Raises (through the future):
            Unavailable: when the database is closed.
        """
        loop = asyncio.get_running_loop()
        unit = Unit(writes, loop.create_future(), subject, follows)
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
            batch, self._pending = self._pending[: self._most], self._pending[self._most :]
            with METRICS.journal_commit_seconds.time():
                await self._commit([unit for unit in batch if not _stale(unit)])
            METRICS.journal_batch.observe(len(batch))
            for unit in batch:
                _settle(unit)
        self._task = None

    async def _commit(self, units: Sequence[Unit]) -> None:
        try:
            if units:
                await self._driver.commit(units)
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must hear of it
            for unit in units:
                unit.refuse(unit.error or error)

    async def close(self) -> None:
        """Commit what is queued and take no more."""
        self._closed = True
        if self._task is not None:
            await self._task


def _stale(unit: Unit) -> bool:
    if unit.refused:
        unit.refuse(Fenced("an earlier write of the same execution was refused"))
    return unit.error is not None


def _settle(unit: Unit) -> None:
    if unit.done.cancelled():
        return
    if unit.error is None:
        unit.done.set_result(unit.counts)
        return
    unit.done.set_exception(unit.error)
    unit.done.exception()  # a caller need not wait for it; an unseen failure is no warning
