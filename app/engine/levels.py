"""Service levels (`sla`) of an execution in motion (reference §1.7).

MAX_DURATION is a time on the clock; it also wakes an execution that is parked. An assertion is
evaluated after every change, and once more before the end. Each level acts once.
"""

import asyncio
from collections.abc import Sequence

from app.engine.live import Live
from app.engine.owner import Owner
from app.engine.policies import microseconds
from app.engine.rendering import Renderer, reason
from app.engine.results import endings
from app.engine.scope import Scope
from app.errors import HeadwaterError
from app.executions import ROOT, Event, Execution, Kind, State
from app.expressions import truthy
from app.flows.labels import label_map
from app.flows.policies import ExecutionAssertion, MaxDuration, Sla
from app.telemetry import get_logger

_LOG = get_logger(__name__)
_ENDS = {"FAIL": State.FAILED, "CANCEL": State.CANCELLED}


class Levels:
    """Watches over one execution."""

    def __init__(self, live: Live, scope: Scope, renderer: Renderer, owner: Owner) -> None:
        """Watch over `live`; `owner` ends it if need be."""
        self._live = live
        self._scope = scope
        self._renderer = renderer
        self._owner = owner
        self._timer: asyncio.TimerHandle | None = None
        self._evaluating = False
        self._changed = False

    def start(self) -> None:
        """Begin to watch."""
        self._set_timer()
        if self._left(ExecutionAssertion):
            self._live.watch = self._change

    def stop(self) -> None:
        """Watch no more: the execution ended, or leaves memory."""
        self._live.watch = None
        if self._timer is not None:
            self._timer.cancel()

    def _left(self, kind: type[Sla]) -> list[Sla]:
        """Return the levels of a kind that were not violated so far."""
        live = self._live
        return [
            level
            for level in live.loaded.flow.sla
            if isinstance(level, kind) and level.id not in live.execution.violated
        ]

    # -- MAX_DURATION -------------------------------------------------------------------------

    def _set_timer(self) -> None:
        dues = [due for _, due in self._durations()]
        self._live.deadline = due = min(dues, default=None)
        if due is not None:
            delay = max(0.0, (due - self._live.clock.now()) / 1_000_000)
            self._timer = asyncio.get_running_loop().call_later(delay, self._overdue)

    def _durations(self) -> list[tuple[MaxDuration, int]]:
        start = _start(self._live.execution)
        return [
            (level, start + microseconds(level.duration))
            for level in self._left(MaxDuration)
            if isinstance(level, MaxDuration)
        ]

    def _overdue(self) -> None:
        if self._over():
            return
        now = self._live.clock.now()
        for level, due in self._durations():
            if due <= now and not self._over():
                self._violated(level)
        if not self._over():
            self._set_timer()

    # -- EXECUTION_ASSERTION ------------------------------------------------------------------

    def _change(self) -> None:
        self._changed = True
        if not self._evaluating:
            self._evaluating = True
            self._owner.spawn(self._evaluate())

    async def _evaluate(self) -> None:
        try:
            while self._changed and not self._over():
                self._changed = False
                await self.check()
        finally:
            self._evaluating = False

    async def check(self) -> None:
        """Evaluate the assertions now; the execution may have ended after this."""
        for level in self._left(ExecutionAssertion):
            if isinstance(level, ExecutionAssertion) and not self._over():
                if await self._holds(level) or self._over():
                    continue
                self._violated(level)

    async def _holds(self, level: ExecutionAssertion) -> bool:
        try:
            return truthy(await self._renderer.text(level.assertion, self._scope.variables()))
        except HeadwaterError as error:  # nothing is known yet of what it asks for, most likely
            _LOG.debug("an assertion is left out", sla=level.id, reason=reason(error))
            return True

    # -- violations ---------------------------------------------------------------------------

    def _over(self) -> bool:
        return self._live.left or self._live.execution.state.terminal

    def _violated(self, level: Sla) -> None:
        live = self._live
        if level.id in live.execution.violated:
            return
        labels = {**dict(live.execution.labels), **label_map(level.labels)}
        pairs = [list(pair) for pair in labels.items()]
        events = [live.event(Kind.LABELLED, ROOT, labels=pairs, sla=level.id)]
        state = _ENDS.get(level.behavior)
        if state is None:
            live.record(*events)
            return
        message = f"the service level {level.id} ({level.type}) is violated"
        self._owner.end_now(live, [*events, *self._ends(state, message)])

    def _ends(self, state: State, message: str) -> Sequence[Event]:
        return endings(self._live.execution, self._live.clock, state, message)


def _start(execution: Execution) -> int:
    """Return when (µs) an execution began: a restart begins anew, a planned one at its date."""
    start = max(execution.created_at, execution.schedule_date or 0)
    if execution.attempt > 1:
        restarts = [at for state, at in execution.histories if state is State.RESTARTED]
        return max([start, *restarts])
    return start
