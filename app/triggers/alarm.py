"""The alarm clock of triggers: one job of APScheduler, whatever the number of triggers."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.date import DateTrigger

from app.flows.schedule_dates import moment

_NAME: Final = "triggers"


class ScheduledAlarm:
    """Rings once at a time (see `parts.Alarm`)."""

    def __init__(self, scheduler: AsyncIOScheduler) -> None:
        """Ring by a job of `scheduler`."""
        self._scheduler = scheduler
        self.ring: Callable[[], None] = _silent

    def set(self, at: int | None) -> None:
        """Ring at this time (µs since the epoch), None: not at all."""
        if at is None:
            if self._scheduler.get_job(_NAME) is not None:
                self._scheduler.remove_job(_NAME)
            return
        when = max(moment(at), datetime.now(UTC))
        self._scheduler.add_job(
            self._ring, DateTrigger(when), id=_NAME, replace_existing=True, misfire_grace_time=None
        )

    async def _ring(self) -> None:  # a coroutine, so that it runs on the loop
        self.ring()


def _silent() -> None:
    pass
