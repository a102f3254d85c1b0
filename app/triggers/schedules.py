"""Schedules: a date that is due becomes an execution, and the next date is stored.

The order is create, then store. A crash in between finds the date due again, and the claim of the
date finds the execution that exists (contract D7).
"""

from dataclasses import replace

from app.db.trigger_records import TriggerState
from app.engine.preview import Preview
from app.errors import HeadwaterError
from app.flows.condition_rules import all_hold, is_true
from app.flows.schedule_dates import moment
from app.flows.trigger_types import Schedule
from app.flows.triggers import Trigger
from app.flows.zoned import zoned_text
from app.ports import LoadedFlow
from app.telemetry import METRICS
from app.triggers.dates import seeing
from app.triggers.parts import TriggerParts
from app.triggers.starts import Fire, Started, start_or_tell, tell
from app.triggers.times import Times, running_backfill


class Schedules:
    """Evaluates schedules that are due."""

    def __init__(self, parts: TriggerParts) -> None:
        """Work on these parts."""
        self._parts = parts

    async def evaluate(
        self, state: TriggerState, loaded: LoadedFlow, trigger: Trigger, preview: Preview
    ) -> tuple[TriggerState, Started | None]:
        """Fire a trigger that is due, if its conditions hold.

        Returns: its new state, to be stored, and what was started.

        Raises:
            TooMany, Unavailable: when it has to be tried again later.
            NotFound, Gone, Conflict: when the flow is not there any more, or disabled.
        """
        times = Times(self._parts, trigger, preview, state)
        planned = await times.planned()
        if planned is None or planned > self._parts.clock.now():
            return replace(state, next_at=planned), None
        started = await self._fire(state, loaded, trigger, preview, times, planned)
        return await times.after(planned), started

    async def _fire(
        self,
        state: TriggerState,
        loaded: LoadedFlow,
        trigger: Trigger,
        preview: Preview,
        times: Times,
        planned: int,
    ) -> Started | None:
        variables = await times.variables(planned)
        fire = _fire_of(state, loaded, trigger, variables, planned)
        try:
            wanted = await self._holds(trigger, preview, variables)
        except HeadwaterError as error:
            started = await tell(self._parts, fire, error.message)
        else:
            if not wanted:
                return None
            started = await start_or_tell(self._parts, fire, preview)
        late = self._parts.clock.now() - planned
        if started.fresh and state.backfill is None:
            METRICS.trigger_late_seconds.observe(late / 1_000_000)
        return started

    async def _holds(self, trigger: Trigger, preview: Preview, variables: dict[str, str]) -> bool:
        context = seeing(preview, trigger, variables)
        older = (trigger.schedule_conditions or []) if isinstance(trigger, Schedule) else []
        if not await all_hold([*trigger.conditions, *older], context):
            return False
        return trigger.when is None or is_true(await context.render(trigger.when))


def _fire_of(
    state: TriggerState,
    loaded: LoadedFlow,
    trigger: Trigger,
    variables: dict[str, str],
    planned: int,
) -> Fire:
    backfill = running_backfill(state)
    key = zoned_text(moment(planned))
    inputs = getattr(trigger, "inputs", None) or {}
    if backfill is not None:
        key = f"{key}#{backfill.made_at}"
        inputs = {**inputs, **(backfill.inputs or {})}
    return Fire(
        loaded,
        trigger,
        key,
        variables,
        inputs,
        labels=tuple(backfill.labels) if backfill is not None else (),
        top={"schedule": variables} if variables else {},
        date=planned,
    )
