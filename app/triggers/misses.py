"""Windows that end before everything in them has happened (`onMiss` of Kestra 2)."""

from dataclasses import replace
from datetime import timedelta

from app.db.trigger_records import TriggerState
from app.db.windows import dropped
from app.engine.preview import Preview
from app.flows.labels import label_map
from app.flows.schedule_dates import moment
from app.flows.trigger_types import FlowTrigger
from app.ports import LoadedFlow
from app.triggers.dates import window_end
from app.triggers.joins import joins_of
from app.triggers.parts import TriggerParts
from app.triggers.starts import Fire, Started, tell

_MILLISECOND = timedelta(milliseconds=1)


class Misses:
    """Looks at windows that have just ended."""

    def __init__(self, parts: TriggerParts) -> None:
        """Work on these parts."""
        self._parts = parts

    async def evaluate(
        self, state: TriggerState, loaded: LoadedFlow, trigger: FlowTrigger, _: Preview
    ) -> tuple[TriggerState, Started | None]:
        """Create an execution that has failed, if the trigger did not fire in the window.

        Returns: the state with the end of the next window, and what was started.
        """
        ended = state.next_at or self._parts.clock.now()
        following = replace(
            state,
            date=ended,
            next_at=window_end(trigger, moment(ended).astimezone(self._parts.zone)),
            execution_id=None,
        )
        join = next((each for each in joins_of(trigger) if each.by_flow), None)
        if trigger.on_miss is None or join is None:
            return replace(following, next_at=None), None
        inside = moment(ended).astimezone(self._parts.zone) - 2 * _MILLISECOND
        start, _end = join.frame.span(inside)
        memory = await self._parts.windows.get(state.flow, join.key)
        if memory is not None and memory.start == start and memory.fired:
            return following, None
        labels = tuple(label_map(trigger.on_miss.labels).items())
        fire = Fire(loaded, trigger, f"miss@{start.isoformat()}", {}, labels=labels)
        missing = sorted(set(join.tests) - set(memory.results if memory else ()))
        message = f"the window ended before this had happened: {', '.join(missing)}"
        started = await tell(self._parts, fire, message)
        await self._parts.windows.commit(dropped(state.flow, join.key))
        return following, replace(started, fresh=False)
