"""The interpreter: walks the tree of tasks; what the journal holds for a path is not run again.

Crash recovery, resume after a pause and taking over from another node are therefore one thing:
walk again. A task run is known by its path; once ended, its state is all the walk needs.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from app.engine.exits import Exited, exit_among, exited
from app.engine.flowables import FlowableRuns
from app.engine.frames import Frame, Halt
from app.engine.limits import Limits
from app.engine.live import Live
from app.engine.places import Place
from app.engine.policies import allowed
from app.engine.rendering import Renderer, reason
from app.engine.scope import Scope, failure_below
from app.engine.strands import STOPS, Piece, Strands
from app.errors import HeadwaterError, Invalid, MissingVariable
from app.executions import Kind, State, child_path
from app.executions.states import worst
from app.expressions import references, truthy
from app.flows.model import Task
from app.plugins.api import Flowable, Runnable
from app.telemetry import METRICS


class Steps(Protocol):
    """What the interpreter leaves to others: running a task, walking a flowable."""

    async def run(self, place: Place, task: Runnable) -> State:
        """Run a runnable task to its end, with its retries."""
        ...

    async def walk(self, place: Place, task: Flowable) -> State:
        """Walk a flowable task and return the state that follows from it."""
        ...


class Interpreter:
    """Walks one execution."""

    def __init__(
        self, live: Live, scope: Scope, renderer: Renderer, steps: Steps, limits: Limits
    ) -> None:
        """Walk `live`; single tasks are left to `steps`."""
        self._loop_values = limits.loop_values
        self._live = live
        self._scope = scope
        self._renderer = renderer
        self._steps = steps
        self._flowables = FlowableRuns(live, steps.walk, limits.tries)

    async def flow(self) -> State:
        """Walk the whole flow; return the state it ends in."""
        if (before := exited(self._live.execution)) is not None:
            return before
        flow = self._live.loaded.flow
        frame = Frame(retry=flow.retry)
        main = partial(self.sequence, flow.tasks, frame)
        try:
            return await self.body(main, flow.errors, flow.finally_, frame)
        except (Exited, BaseExceptionGroup) as error:
            exit_ = exit_among(error)
            if exit_ is None:
                raise
            self._live.strands = 1  # all others were cancelled
            self._live.barrier = None
            return exit_.state

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
        if state is State.FAILED and errors:
            error = failure_below(self._live.execution, frame.path)
            await self.sequence(errors, frame.after_failure(error))
        if finally_:
            state = worst([state, await self.sequence(finally_, frame.after_failure(None))])
        return state

    async def sequence(self, tasks: Sequence[Task], frame: Frame) -> State:
        """Run tasks one after another; stop at the first that failed."""
        states: list[State] = []
        for task in tasks:
            if task.disabled:
                continue
            if frame.halt.stops(begins=not states) and not self._begun(task, frame):
                break
            state = await self.task(task, frame)
            states.append(state)
            if state in STOPS:
                break
        return worst(states)

    async def parallel(self, tasks: Sequence[Task], limit: int, frame: Frame) -> State:
        """Run tasks side by side, at most `limit` at a time (0: all)."""
        inner = replace(frame, halt=Halt())
        present = [task for task in tasks if not task.disabled]
        pieces = (self._piece(task, inner) for task in present)
        width = min(limit or len(present), len(present))
        return await Strands(self._live, inner.halt).run(pieces, width)

    async def graph(
        self, tasks: Sequence[Task], needs: Mapping[str, Sequence[str]], limit: int, frame: Frame
    ) -> State:
        """Run each task once those it needs are over, at most `limit` at a time (0: all)."""
        inner = replace(frame, halt=Halt())
        pieces = {task.id: self._piece(task, inner) for task in tasks if not task.disabled}
        return await Strands(self._live, inner.halt).graph(pieces, needs, limit)

    async def rounds(
        self,
        values: Sequence[str],
        tasks: Sequence[Task],
        limit: int,
        frame: Frame,
        *,
        apart: bool = False,
    ) -> State:
        """Run `tasks` in sequence once for each value, at most `limit` rounds at a time.

        With `apart` every task of every value runs on its own, at most `limit` of them at a time.

        Raises:
            Invalid: when there are more values than a loop may have.
        """
        self.check_loop(len(values))
        halt = Halt()
        present = [task for task in tasks if not task.disabled]
        frames = (frame.round(index, value, halt) for index, value in enumerate(values))
        if apart:
            pieces = (self._piece(task, inner) for inner in frames for task in present)
        else:
            pieces = (self._round(present, inner) for inner in frames)
        count = len(values) * len(present) if apart else len(values) * bool(present)
        width = min(limit or count, count)
        return await Strands(self._live, halt).run(pieces, width)

    async def loop(
        self,
        items: Sequence[Mapping[str, Any]],
        first: Task,
        run: Callable[[Frame], Awaitable[State]],
        limit: int,
        frame: Frame,
    ) -> State:
        """Run rounds that see nothing of each other; `run` runs one, whose first task is `first`.

        Raises:
            Invalid: when there are more items than a loop may have.
        """
        self.check_loop(len(items))
        halt = Halt()
        frames = (frame.alone(index, item["value"], item, halt) for index, item in enumerate(items))
        pieces = (
            Piece(partial(self._begun, first, inner), partial(run, inner)) for inner in frames
        )
        return await Strands(self._live, halt).run(pieces, min(limit or len(items), len(items)))

    def check_loop(self, count: int) -> None:
        """Refuse a loop of too many rounds.

        Raises:
            Invalid: when there are more than a loop may have.
        """
        if count > self._loop_values:
            message = f"{count} values are more than the limit of {self._loop_values}"
            METRICS.limits_reached.labels("loop_values").inc()
            raise Invalid(message)

    def _piece(self, task: Task, frame: Frame) -> Piece:
        return Piece(partial(self._begun, task, frame), partial(self.task, task, frame))

    def _round(self, tasks: Sequence[Task], frame: Frame) -> Piece:
        return Piece(partial(self._begun, tasks[0], frame), partial(self.sequence, tasks, frame))

    def _begun(self, task: Task, frame: Frame) -> bool:
        return child_path(frame.path, task.id, frame.index) in self._live.execution.task_runs

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
            return await self._flowables.run(place, task, self.body)
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

    def fail(self, place: Place, message: str) -> State:
        """End a task run that could not even start."""
        state = allowed(place.task, State.FAILED)
        self._live.record(place.event(Kind.ENDED, state, error=message))
        return state

    def variables(self, place: Place, within: Frame | None = None) -> dict[str, object]:
        """Return what expressions see at a place, or of a flowable within one of its rounds."""
        frame = place.frame
        return self._scope.of_task(
            place.task, place.path, place.run_id, frame.path, frame.value, within or frame
        )
