"""What happens after the end: `afterExecution`, listeners, the new execution of a retry (§3.6–3.7).

The end is told already; nothing here changes it. A crash in between loses nothing: the journal says
that something is left to do, and the walk goes on from there.
"""

from collections.abc import Sequence
from typing import Any

from app.engine.calls import Subflows
from app.engine.exits import Exited, exit_among
from app.engine.frames import Frame
from app.engine.live import Live
from app.engine.rendering import Renderer, reason
from app.engine.steps import ExecutionSteps
from app.errors import HeadwaterError, TooMany, Unavailable
from app.executions import ROOT, Execution, Kind
from app.flows.condition_rules import Context, Facts, holds_quietly
from app.flows.model import Task
from app.telemetry import get_logger

_LOG = get_logger(__name__)
_PATIENCE = 1_000_000
"""Time (µs) between two tries to make an execution for which there is no room."""


class Afterwards:
    """The rest of one execution."""

    def __init__(
        self, live: Live, steps: ExecutionSteps, renderer: Renderer, subflows: Subflows
    ) -> None:
        """Do for `live` what is left, with `steps`."""
        self._live = live
        self._steps = steps
        self._renderer = renderer
        self._subflows = subflows

    async def run(self) -> None:
        """Do all of it."""
        live = self._live
        flow = live.loaded.flow
        if live.execution.cascade:
            await live.durable()  # and so is all that it started before
            await self._subflows.kill(live.execution)
        await self._sequence(flow.after_execution)
        for listener in flow.listeners:
            if await holds_quietly(listener.conditions, self._context()):
                await self._sequence(listener.tasks)
        await self._anew()
        live.record(live.event(Kind.MOVED, ROOT, None, after=False))

    async def _sequence(self, tasks: Sequence[Task]) -> None:
        try:
            await self._steps.interpreter.sequence(tasks, Frame())
        except (Exited, BaseExceptionGroup) as error:
            if exit_among(error) is None:
                raise
            self._live.strands = 1  # all others were cancelled
            self._live.barrier = None

    async def _anew(self) -> None:
        """Make the execution that is due, unless a kill says meanwhile that there is to be none."""
        live, due = self._live, self._live.execution.anew
        while due is not None and live.execution.anew is not None:
            if live.clock.now() < due:
                await live.wait("anew", due)
            else:
                due = await self._renewed()

    async def _renewed(self) -> int | None:
        """Make the execution now; return when (µs) to try again, if it cannot be made yet."""
        live = self._live
        try:
            await self._subflows.renew(live.execution)
        except (TooMany, Unavailable):
            return live.clock.now() + _PATIENCE
        except HeadwaterError as error:
            message = reason(error)
            _LOG.warning("no new execution is made", execution=live.id, reason=message)
        return None

    def _context(self) -> Context:
        execution = self._live.execution
        scope = self._steps.scope

        async def render(template: str, **extra: Any) -> str:
            return await self._renderer.text(template, {**scope.variables(), **extra})

        def warn(message: str) -> None:
            _LOG.warning("a listener is left out", execution=execution.id, reason=message)

        facts = facts_of(execution)
        return Context(render, execution.namespace, execution.flow_id, facts, warn)


def facts_of(execution: Execution) -> Facts:
    """Return what conditions ask of an execution."""
    return Facts(
        namespace=execution.namespace,
        flow_id=execution.flow_id,
        state=execution.state.value,
        labels=dict(execution.labels),
        outputs=execution.outputs,
        attempts=[
            [attempt.histories[-1].state.value for attempt in run.attempts]
            for run in execution.task_runs.values()
        ],
    )
