"""The interpreter: walks the tree of tasks; what the journal holds for a path is not run again.

Crash recovery, resume after a pause and taking over from another node are therefore one thing:
walk again. A task run is known by its path; once ended, its state is all the walk needs.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import Protocol

from app.engine.frames import Frame, Halt
from app.engine.limits import Limits
from app.engine.live import Live
from app.engine.policies import allowed, next_try, retry_due
from app.engine.rendering import Renderer, reason
from app.engine.scope import Scope
from app.errors import HeadwaterError, Invalid, MissingVariable
from app.executions import ROOT, Event, Kind, State, TaskRun, child_path, task_run_id
from app.executions.states import worst
from app.expressions import references, truthy
from app.flows.model import Task
from app.plugins.api import Flowable, Runnable, TaskFailed
from app.telemetry import METRICS

_STOPS = frozenset({State.FAILED, State.KILLED})


class Steps(Protocol):
    """What the interpreter leaves to others: running a task, walking a flowable."""

    async def run(self, place: "Place", task: Runnable) -> State:
        """Run a runnable task to its end, with its retries."""
        ...

    async def walk(self, place: "Place", task: Flowable) -> State:
        """Walk a flowable task and return the state that follows from it."""
        ...


class Place:
    """Where a task run stands: its path, its frame, and how its events begin."""

    __slots__ = ("frame", "live", "path", "run_id", "task")

    def __init__(self, live: Live, task: Task, frame: Frame) -> None:
        """Find the place of `task` in `frame`."""
        self.live = live
        self.task = task
        self.frame = frame
        self.path = child_path(frame.path, task.id, frame.index)
        self.run_id = task_run_id(live.id, self.path)

    def event(self, kind: Kind, to: State | None = None, **data: object) -> Event:
        """Make an event of this task run; the first one says where the run belongs."""
        if self.path not in self.live.execution.task_runs:
            data = {**self._origin(), **data}
        return self.live.event(kind, self.path, to, **data)

    def _origin(self) -> dict[str, object]:
        origin: dict[str, object] = {"task": self.task.id}
        if self.frame.path != ROOT:
            origin["parent"] = self.frame.path
        if self.frame.value is not None:
            origin["value"] = self.frame.value
        return origin


class Interpreter:
    """Walks one execution."""

    def __init__(
        self, live: Live, scope: Scope, renderer: Renderer, steps: Steps, limits: Limits
    ) -> None:
        """Walk `live`; single tasks are left to `steps`."""
        self._tries = limits.tries
        self._loop_values = limits.loop_values
        self._live = live
        self._scope = scope
        self._renderer = renderer
        self._steps = steps

    async def flow(self) -> State:
        """Walk the whole flow; return the state it ends in."""
        flow = self._live.loaded.flow
        frame = Frame(retry=flow.retry)
        main = partial(self.sequence, flow.tasks, frame)
        return await self.body(main, flow.errors, flow.finally_, frame)

    async def body(
        self,
        main: Callable[[], Awaitable[State]],
        errors: Sequence[Task],
        finally_: Sequence[Task],
        frame: Frame,
    ) -> State:
        """Run the main list, then `errors` if it failed, then `finally`.

        Errors that succeed do not undo the failure; a failure in `finally` is one (reference §3.6).
        """
        state = await main()
        calm = Frame(frame.path, retry=frame.retry)
        if state is State.FAILED and errors:
            await self.sequence(errors, calm)
        if finally_:
            state = worst([state, await self.sequence(finally_, calm)])
        return state

    async def sequence(self, tasks: Sequence[Task], frame: Frame) -> State:
        """Run tasks one after another; stop at the first that failed."""
        states = []
        for task in tasks:
            if task.disabled:
                continue
            if frame.halt.halted and not self._begun(task, frame):
                break
            state = await self.task(task, frame)
            states.append(state)
            if state in _STOPS:
                break
        return worst(states)

    async def parallel(self, tasks: Sequence[Task], limit: int, frame: Frame) -> State:
        """Run tasks side by side, at most `limit` at a time (0: all)."""
        halt = Halt()
        inner = Frame(frame.path, frame.index, frame.value, frame.retry, halt)
        makes = [
            (partial(self._begun, task, inner), partial(self.task, task, inner))
            for task in tasks
            if not task.disabled
        ]
        return await self._side_by_side(makes, limit, halt)

    async def rounds(
        self, values: Sequence[str], tasks: Sequence[Task], limit: int, frame: Frame
    ) -> State:
        """Run `tasks` in sequence once for each value, at most `limit` rounds at a time.

        Raises:
            Invalid: when there are more values than a loop may have.
        """
        if len(values) > self._loop_values:
            message = f"{len(values)} values are more than the limit of {self._loop_values}"
            METRICS.limits_reached.labels("loop_values").inc()
            raise Invalid(message)
        halt = Halt()
        makes = []
        present = [task for task in tasks if not task.disabled]
        for index, value in enumerate(values if present else ()):
            inner = frame.round(index, value, halt)
            begun = partial(self._begun, present[0], inner)
            makes.append((begun, partial(self.sequence, present, inner)))
        return await self._side_by_side(makes, limit, halt)

    def _begun(self, task: Task, frame: Frame) -> bool:
        return child_path(frame.path, task.id, frame.index) in self._live.execution.task_runs

    async def _side_by_side(
        self,
        makes: Sequence[tuple[Callable[[], bool], Callable[[], Awaitable[State]]]],
        limit: int,
        halt: Halt,
    ) -> State:
        """Run what `makes` make on `limit` strands. After a failure nothing new begins."""
        width = min(limit or len(makes), len(makes))
        states: list[State] = []
        queue = iter(makes)
        if width <= 1:
            await self._strand(queue, states, halt)
            return worst(states)
        await self._strands(queue, states, halt, width)
        return worst(states)

    async def _strands(
        self,
        queue: Iterator[tuple[Callable[[], bool], Callable[[], Awaitable[State]]]],
        states: list[State],
        halt: Halt,
        width: int,
    ) -> None:
        live = self._live
        live.strands += width - 1
        left = width

        async def strand() -> None:
            nonlocal left
            await self._strand(queue, states, halt)
            left -= 1
            if left:  # the last one goes on as the line of work that waited here
                live.strands -= 1
                live.check_idle()

        async with asyncio.TaskGroup() as group:
            for _ in range(width):
                group.create_task(strand())

    async def _strand(
        self,
        queue: Iterator[tuple[Callable[[], bool], Callable[[], Awaitable[State]]]],
        states: list[State],
        halt: Halt,
    ) -> None:
        for begun, make in queue:
            if halt.halted and not begun():
                continue
            state = await make()
            states.append(state)
            if state in _STOPS:
                halt.halted = True

    async def task(self, task: Task, frame: Frame) -> State:
        """Bring one task run to its end, from wherever the journal left it."""
        place = Place(self._live, task, frame)
        run = self._live.run(place.path)
        if run is None:
            await self._live.gate()
            skipped = await self._skipped(place)
            if skipped is not None:
                return skipped
        elif run.ended:
            return run.state
        if isinstance(task, Flowable):
            return await self._flowable(place, task)
        if isinstance(task, Runnable):
            return await self._steps.run(place, task)
        return self.fail(place, f"the type {task.type} cannot be run")

    async def _skipped(self, place: Place) -> State | None:
        condition = place.task.run_if
        if condition is None:
            return None
        try:
            holds = truthy(await self._renderer.text(condition, self.variables(place)))
        except HeadwaterError as error:
            if not self._asks_a_skipped_task(condition, error):
                return self.fail(place, f"`runIf` cannot be evaluated: {reason(error)}")
            holds = False
        if holds:
            return None
        self._live.record(place.event(Kind.ENDED, State.SKIPPED))
        return State.SKIPPED

    def _asks_a_skipped_task(self, condition: str, error: HeadwaterError) -> bool:
        """Whether the condition fails only because it asks for outputs of a task that was skipped.

        Then it does not hold: in a chain of steps that each depend on the one before, skipping one
        skips the rest.
        """
        if not isinstance(error, MissingVariable):
            return False
        asked = references(condition).outputs
        runs = self._live.execution.task_runs.values()
        return any(run.state is State.SKIPPED and run.task in asked for run in runs)

    async def _flowable(self, place: Place, task: Flowable) -> State:
        inner = place.frame.below(place.path, task.retry)
        main = partial(self._walked, place, task)
        while True:
            await self._start(place, task)
            state = await self.body(main, task.errors, task.finally_, inner)
            run = self._live.execution.task_runs[place.path]
            if state is not State.FAILED or not self._retry(place, task, run):
                break
        state = allowed(task, state)
        self._live.record(place.event(Kind.ENDED, state, error=run.error))
        return state

    async def _start(self, place: Place, task: Flowable) -> None:
        """Record that the flowable runs, unless the journal says so already."""
        run = self._live.run(place.path)
        if run is not None and run.state is not State.RETRYING:
            return
        upcoming = next_try(run)
        if upcoming.due:
            await self._live.wait(place.path, upcoming.due)
        started = place.event(Kind.STARTED, State.RUNNING)
        if task.attempts:
            started.attempt, started.delivery = upcoming.attempt, upcoming.delivery
        self._live.record(started, *running_again(self._live))

    def _retry(self, place: Place, task: Flowable, run: TaskRun) -> bool:
        """Record that a flowable which counts attempts (a subflow) is to be tried again."""
        if not task.attempts:
            return False
        policy = task.retry or place.frame.retry
        due = retry_due(policy, run, self._live.clock.now(), self._tries)
        if due is None:
            return False
        self._live.record(*retrying(place, due, run.error, definite=True))
        return True

    async def _walked(self, place: Place, task: Flowable) -> State:
        try:
            return await self._steps.walk(place, task)
        except (HeadwaterError, TaskFailed) as error:
            self._live.execution.task_runs[place.path].error = reason(error)
            return State.FAILED

    def fail(self, place: Place, message: str) -> State:
        """End a task run that could not even start."""
        state = allowed(place.task, State.FAILED)
        self._live.record(place.event(Kind.ENDED, state, error=message))
        return state

    def variables(self, place: Place) -> dict[str, object]:
        """Return what expressions see at a place."""
        frame = place.frame
        return self._scope.of_task(place.task, place.path, place.run_id, frame.path, frame.value)


def retrying(place: Place, due: int, error: str | None, *, definite: bool) -> list[Event]:
    """Return the events of a failed attempt that is followed by another one."""
    event = place.event(Kind.RETRYING, State.RETRYING, due=due, error=error, definite=definite)
    return [event, place.live.event(Kind.MOVED, ROOT, State.RETRYING)]


def running_again(live: Live) -> list[Event]:
    """Return the event that ends the RETRYING of an execution, if it is in that state."""
    if live.execution.state is State.RETRYING:
        return [live.event(Kind.MOVED, ROOT, State.RUNNING)]
    return []
