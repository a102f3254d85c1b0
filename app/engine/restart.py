"""Restart and replay: which task runs go on, which run anew, which are taken out (§3.8).

All of it is one event; what follows is the walk, as after a crash.
"""

from collections.abc import Iterable
from typing import Any

from app.engine.outline import Branch, Outline, above, below
from app.errors import Invalid
from app.executions import ROOT, Event, Execution, Kind, State, TaskRun, TaskRunPath
from app.flows.model import Flow

CALLED = "executionId"
"""The output of a subflow task that names the execution it started: that may go on, too."""
_FAILED = frozenset({State.FAILED, State.PAUSED, State.KILLED, State.RESTARTED})


class Plan:
    """What becomes of the task runs of an execution."""

    def __init__(self, execution: Execution, flow: Flow) -> None:
        """Begin with no change."""
        self.execution = execution
        self.outline = Outline(flow)
        self.runs: dict[TaskRunPath, State] = {}
        self.dropped: set[TaskRunPath] = set()
        self.anew: set[TaskRunPath] = set()
        self.kept: dict[TaskRunPath, dict[str, Any]] = {}

    def reopen(self, run: TaskRun) -> None:
        """Let a task run go on: one that runs as a whole starts again, others walk again."""
        if self.outline.whole(run):
            self.runs[run.path] = State.RESTARTED
            self.dropped |= below(self.execution, [run.path])
            if self.outline.anew(run):
                self.anew.add(run.path)
            elif self.outline.called(run) and CALLED in (run.outputs or {}):
                self.kept[run.path] = {CALLED: (run.outputs or {})[CALLED]}
        else:
            self.runs[run.path] = State.RUNNING

    def reopen_above(self, run: TaskRun) -> None:
        """Let everything around a task run go on."""
        for owner in above(self.execution, run):
            self.reopen(owner)

    def drop(self, runs: Iterable[TaskRun]) -> None:
        """Take task runs out, and all below them."""
        paths = [run.path for run in runs]
        self.dropped |= {*paths, *below(self.execution, paths)}

    def drop_ends(self, branches: frozenset[Branch]) -> None:
        """Take out what ran because an owner that goes on now had failed or ended."""
        self.drop(
            run
            for run in self.execution.task_runs.values()
            if (run.parent == ROOT or run.parent in self.runs)
            and (spot := self.outline.spot(run.task)) is not None
            and spot.branch in branches
        )

    def event(self, now: int) -> Event:
        """Return the event that does it."""
        runs = {path: state.value for path, state in self.runs.items() if path not in self.dropped}
        anew = sorted(self.anew - self.dropped)
        data = {"runs": runs, "dropped": sorted(self.dropped), "anew": anew}
        if self.kept:
            data["kept"] = {path: outputs for path, outputs in self.kept.items() if path in runs}
        return Event(Kind.RESTARTED, now, ROOT, State.RESTARTED, data=data)


_ENDS = frozenset({Branch.ERRORS, Branch.FINALLY, Branch.AFTER})


def restarted(execution: Execution, flow: Flow, now: int) -> Event:
    """Return the event by which an execution goes on from its failed task runs.

    Raises:
        Invalid: when nothing in it failed.
    """
    plan = Plan(execution, flow)
    runs = execution.task_runs.values()
    failed = [run for run in runs if run.state in _FAILED and plan.outline.main(run)]
    for run in failed:
        plan.reopen(run)
        plan.reopen_above(run)
    plan.drop_ends(_ENDS)
    if not plan.runs and not plan.dropped and execution.state is not State.FAILED:
        message = f"No task found to restart execution from! {execution.id} is {execution.state}"
        raise Invalid(message)
    return plan.event(now)


def replayed(execution: Execution, flow: Flow, task_run_id: str, now: int) -> Event:
    """Return the event by which a copy of an execution goes on from one task run.

    What ran before it is kept, with its outputs; what ran after it is taken out.

    Raises:
        Invalid: when there is no such task run, or its task is not in the flow.
    """
    plan = Plan(execution, flow)
    target = _task_run(execution, task_run_id)
    if plan.outline.spot(target.task) is None:
        message = f"No task found to replay from: the flow has no task {target.task!r}"
        raise Invalid(message)
    plan.reopen(target)
    plan.anew.add(target.path)
    plan.dropped |= below(execution, [target.path])
    plan.reopen_above(target)
    for run in (target, *above(execution, target)):
        plan.drop(
            other
            for other in execution.task_runs.values()
            if other.parent == run.parent and other is not run and plan.outline.follows(run, other)
        )
    return plan.event(now)


def changed(execution: Execution, flow: Flow, task_run_id: str, state: State, now: int) -> Event:
    """Return the event that sets the state of a task run by hand; the flow goes on after it.

    Raises:
        Invalid: when there is no such task run, or no task run can be in that state by hand.
    """
    if not state.terminal or state is State.RETRIED:
        message = f"a task run cannot be set to {state}: only to a state that ends it"
        raise Invalid(message)
    plan = Plan(execution, flow)
    target = _task_run(execution, task_run_id)
    plan.runs[target.path] = state
    for owner in above(execution, target):
        plan.runs[owner.path] = State.RUNNING
    plan.drop_ends(frozenset({Branch.FINALLY, Branch.AFTER}))
    return plan.event(now)


def by_itself(event: Event, execution: Execution, flow: Flow) -> Event:
    """Let a copy begin anew what is under way in the original: nobody wakes it for another's child.

    Its pauses stay: the copy pauses, too.
    """
    outline, runs = Outline(flow), event.data["runs"]
    begun = [
        run.path
        for run in execution.task_runs.values()
        if not (run.ended or run.state is State.PAUSED or run.path in runs) and outline.whole(run)
    ]
    dropped = {*event.data["dropped"], *begun, *below(execution, begun)}
    event.data["dropped"] = sorted(dropped)
    return event


def _task_run(execution: Execution, task_run_id: str) -> TaskRun:
    for run in execution.task_runs.values():
        if run.id == task_run_id:
            return run
    message = f"No task found: execution {execution.id} has no task run {task_run_id!r}"
    raise Invalid(message)
