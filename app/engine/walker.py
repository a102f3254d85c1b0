"""The walker: what a flowable may do, and the seam between its few lines and the engine."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

from app.engine.context import TaskContext
from app.engine.frames import Frame
from app.engine.interpreter import Interpreter, Place
from app.engine.logs import TaskRunLog
from app.engine.parts import Parts
from app.engine.policies import Try, microseconds
from app.engine.rendering import Renderer
from app.errors import HeadwaterError
from app.executions import ROOT, Execution, Kind, State, TaskRun
from app.flows.model import Task
from app.plugins.api import Resumption, SubflowCall, SubflowResult, TaskFailed


class Subflows(Protocol):
    """Starts and finds the executions of subflows."""

    async def start(self, parent: Place, call: SubflowCall) -> str:
        """Start the flow once for this task run; return the execution's id."""
        ...

    async def ended(self, execution_id: str) -> Execution | None:
        """Return the execution if it has ended (as committed), else None."""
        ...


class TaskWalker:
    """Implements `Walker` for one flowable task run."""

    def __init__(
        self,
        interpreter: Interpreter,
        place: Place,
        renderer: Renderer,
        subflows: Subflows,
        log: TaskRunLog,
        parts: Parts,
    ) -> None:
        """Walk for the task run at `place`."""
        self.path = place.path
        self._interpreter = interpreter
        self._place = place
        self._live = place.live
        self._renderer = renderer
        self._subflows = subflows
        self._log = log
        self._parts = parts
        self._frame: Frame = place.frame.below(place.path, place.task.retry)

    @property
    def _run(self) -> TaskRun:
        return self._live.execution.task_runs[self.path]

    async def sequence(self, tasks: Sequence[Task]) -> State:
        """Run tasks one after another."""
        return await self._interpreter.sequence(tasks, self._frame)

    async def sequence_in(self, directory: Path, tasks: Sequence[Task]) -> State:
        """Run tasks one after another that share a working directory."""
        return await self._interpreter.sequence(tasks, replace(self._frame, directory=directory))

    @property
    def context(self) -> TaskContext:
        """What the flowable itself has at hand."""
        seen = self._interpreter.variables(self._place)
        return TaskContext(self._place, Try(1, 1), self._parts, self._log, self._renderer, seen)

    async def parallel(self, tasks: Sequence[Task], limit: int = 0) -> State:
        """Run tasks side by side."""
        return await self._interpreter.parallel(tasks, limit, self._frame)

    async def rounds(self, values: Sequence[str], tasks: Sequence[Task], limit: int = 1) -> State:
        """Run tasks once for each value."""
        return await self._interpreter.rounds(values, tasks, limit, self._frame)

    async def render(self, value: Any, /, **extra: Any) -> Any:
        """Render a template or every template of a structure."""
        variables = {**self._interpreter.variables(self._place), **extra}
        if isinstance(value, str):
            return await self._renderer.text(value, variables)
        return await self._renderer.deep(value, variables)

    async def decide(
        self,
        make: Callable[[], Awaitable[Any]],
        outputs: Callable[[Any], Mapping[str, Any]] | None = None,
    ) -> Any:
        """Return the journalled decision, making it the first time."""
        held = self._run.decision
        if held is not None:
            return held["value"]
        value = await make()
        event = self._place.event(Kind.DECIDED, decision={"value": value})
        if outputs is not None:
            event.data["outputs"] = dict(outputs(value))
        self._live.record(event)
        return value

    async def sleep(self, duration: timedelta) -> None:
        """Wait; a long wait costs no memory."""

        async def due() -> int:
            return self._live.clock.now() + microseconds(duration)

        until = await self.decide(due)
        while self._live.clock.now() < until:
            await self._live.wait(self.path, until)

    async def pause(
        self, *, after: timedelta | None, then: State, outputs_key: str = "onResume"
    ) -> Resumption:
        """Pause the execution until somebody resumes it, or until `after` has passed."""
        live = self._live
        if self._run.decision is None and self._run.state is not State.PAUSED:
            due = None if after is None else live.clock.now() + microseconds(after)
            paused = self._place.event(Kind.PAUSED, State.PAUSED, due=due, then=then.value)
            live.record(paused, live.event(Kind.MOVED, ROOT, State.PAUSED))
        while self._run.decision is None:
            await live.wait(self.path, self._run.due)
            if self._run.decision is None and self._overdue():
                self._resume_by_itself(then)
        held = self._run.decision
        return Resumption(State(held["state"]), held.get(outputs_key) or {})

    def _overdue(self) -> bool:
        due = self._run.due
        return due is not None and self._live.clock.now() >= due

    def _resume_by_itself(self, then: State) -> None:
        live = self._live
        decision = {"state": then.value}
        resumed = self._place.event(Kind.RESUMED, State.RUNNING, decision=decision)
        live.record(resumed)
        if live.execution.state is State.PAUSED and not still_paused(live.execution):
            live.record(live.event(Kind.MOVED, ROOT, State.RUNNING))
            live.open_gate()

    async def call(self, call: SubflowCall) -> SubflowResult:
        """Start another flow, once; wait for its end when asked to."""

        async def start() -> str:
            return await self._subflows.start(self._place, call)

        try:
            child = await self.decide(start, lambda value: {"executionId": value})
        except HeadwaterError as error:
            raise TaskFailed(error.message) from error
        if not call.wait:
            return SubflowResult(child, State.CREATED, None)
        while (ended := await self._subflows.ended(child)) is None:
            await self._live.wait(child)
        return SubflowResult(child, ended.state, ended.outputs)

    def log(self, level: str, message: str) -> None:
        """Write a line to the task run's log."""
        self._log.write(level, message)

    def output(self, outputs: Mapping[str, Any]) -> None:
        """Add outputs to the task run; they are journalled at once."""
        decision = self._run.decision or {"value": None}
        self._live.record(self._place.event(Kind.DECIDED, decision=decision, outputs=dict(outputs)))


def still_paused(execution: Execution) -> bool:
    """Whether some task run of the execution is paused."""
    return any(run.state is State.PAUSED for run in execution.task_runs.values())
