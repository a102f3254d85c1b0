"""One trigger that is due: what it says is looked up, it is evaluated, its new state is stored."""

import asyncio
from dataclasses import replace

from app.db.trigger_records import TriggerState
from app.engine.preview import Preview
from app.errors import Conflict, Gone, NotFound, TooMany, Unavailable
from app.flows.model import Trigger
from app.flows.trigger_types import FlowTrigger, HttpTrigger, Schedule, ScheduleOnDates
from app.ports import LoadedFlow
from app.telemetry import get_logger
from app.triggers.misses import Misses
from app.triggers.parts import TriggerParts
from app.triggers.polling import Polls
from app.triggers.reconciling import Reconciler, fingerprint, idle, trigger_of
from app.triggers.schedules import Schedules
from app.triggers.starts import Started
from app.triggers.waiting import Waiting

_LOG = get_logger(__name__)
_LATER = 60 * 1_000_000
"""After a fault a trigger is left alone for so long (µs)."""


class Evaluator:
    """Evaluates triggers that are due."""

    def __init__(self, parts: TriggerParts, reconciler: Reconciler, waiting: Waiting) -> None:
        """Work on these parts; `waiting` learns of executions that triggers wait for."""
        self._parts = parts
        self._reconciler = reconciler
        self._waiting = waiting
        self._schedules = Schedules(parts)
        self._polls = Polls(parts)
        self._misses = Misses(parts)
        self._calls = asyncio.Semaphore(parts.settings.polls)

    async def evaluate(self, state: TriggerState) -> bool:
        """Evaluate a trigger that is due; return whether to go on with it later only."""
        try:
            await self._evaluate(state)
        except (TooMany, Unavailable) as error:
            _LOG.warning("a trigger has to wait", trigger=state.name, reason=error.message)
            return True
        except (NotFound, Gone, Conflict) as error:
            _LOG.warning(
                "a trigger cannot start its flow", trigger=state.name, reason=error.message
            )
            await self._reconciler.reconcile(state.flow)
            await self._move(state, replace(state, next_at=self._parts.clock.now() + _LATER))
        except Exception as error:  # noqa: BLE001 - one trigger never stops the others
            _LOG.exception("a trigger cannot be evaluated", trigger=state.name, exc_info=error)
            await self._move(state, replace(state, next_at=self._parts.clock.now() + _LATER))
        return False

    async def _evaluate(self, state: TriggerState) -> None:
        loaded = (await self._parts.flows.current(*state.flow)).complete()
        trigger = trigger_of(loaded, state.trigger_id)
        if trigger is None or fingerprint(loaded, trigger) != state.fingerprint:
            await self._reconciler.reconcile(state.flow)
            return
        if idle(loaded, trigger):
            await self._move(state, replace(state, next_at=None))
            return
        preview = await self._reconciler.preview(loaded, trigger)
        new, started = await self._by_type(state, loaded, trigger, preview)
        await self._settle(state, new, started, trigger)

    async def _by_type(
        self, state: TriggerState, loaded: LoadedFlow, trigger: Trigger, preview: Preview
    ) -> tuple[TriggerState, Started | None]:
        if isinstance(trigger, Schedule | ScheduleOnDates):
            return await self._schedules.evaluate(state, loaded, trigger, preview)
        if isinstance(trigger, HttpTrigger):
            async with self._calls:
                return await self._polls.evaluate(state, loaded, trigger, preview)
        if isinstance(trigger, FlowTrigger):
            return await self._misses.evaluate(state, loaded, trigger, preview)
        return replace(state, next_at=None), None

    async def _settle(
        self, old: TriggerState, new: TriggerState, started: Started | None, trigger: Trigger
    ) -> None:
        """Store the new state; while the execution runs the trigger is locked, unless it may."""
        if started is None or isinstance(trigger, FlowTrigger):
            await self._move(old, new)
            return
        execution = started.execution
        locked = not trigger.allow_concurrent or bool(trigger.stop_after)
        if locked:
            self._waiting.add(execution.id, old.key)
        waits = execution.id if not trigger.allow_concurrent else old.execution_id
        await self._move(old, replace(new, execution_id=waits))
        if locked:  # its end may have been dealt with before this was stored
            await self._waiting.watch(execution.id, old.key)

    async def _move(self, old: TriggerState, new: TriggerState) -> None:
        if new != old:
            await self._parts.store.move(old, new, self._parts.clock.now())
