"""When the loop wakes by itself: the poll, the next try after a failure, pins that end."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler.executors.asyncio import AsyncIOExecutor
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

_JITTER = 0.1
_FIRST_RETRY = 1.0

Job = Callable[[], Awaitable[object]]


class _Executor(AsyncIOExecutor):  # type: ignore[misc]  # APScheduler has no types
    """Runs jobs; one that had no time to begin before the end is no error."""

    def _run_job_error(self, job_id: str, exc: BaseException, traceback: Any = None) -> None:
        if not isinstance(exc, asyncio.CancelledError):
            super()._run_job_error(job_id, exc, traceback)


def _quiet(job: Job) -> Job:
    """Return a job that is no error when the end comes before it is done."""

    async def run() -> None:
        with suppress(asyncio.CancelledError):  # only `Timing.stop` cancels a job
            await job()

    return run


class Timing:
    """The clockwork of one sync service."""

    def __init__(self, poll_seconds: float) -> None:
        """`poll_seconds` is how often the repository is asked."""
        self._poll_seconds = poll_seconds
        self._scheduler = AsyncIOScheduler(
            executors={"default": _Executor()},
            timezone=UTC,
            job_defaults={"coalesce": True, "misfire_grace_time": None},
        )
        self._failures = 0

    def start(self) -> None:
        """Begin; jobs may be added before and after."""
        self._scheduler.start()

    def stop(self) -> None:
        """End all of it."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def poll(self, job: Job) -> None:
        """Do something at every poll, ±10 %, so that many nodes do not ask at once."""
        shortest = self._poll_seconds * (1 - _JITTER)
        spread = self._poll_seconds * _JITTER * 2
        trigger = IntervalTrigger(seconds=shortest, timezone=UTC, jitter=spread)
        self._scheduler.add_job(_quiet(job), trigger, id="poll", name="poll")

    def hourly(self, name: str, job: Job) -> None:
        """Do something every hour."""
        trigger = IntervalTrigger(hours=1, timezone=UTC)
        self._scheduler.add_job(_quiet(job), trigger, id=name, name=name)

    def after(self, seconds: float, name: str, job: Job) -> None:
        """Do something once, some seconds from now; a job of the same name is replaced."""
        when = datetime.now(UTC) + timedelta(seconds=max(0.0, seconds))
        trigger = DateTrigger(when)
        self._scheduler.add_job(_quiet(job), trigger, id=name, name=name, replace_existing=True)

    def retry(self, job: Job) -> None:
        """Do something soon: after 1 s, then after twice as long each time, up to a poll."""
        delay = min(_FIRST_RETRY * 2**self._failures, self._poll_seconds)
        self._failures = min(self._failures + 1, 30)
        self.after(delay, "retry", job)

    def succeeded(self) -> None:
        """Forget earlier failures."""
        self._failures = 0
