"""When the triggers of a flow fire next, as far as their document tells."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any, Final, NamedTuple

from app.errors import HeadwaterError
from app.expressions import Environment, compile_template
from app.flows.condition_rules import Context, holds
from app.flows.conditions import Condition
from app.flows.flow import Flow
from app.flows.schedule_dates import Calendar
from app.flows.trigger_types import Schedule, ScheduleOnDates
from app.flows.triggers import Trigger
from app.flows.values import is_template
from app.flows.zoned import read_moment, zoned_text
from app.flows.zones import zone_named

COUNT: Final = 3
"""How many dates are told of each trigger."""


class Times(NamedTuple):
    """From when on dates are told, and the server's time zone."""

    now: datetime
    zone: tzinfo = UTC

    def of(self, flow: Flow, trigger: Trigger) -> tuple[str, ...]:
        """Return the next dates of a trigger in UTC (blocking); none where it has no dates.

        Conditions that cannot be decided without a server count as met.
        """
        if flow.disabled or trigger.disabled:
            return ()
        if isinstance(trigger, ScheduleOnDates):
            found = self._listed(trigger)
        elif isinstance(trigger, Schedule):
            found = self._scheduled(flow, trigger)
        else:
            found = []
        return tuple(_told(date) for date in found)

    def _listed(self, trigger: ScheduleOnDates) -> Sequence[datetime]:
        texts = trigger.dates if isinstance(trigger.dates, list) else []
        there = zone_named(trigger.timezone) if trigger.timezone else self.zone
        dates = []
        for text in texts:
            if is_template(str(text)):
                continue
            try:
                date = read_moment(str(text))
            except HeadwaterError:
                continue
            dates.append(date if date.tzinfo else date.replace(tzinfo=there))
        return sorted(date for date in dates if date > self.now)[:COUNT]

    def _scheduled(self, flow: Flow, trigger: Schedule) -> Sequence[datetime]:
        calendar = Calendar.of(trigger, self.zone)
        if calendar.conditions:
            try:
                return asyncio.run(_holding(calendar, flow, trigger, self.now))
            except HeadwaterError:
                pass
        dates: list[datetime] = []
        date: datetime | None = self.now
        while len(dates) < COUNT and date is not None and (date := calendar.next(date)):
            dates.append(date)
        return dates


async def _holding(
    calendar: Calendar, flow: Flow, trigger: Schedule, now: datetime
) -> Sequence[datetime]:
    async def met(condition: Condition, date: datetime) -> bool:
        about = {"date": zoned_text(date.astimezone(calendar.zone))}
        return await holds(condition, _context(flow, trigger, about))

    dates: list[datetime] = []
    date: datetime | None = now
    while len(dates) < COUNT and date is not None:
        date = await calendar.next_holding(date, met)
        if date is not None:
            dates.append(date)
    return dates


def _context(flow: Flow, trigger: Trigger, about: dict[str, str]) -> Context:
    known = {
        "trigger": {"id": trigger.id, "type": trigger.type, **about},
        "schedule": about,
        "flow": {"id": flow.id, "namespace": flow.namespace},
    }

    async def render(template: str, **extra: Any) -> str:
        return compile_template(template).render({**known, **extra}, Environment())

    return Context(render, flow.namespace, flow.id)


def _told(date: datetime) -> str:
    return date.astimezone(UTC).isoformat().replace("+00:00", "Z")
