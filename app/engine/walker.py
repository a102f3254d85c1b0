"""The walker: what a flowable may do, and the seam between its few lines and the engine."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from app.engine.calls import Calls, Subflows
from app.engine.context import TaskContext
from app.engine.exits import Exited, leave
from app.engine.frames import Frame, Halt
from app.engine.interpreter import Interpreter
from app.engine.logs import TaskRunLog
from app.engine.parts import Parts
from app.engine.places import Place
from app.engine.policies import Try, microseconds
from app.engine.rendering import Renderer
from app.engine.rounds import LoopRound, rendered
from app.engine.sealing import holds_secret
from app.executions import ROOT, Execution, Kind, State, TaskRun, child_path
from app.flows.model import Task
from app.plugins.api import Resumption, Round, TaskFailed


class TaskWalker(Calls):
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
        super().__init__(place, subflows)
        self._interpreter = interpreter
        self._renderer = renderer
        self._log = log
        self._parts = parts
        self._frame: Frame = place.frame.below(place.path, place.task.retry)

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

    @property
    def stopped(self) -> bool:
        """Whether somebody ended the task run: a walk that is cancelled now does not go on."""
        return self._run.ended

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
        """Run tasks once for each value.

        Raises:
            TaskFailed: when a value holds a secret: it would name task runs, for all to see.
        """
        if self._live.secrets and holds_secret(values, self._live.secrets):
            message = (
                "a value of a loop may not hold a secret, since it names task runs: loop over"
                " other values, and ask for the secret in the task"
            )
            raise TaskFailed(message)
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
        held, now = live.revealed(self._run.decision), live.clock.now()
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

    def outputs_of(self, task_id: str) -> Mapping[str, Any]:
        """Return the outputs of the child that runs this task."""
        run = self._live.run(child_path(self.path, task_id))
        return self._live.revealed(run.outputs if run is not None else None) or {}

    def log(self, level: str, message: str) -> None:
        """Write a line to the task run's log."""
        self._log.write(level, message)


def still_paused(execution: Execution) -> bool:
    """Whether some task run of the execution is paused."""
    runs = execution.task_runs.values()
    return any(run.state is State.PAUSED and not resumed(run) for run in runs)


def resumed(run: TaskRun) -> bool:
    """Whether the pause of a task run is over."""
    return run.decision is not None and "state" in run.decision
