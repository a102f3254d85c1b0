"""Driving: the way of one execution from its beginning to what comes after its end."""

from collections.abc import Callable
from typing import Any

from app.engine.admission import Admission
from app.engine.afterwards import Afterwards
from app.engine.calls import Subflows
from app.engine.checks import FailedCheck, failed_checks
from app.engine.levels import Levels
from app.engine.live import Live
from app.engine.owner import Owner
from app.engine.parts import Parts
from app.engine.rendering import Renderer
from app.engine.results import ending
from app.engine.scope import Scope
from app.engine.steps import ExecutionSteps
from app.engine.surroundings import surround
from app.engine.suspects import Stepping, Suspects
from app.engine.worker import Worker
from app.executions import State
from app.expressions import Environment

_OUTSIDE = frozenset({State.CREATED, State.QUEUED, State.RESTARTED})
"""States in which an execution waits to be let in."""


class Driver:
    """Walks executions; it holds nothing of them."""

    subflows: Subflows
    """Starts other executions; set by whoever creates them."""

    def __init__(
        self,
        parts: Parts,
        worker: Worker,
        environment: Callable[[Live], Environment],
        suspects: Suspects | None,
        admission: Admission,
    ) -> None:
        """Run tasks with `worker`; `environment` gives an execution its functions."""
        self._parts = parts
        self._worker = worker
        self._environment = environment
        self._suspects = suspects
        self._admission = admission

    async def walk(self, live: Live, owner: Owner) -> None:
        """Walk an execution as far as it goes; `owner` ends it.

        Raises:
            Unavailable: when something around its flow cannot be read now.
        """
        live.loaded.complete()
        await surround(live, self._parts)
        renderer = self.renderer(live)
        steps = ExecutionSteps(live, renderer, self._worker, self.subflows, self._parts)
        try:
            if not live.execution.state.terminal:
                await self._run(live, steps, renderer, owner)
            if live.execution.after and not live.left:
                await Afterwards(live, steps, renderer, self.subflows).run()
        finally:
            steps.close()

    async def _run(
        self, live: Live, steps: ExecutionSteps, renderer: Renderer, owner: Owner
    ) -> None:
        levels = Levels(live, steps.scope, renderer, owner) if live.loaded.flow.sla else None
        if levels is not None:
            levels.start()
        try:
            if live.execution.state in _OUTSIDE:
                await self._admission.admit(live)
            if not live.execution.state.terminal:
                await self._through(live, steps, renderer, levels, owner)
        finally:
            if levels is not None:
                levels.stop()

    async def _through(
        self,
        live: Live,
        steps: ExecutionSteps,
        renderer: Renderer,
        levels: Levels | None,
        owner: Owner,
    ) -> None:
        state = await steps.interpreter.flow()
        await live.gate()
        if levels is not None:
            await levels.check()
        event = await ending(live, state, steps.scope, renderer, self._parts)
        if not live.execution.state.terminal:
            owner.end(live, event)

    async def render(self, live: Live, value: Any, asker: Live) -> Any:
        """Render every text of a structure as an execution sees it; functions answer `asker`."""
        await surround(live, self._parts)
        return await self.renderer(asker).deep(value, Scope(live).variables())

    async def failed_checks(self, live: Live) -> list[FailedCheck]:
        """Return the checks of its flow that an execution does not hold before it is created."""
        await surround(live, self._parts)
        checks = live.loaded.flow.checks
        return await failed_checks(checks, Scope(live).variables(), self.renderer(live))

    def renderer(self, live: Live) -> Renderer:
        """Return what renders with the functions of an execution."""
        stepping = Stepping(self._suspects, live)
        return Renderer(self._environment(live), live.loaded.plans, stepping)
