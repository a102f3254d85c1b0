"""When triggers are due: the dates of schedules, of lists of dates, of polls, of windows."""

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any

from app.engine.preview import Preview
from app.errors import HeadwaterError, Invalid
from app.flows.condition_rules import Context, holds
from app.flows.conditions import Condition
from app.flows.model import Trigger
from app.flows.schedule_dates import Calendar, micros, moment
from app.flows.trigger_types import FlowTrigger, HttpTrigger, Schedule, ScheduleOnDates
from app.flows.windows import frame_of_second
from app.flows.zoned import read_moment, zoned_text
from app.flows.zones import zone_named
from app.telemetry import get_logger

_LOG = get_logger(__name__)
LEAST_POLL = timedelta(seconds=5)
"""No service is called more often (security case 110)."""


class ScheduleDates:
    """The dates of one schedule, with what its expressions see at each."""

    def __init__(self, trigger: Schedule, preview: Preview, zone: tzinfo, flow: str) -> None:
        """Look from `preview`; `zone` is the server's, `flow` names the flow in warnings."""
        self.calendar = Calendar.of(trigger, zone)
        self._trigger = trigger
        self._preview = preview
        self._flow = flow

    async def next(self, after: datetime) -> datetime | None:
        """Return the next date at which the conditions hold; the next of all if they fail."""
        if not self.calendar.conditions:
            return self.calendar.next(after)
        try:
            return await self.calendar.next_holding(after, self._holds)
        except HeadwaterError as error:
            _LOG.warning("a condition failed", trigger=self._name, reason=error.message)
            return self.calendar.next(after)

    async def variables(self, date: datetime) -> dict[str, str]:
        """Return `trigger` in expressions: the date, the one before, the next; in its zone."""
        there = date.astimezone(self.calendar.zone)
        found = {"date": there, "next": await self.next(there)}
        found["previous"] = await self.previous(there)
        return {name: zoned_text(each) for name, each in found.items() if each is not None}

    @property
    def _name(self) -> str:
        return f"{self._flow}.{self._trigger.id}"

    async def previous(self, before: datetime) -> datetime | None:
        """Return the last date before at which the conditions hold; of all dates if they fail."""
        if not self.calendar.conditions:
            return self.calendar.previous(before)
        try:
            return await self.calendar.previous_holding(before, self._holds)
        except HeadwaterError:
            return self.calendar.previous(before)

    async def _holds(self, condition: Condition, date: datetime) -> bool:
        there = {"date": zoned_text(date.astimezone(self.calendar.zone))}
        return await holds(condition, seeing(self._preview, self._trigger, there))


def seeing(preview: Preview, trigger: Trigger, variables: dict[str, str]) -> Context:
    """Return what the conditions of a schedule are asked with at a date."""
    about = {"id": trigger.id, "type": trigger.type, **variables}
    flow = preview.variables["flow"]

    async def render(template: str, **extra: Any) -> str:
        return await preview.public(template, **{"trigger": about, "schedule": variables, **extra})

    return Context(render, flow["namespace"], flow["id"])


async def listed_dates(
    trigger: ScheduleOnDates, preview: Preview, zone: tzinfo
) -> Sequence[datetime]:
    """Return the dates of a list, in order.

    Raises:
        HeadwaterError: when one cannot be rendered or is no date.
    """
    there = zone_named(trigger.timezone) if trigger.timezone else zone
    rendered = await preview.deep(trigger.dates)
    if not isinstance(rendered, list):
        message = f"trigger {trigger.id}: `dates` is no list"
        raise Invalid(message)
    dates = (read_moment(str(each)) for each in rendered)
    return sorted(date if date.tzinfo else date.replace(tzinfo=there) for date in dates)


async def next_due(
    trigger: Trigger, preview: Preview, after: int, now: datetime, flow: str
) -> int | None:
    """Return when a trigger is due next, later than `after` (µs); None if never.

    `now` is in the server's zone.
    """
    zone = now.tzinfo
    if isinstance(trigger, Schedule) and zone is not None:
        date = await ScheduleDates(trigger, preview, zone, flow).next(moment(after))
        return None if date is None else micros(date)
    if isinstance(trigger, ScheduleOnDates) and zone is not None:
        dates = await listed_dates(trigger, preview, zone)
        return next((micros(date) for date in dates if micros(date) > after), None)
    if isinstance(trigger, HttpTrigger):
        return after
    if isinstance(trigger, FlowTrigger) and trigger.on_miss and trigger.depends_on:
        return window_end(trigger, moment(after).astimezone(zone))
    return None


def window_end(trigger: FlowTrigger, at: datetime) -> int | None:
    """Return when the window that `at` lies in has ended (µs), None if it has no such end."""
    frame = frame_of_second(trigger.window)
    if not frame.ends:
        return None
    end = frame.span(at)[1]
    if end < at:
        end = frame.span(at + timedelta(days=1))[1]
    return micros(end) + 1_000
