"""Exits: what ends a whole execution from within, whatever else of it runs.

`execution.Exit`, a pause that cancels, and a retry that makes a new execution. The exit is
journalled with everything that ends by it, so that it is found again after a crash.
"""

from collections.abc import Iterator

from app.engine.live import Live
from app.errors import Conflict
from app.executions import ROOT, Event, Execution, Kind, State, TaskRun, TaskRunPath

_KEY = "exit"


class Exited(Conflict):
    """The execution is ending: a task ended it, and everything in it."""

    def __init__(self, state: State) -> None:
        """Say in which state."""
        super().__init__()
        self.state = state


def exited(execution: Execution) -> State | None:
    """Return the state in which an exit of the past ends the execution, if there was one."""
    for run in execution.task_runs.values():
        if run.ended and isinstance(run.decision, dict) and _KEY in run.decision:
            return State(run.decision[_KEY])
    return None


def leave(live: Live, end: Event) -> Exited:
    """End a task run by `end`, those above it in the same state, all others as KILLED.

    Returns what is to be raised. Until it has reached the top nothing else is recorded.
    """
    if isinstance(live.barrier, Exited):
        return live.barrier
    state = end.to or State.SUCCESS
    above = set(_above(live.execution, end.path))
    runs = live.execution.task_runs.values()
    open_runs = [run for run in runs if not run.ended and run.path != end.path]
    ends = [
        live.event(Kind.ENDED, run.path, state if run.path in above else State.KILLED)
        for run in reversed(open_runs)
    ]
    mark = live.event(Kind.DECIDED, end.path, decision={_KEY: state.value})
    live.record(mark, end, *ends)
    live.barrier = Exited(state)
    return live.barrier


def _above(execution: Execution, path: TaskRunPath) -> Iterator[TaskRunPath]:
    run: TaskRun | None = execution.task_runs[path]
    while run is not None and run.parent != ROOT:
        yield run.parent
        run = execution.task_runs.get(run.parent)


def exit_among(error: BaseException) -> Exited | None:
    """Return the exit inside an error, which task groups may have wrapped."""
    if isinstance(error, Exited):
        return error
    if isinstance(error, BaseExceptionGroup):
        found = map(exit_among, error.exceptions)
        return next((each for each in found if each is not None), None)
    return None
