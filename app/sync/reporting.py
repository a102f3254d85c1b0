"""REPORT: those who want to know what a run changed are told after it, one report at a time.

Nothing here holds up a sync: a listener that is slow, or fails, delays and fails alone.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from app.db.activation import Activation
from app.db.records import ActiveFlow, FlowKey, Source, SyncRun
from app.db.sql import Write
from app.git.tips import TipChange
from app.telemetry import get_logger

_LOG = get_logger(__name__)
_WAITING = 10_000


@dataclass(frozen=True, slots=True)
class Report:
    """What a run amounted to."""

    source: Source
    """The source after the run."""
    run: SyncRun
    activated: tuple[ActiveFlow, ...] = ()
    """Flows that are others from now on (tombstones too)."""
    previous: Mapping[FlowKey, ActiveFlow] | None = None
    """What was active before in the namespaces that changed."""
    moved: TipChange | None = None


Listener = Callable[[Report], Awaitable[None]]
Writer = Callable[[Activation, Mapping[FlowKey, ActiveFlow]], Awaitable[Sequence[Write]]]
"""Returns what is written with an activation, by what was active before it."""


class Reporter:
    """Tells listeners about runs, in the order of the runs."""

    def __init__(self) -> None:
        """Start with nobody who listens."""
        self.heard: list[Listener] = []
        self.at_once: list[Callable[[], None]] = []
        """Who hears, before anybody sees that the run has ended, that it changed something."""
        self.with_it: list[Writer] = []
        """Who writes in the transaction of an activation: what must not be lost by a crash."""
        self._waiting: asyncio.Queue[Report] = asyncio.Queue(_WAITING)
        self._task: asyncio.Task[None] | None = None

    def tell(self, report: Report) -> None:
        """Take a report; it is passed on soon."""
        for listener in self.at_once:
            listener()
        with suppress(asyncio.QueueFull):  # listeners that are so far behind catch up by asking
            self._waiting.put_nowait(report)

    async def writes(self, new: Activation, before: Mapping[FlowKey, ActiveFlow]) -> list[Write]:
        """Return what is written with an activation."""
        return [each for writer in self.with_it for each in await writer(new, before)]

    async def start(self, group: asyncio.TaskGroup) -> None:
        """Begin to pass reports on."""
        self._task = group.create_task(self._forever(), name="reports")

    def stop(self) -> None:
        """End; what was not passed on is dropped."""
        if self._task is not None:
            self._task.cancel()

    async def settled(self) -> None:
        """Wait until everything that was told has been heard."""
        await self._waiting.join()

    async def _forever(self) -> None:
        while True:
            report = await self._waiting.get()
            for listener in self.heard:
                await self._pass_on(listener, report)
            self._waiting.task_done()

    async def _pass_on(self, listener: Listener, report: Report) -> None:
        try:
            await listener(report)
        except Exception:  # noqa: BLE001 - whatever it was, the next listener must hear
            _LOG.exception("report not heard", source=report.source.id, run=report.run.id)
