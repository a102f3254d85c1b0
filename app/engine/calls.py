"""Calls of flowables to other flows: started once, waited for, gone on with after a restart."""

from collections.abc import Awaitable, Callable
from functools import partial
from math import inf
from typing import Any, Protocol, TypeVar

from app.engine.live import Live
from app.engine.notes import Notes
from app.engine.places import Place
from app.errors import Conflict, Forbidden, HeadwaterError, Invalid, NotFound, Unavailable
from app.executions import Execution, State, task_run_id
from app.plugins.api import SubflowCall, SubflowResult, TaskFailed

T = TypeVar("T")
_PATIENCE = 60_000_000
"""How long (µs) a call is tried while something that it needs does not answer."""
_BETWEEN = 1_000_000
"""Time (µs) between two tries."""


class Subflows(Protocol):
    """Starts and finds the executions of subflows."""

    async def start(self, parent: Place, call: SubflowCall) -> str:
        """Start the flow once for this task run (and `part`); return the execution's id."""
        ...

    async def ended(self, execution_id: str) -> Execution | None:
        """Return the execution if it has ended (as committed), else None."""
        ...

    async def renew(self, execution: Execution) -> None:
        """Create the execution that takes the place of a RETRIED one, once."""
        ...

    async def kill(self, execution: Execution) -> None:
        """Kill what an execution has started, and what that has started."""
        ...

    async def restart(self, parent: Live, wanted: str) -> Execution:
        """Let an execution that failed go on, for the one that started it.

        Raises:
            NotFound, Conflict, Invalid: when it cannot; also once `parent` was stopped.
            Forbidden: when its namespace does not let that of `parent` (any more).
        """
        ...

    async def render(self, parent: Live, wanted: str, value: Any) -> Any:
        """Render a structure as an execution that has ended sees it, for the one that started it.

        Functions bring no more than `parent` may ask for.
        """
        ...


class Calls(Notes):
    """The part of a `Walker` that has to do with other flows."""

    def __init__(self, place: Place, subflows: Subflows) -> None:
        """Call for the task run at `place`."""
        super().__init__(place)
        self._subflows = subflows

    async def call(self, call: SubflowCall) -> SubflowResult:
        """Start another flow, once; wait for its end when asked to."""

        async def start() -> str:
            before = (self._run.decision or {}).get("before")
            if call.restart and isinstance(before, str):
                return await self._again(before, call)
            return await self.start(call)

        child = await self.decide(start, lambda value: {"executionId": value})
        if not call.wait:
            return SubflowResult(child, State.CREATED, None)
        result = await self.ended(child)
        return result or SubflowResult(child, State.CREATED, None)

    def _restarted(self) -> bool:
        histories = self._run.histories
        return len(histories) > 1 and histories[-2].state is State.RESTARTED

    async def _again(self, child: str, call: SubflowCall) -> str:
        """Let the execution of the time before go on; if it cannot, start another."""
        try:
            await self._answered(f"start:{self.path}{call.part}", partial(self._go_on, child))
        except Forbidden as error:
            raise TaskFailed(error.message) from error
        except (NotFound, Conflict, Invalid):
            return child if call.part else await self.start(call)
        return child

    async def _go_on(self, child: str) -> None:
        ended = await self._subflows.ended(child)
        if ended is not None and ended.state is State.FAILED:
            await self._subflows.restart(self._live, child)

    async def start(self, call: SubflowCall) -> str:
        """Start another flow, once for each `part`."""
        child = await self._started(call)
        if call.part and call.restart and self._restarted():
            return await self._again(child, call)
        return child

    async def _started(self, call: SubflowCall) -> str:
        start = partial(self._subflows.start, self._place, call)
        try:
            return await self._answered(f"start:{self.path}{call.part}", start)
        except HeadwaterError as error:
            raise TaskFailed(error.message) from error

    async def _answered(
        self, key: str, ask: Callable[[], Awaitable[T]], *, patience: float = _PATIENCE
    ) -> T:
        """Ask again and again while what that needs does not answer, for some time (µs)."""
        until = self._live.clock.now() + patience
        while True:
            try:
                return await ask()
            except Unavailable:
                if (now := self._live.clock.now()) > until:
                    raise
            await self._live.wait(key, now + _BETWEEN)

    def child(self, part: str, *, restart: bool) -> str:
        """Return the id of the execution that `start` starts for this part."""
        return child_id(self._place, part, restart=restart)

    async def ended(self, execution_id: str, *, wait: bool = True) -> SubflowResult | None:
        """Return how an execution ended; wait for its end if need be."""
        ask = partial(self._subflows.ended, execution_id)
        while (ended := await self._answered(execution_id, ask, patience=inf)) is None:
            if not wait:
                return None
            await self._live.wait(execution_id)
        return SubflowResult(execution_id, ended.state, ended.outputs)

    async def render_in(self, execution_id: str, value: Any) -> Any:
        """Render a template or structure as an execution that has ended sees it."""
        render = partial(self._subflows.render, self._live, execution_id, value)
        return await self._answered(f"render:{execution_id}", render)


def child_id(place: Place, part: str, *, restart: bool) -> str:
    """Return the id of the execution that a task run starts: one for each attempt and part.

    With many parts, `restart` makes a restart go on with those of the time before: then only a
    retry makes new ones.
    """
    run = place.live.execution.task_runs[place.path]
    number = run.attempts[-1].number
    if part and restart:
        number = 1 + sum(moment.state is State.RETRYING for moment in run.histories)
    return task_run_id(run.id, f"#{number}{part}")
