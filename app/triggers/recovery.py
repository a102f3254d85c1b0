"""At the start of the service: what to do about the dates that were missed."""

from dataclasses import replace

from app.db.trigger_records import TriggerState
from app.engine.preview import Preview
from app.flows.schedule_dates import moment
from app.flows.triggers import Trigger
from app.flows.zoned import zoned_text
from app.triggers.parts import TriggerParts
from app.triggers.starts import claim_of
from app.triggers.times import Times, running_backfill


async def caught_up(
    parts: TriggerParts, state: TriggerState, trigger: Trigger, preview: Preview
) -> TriggerState:
    """Return the state at the start of the service: what was missed is made up for, or not."""
    now, due = parts.clock.now(), state.next_at
    if due is None or due > now or running_backfill(state) is not None:
        return state
    rule = getattr(trigger, "recover_missed_schedules", None)
    times = Times(parts, trigger, preview, state)
    state = await _adopted(parts, state, trigger, times)
    due = state.next_at
    if due is None or due > now:
        return state
    match rule or parts.settings.recover_missed_schedules:
        case "NONE":
            return replace(state, next_at=await times.next(now))
        case "LAST":
            return replace(state, next_at=await _newest(times, due, now, 1))
        case _:
            most = parts.settings.recover_most
            if now - due <= most * 1_000_000:  # no schedule has more than one date a second
                return state
            return replace(state, next_at=await _newest(times, due, now, most))


async def _newest(times: Times, due: int, now: int, most: int) -> int:
    """Return the oldest of the `most` newest dates from `due` to now."""
    oldest, before = due, now + 1
    for _ in range(most):
        date = await times.previous(before)
        if date is None or date < due:
            return due
        oldest = before = date
    return oldest


async def _adopted(
    parts: TriggerParts, state: TriggerState, trigger: Trigger, times: Times
) -> TriggerState:
    """Return the state after a date that was fired for before a crash, if it was."""
    due = state.next_at or 0
    claim = claim_of(state, zoned_text(moment(due)))
    found = await parts.executions.claimed(claim)
    if found is None:
        return state
    waits = None if trigger.allow_concurrent else found[0]
    return replace(state, date=due, next_at=await times.next(due), execution_id=waits)
