"""The walker: what a flowable may do, and the seam between its few lines and the engine."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from app.engine.context import TaskContext
from app.engine.exits import Exited, leave
from app.engine.frames import Frame, Halt
from app.engine.interpreter import Interpreter
from app.engine.json import as_json
from app.engine.logs import TaskRunLog
from app.engine.parts import Parts
from app.engine.places import Place
from app.engine.policies import Try, microseconds
from app.engine.rendering import Renderer
from app.errors import Conflict, HeadwaterError, Invalid, NotFound
from app.executions import ROOT, Execution, Kind, State, TaskRun, child_path, task_run_id
from app.flows.model import Task
from app.plugins.api import Resumption, Round, SubflowCall, SubflowResult, TaskFailed


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

    async def restart(self, tenant: str, wanted: str) -> Execution:
        """Let an execution that failed go on.

        Raises:
            NotFound, Conflict, Invalid: when it cannot.
        """
        ...

    async def render(self, execution_id: str, value: Any) -> Any:
        """Render a structure as an execution that has ended sees it."""
        ...


class LoopRound:
    """Implements `Round`."""

    def __init__(
        self, interpreter: Interpreter, place: Place, frame: Frame, renderer: Renderer
    ) -> None:
        """Be the round that runs in `frame`."""
        self.item: Mapping[str, Any] = frame.item or {}
        self._interpreter = interpreter
        self._place = place
        self._frame = frame
        self._renderer = renderer

    async def body(
        self, tasks: Sequence[Task], errors: Sequence[Task], finally_: Sequence[Task]
    ) -> State:
        """Run the tasks of the round, `errors` if they failed, then `finally`."""
        frame = self._frame
        main = partial(self._interpreter.sequence, tasks, frame)
        return await self._interpreter.body(main, errors, finally_, frame)

    async def render(self, value: Any, /, **extra: Any) -> Any:
        """Render a template or every template of a structure."""
        seen = self._interpreter.variables(self._place, self._frame)
        return await rendered(self._renderer, value, {**seen, **extra})

    def stop(self) -> None:
        """Let no other round begin."""
        self._frame.halt.halt()


async def rendered(renderer: Renderer, value: Any, variables: Mapping[str, Any]) -> Any:
    """Render a text, or every text of a structure."""
    if isinstance(value, str):
        return await renderer.text(value, variables)
    return await renderer.deep(value, variables)


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

    async def graph(
        self, tasks: Sequence[Task], needs: Mapping[str, Sequence[str]], limit: int = 0
    ) -> State:
        """Run each task once those that it needs are over."""
        return await self._interpreter.graph(tasks, needs, limit, self._frame)

    async def rounds(
        self, values: Sequence[str], tasks: Sequence[Task], limit: int = 1, *, apart: bool = False
    ) -> State:
        """Run tasks once for each value."""
        return await self._interpreter.rounds(values, tasks, limit, self._frame, apart=apart)

    async def loop(
        self,
        items: Sequence[Mapping[str, Any]],
        first: Task,
        run: Callable[[Round], Awaitable[State]],
        limit: int = 0,
    ) -> State:
        """Run rounds that see nothing of each other."""

        async def one(frame: Frame) -> State:
            state = await run(LoopRound(self._interpreter, self._place, frame, self._renderer))
            self._live.outputs.leave(frame.homes[-1])
            return state

        return await self._interpreter.loop(items, first, one, limit, self._frame)

    async def turn(self, tasks: Sequence[Task], number: int) -> State:
        """Run tasks one after another in one turn of a loop that repeats them."""
        return await self._interpreter.sequence(tasks, self._frame.round(number - 1, None, Halt()))

    def next_turn(self, number: int, note: Any, outputs: Mapping[str, Any]) -> None:
        """Begin a turn: drop the task runs of the turn before."""
        live, runs = self._live, self._live.execution.task_runs
        before = f"{self.path}[{number - 2}]/"
        dropped = [run for path, run in runs.items() if path.startswith(before)]
        for run in dropped:
            live.outputs.drop(run)
        event = self._place.event(
            Kind.DROPPED,
            paths=[run.path for run in dropped],
            iteration=number,
            decision={"value": note},
            outputs=dict(outputs),
        )
        live.record(event)

    @property
    def noted(self) -> Any:
        """What was journalled last."""
        held = self._run.decision
        return None if held is None else held.get("value")

    def note(self, value: Any, outputs: Mapping[str, Any] | None = None) -> None:
        """Journal a value for the walks to come, and set outputs."""
        event = self._place.event(Kind.DECIDED, decision={"value": value})
        if outputs:
            event.data["outputs"] = as_json(dict(outputs))
        self._live.record(event)

    def now(self) -> int:
        """Return the time (µs)."""
        return self._live.clock.now()

    async def until(self, due: int) -> None:
        """Wait until a time; a long wait costs no memory."""
        while self._live.clock.now() < due:
            await self._live.wait(self.path, due)

    def exit(self, state: State) -> Exited:
        """Return what to raise to end the execution in `state`."""
        return leave(self._live, self._place.event(Kind.ENDED, state))

    async def render(self, value: Any, /, **extra: Any) -> Any:
        """Render a template or every template of a structure."""
        variables = {**self._interpreter.variables(self._place), **extra}
        return await rendered(self._renderer, value, variables)

    async def decide(
        self,
        make: Callable[[], Awaitable[Any]],
        outputs: Callable[[Any], Mapping[str, Any]] | None = None,
    ) -> Any:
        """Return the journalled decision, making it the first time."""
        held = self._run.decision
        if held is not None and "value" in held:
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

        await self.until(await self.decide(due))

    async def pause(
        self, *, after: timedelta | None, then: State, outputs_key: str = "onResume"
    ) -> Resumption:
        """Pause the execution until somebody resumes it, or until `after` has passed."""
        live = self._live
        if not resumed(self._run) and self._run.state is not State.PAUSED:
            due = None if after is None else live.clock.now() + microseconds(after)
            paused = self._place.event(Kind.PAUSED, State.PAUSED, due=due, then=then.value)
            live.record(paused, live.event(Kind.MOVED, ROOT, State.PAUSED))
        while not resumed(self._run):
            await live.wait(self.path, self._run.due)
            if not resumed(self._run) and self._overdue():
                self._resume_by_itself(then)
        held, now = self._run.decision, live.clock.now()
        inputs = held.get(outputs_key) or {}
        return Resumption(State(held["state"]), inputs, held.get("by") or "", held.get("at", now))

    def _overdue(self) -> bool:
        due = self._run.due
        return due is not None and self._live.clock.now() >= due

    def _resume_by_itself(self, then: State) -> None:
        live = self._live
        decision = {"state": then.value, "at": live.clock.now()}
        if then is State.RUNNING:
            live.record(self._place.event(Kind.RESUMED, then, decision=decision))
        else:  # it ends as it is, PAUSED
            live.record(self._place.event(Kind.DECIDED, decision=decision))
        if live.execution.state is State.PAUSED and not still_paused(live.execution):
            live.record(live.event(Kind.MOVED, ROOT, State.RUNNING))
            live.open_gate()

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
            ended = await self._subflows.ended(child)
            if ended is not None and ended.state is State.FAILED:
                await self._subflows.restart(self._live.execution.tenant, child)
        except (NotFound, Conflict, Invalid):
            return child if call.part else await self.start(call)
        return child

    async def start(self, call: SubflowCall) -> str:
        """Start another flow, once for each `part`."""
        try:
            child = await self._subflows.start(self._place, call)
        except HeadwaterError as error:
            raise TaskFailed(error.message) from error
        if call.part and call.restart and self._restarted():
            return await self._again(child, call)
        return child

    def child(self, part: str, *, restart: bool) -> str:
        """Return the id of the execution that `start` starts for this part."""
        return child_id(self._place, part, restart=restart)

    async def ended(self, execution_id: str, *, wait: bool = True) -> SubflowResult | None:
        """Return how an execution ended; wait for its end if need be."""
        while (ended := await self._subflows.ended(execution_id)) is None:
            if not wait:
                return None
            await self._live.wait(execution_id)
        return SubflowResult(execution_id, ended.state, ended.outputs)

    def outputs_of(self, task_id: str) -> Mapping[str, Any]:
        """Return the outputs of the child that runs this task."""
        run = self._live.run(child_path(self.path, task_id))
        return (run.outputs if run is not None else None) or {}

    async def render_in(self, execution_id: str, value: Any) -> Any:
        """Render a template or structure as an execution that has ended sees it."""
        return await self._subflows.render(execution_id, value)

    def log(self, level: str, message: str) -> None:
        """Write a line to the task run's log."""
        self._log.write(level, message)

    def output(self, outputs: Mapping[str, Any]) -> None:
        """Add outputs to the task run; they are journalled at once."""
        decision = self._run.decision or {"value": None}
        self._live.record(
            self._place.event(Kind.DECIDED, decision=decision, outputs=as_json(dict(outputs)))
        )


def child_id(place: Place, part: str, *, restart: bool) -> str:
    """Return the id of the execution that a task run starts: one for each attempt and part.

    With many parts, `restart` makes a restart go on with those of the time before: then only a
    retry makes new ones.
    """
    run = place.live.execution.task_runs[place.path]
    number = run.attempts[-1].number
    if part and restart:
        number = 1 + sum(moment.state is State.RETRYING for moment in run.histories)
    return task_run_id(place.live.id, f"{place.path}#{number}{part}")


def still_paused(execution: Execution) -> bool:
    """Whether some task run of the execution is paused."""
    runs = execution.task_runs.values()
    return any(run.state is State.PAUSED and not resumed(run) for run in runs)


def resumed(run: TaskRun) -> bool:
    """Whether the pause of a task run is over."""
    return run.decision is not None and "state" in run.decision
