"""The outline of a flow: where each task stands, which tasks come after it.

What a restart or a replay keeps of an execution is decided by it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from app.executions import ROOT, Execution, TaskRun, TaskRunPath
from app.flows.model import Flow, Model, Task
from app.plugins.api import Flowable

_ROUND = re.compile(r"\[(\d+)\]/[^/]+$")


class Branch(StrEnum):
    """Which list of its owner a task belongs to, or a task above it does."""

    MAIN = "main"
    ERRORS = "errors"
    FINALLY = "finally"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a task stands."""

    task: Task
    owner: Task | None
    """The flowable around it; None for the flow itself."""
    siblings: Sequence[Task]
    """The list it is in, in order."""
    branch: Branch
    """Of its owner; `Outline.main` asks for all owners above."""


class Outline:
    """The spots of a flow by task id."""

    def __init__(self, flow: Flow) -> None:
        """Outline a flow."""
        self._spots: dict[str, Spot] = {}
        lists = [
            (flow.tasks, Branch.MAIN),
            (flow.errors, Branch.ERRORS),
            (flow.finally_, Branch.FINALLY),
            (flow.after_execution, Branch.AFTER),
            *((listener.tasks, Branch.AFTER) for listener in flow.listeners),
        ]
        for tasks, branch in lists:
            self._add(tasks, None, branch)

    def _add(self, tasks: Sequence[Task], owner: Task | None, branch: Branch) -> None:
        for task in tasks:
            self._spots[task.id] = Spot(task, owner, tasks, branch)
            if isinstance(task, Flowable):
                self._add(task.errors, task, Branch.ERRORS)
                self._add(task.finally_, task, Branch.FINALLY)
                for below in _lists(task):
                    self._add(below, task, Branch.MAIN)

    def spot(self, task_id: str) -> Spot | None:
        """Return where a task stands; None when the flow does not have it."""
        return self._spots.get(task_id)

    def main(self, run: TaskRun) -> bool:
        """Whether a task run is of no `errors`, `finally` or later list at any level."""
        spot = self._spots.get(run.task)
        while spot is not None:
            if spot.branch is not Branch.MAIN:
                return False
            spot = self._spots.get(spot.owner.id) if spot.owner else None
        return True

    def whole(self, run: TaskRun) -> bool:
        """Whether a task run starts again as a whole, not child by child."""
        spot = self._spots.get(run.task)
        task = spot.task if spot else None
        return not isinstance(task, Flowable) or task.attempts or task.whole

    def anew(self, run: TaskRun) -> bool:
        """Whether a flowable that starts again as a whole forgets what it has decided."""
        spot = self._spots.get(run.task)
        return spot is not None and isinstance(spot.task, Flowable) and spot.task.whole

    def called(self, run: TaskRun) -> bool:
        """Whether a task run starts another execution."""
        spot = self._spots.get(run.task)
        return spot is not None and bool(getattr(spot.task, "subflow", False))

    def follows(self, run: TaskRun, other: TaskRun) -> bool:
        """Whether `other`, of the same owner, runs after `run` has run."""
        here, there = self._spots.get(run.task), self._spots.get(other.task)
        if here is None or there is None:
            return True
        if there.branch is not here.branch:
            return there.branch is not Branch.MAIN
        if round_of(run) != round_of(other):
            return _ordered_rounds(here.owner) and round_of(other) > round_of(run)
        return other.task in self._after[run.task]

    @cached_property
    def _after(self) -> Mapping[str, frozenset[str]]:
        return {name: frozenset(_later(spot)) for name, spot in self._spots.items()}


def _lists(task: Flowable) -> Iterator[Sequence[Task]]:
    """Yield the lists of children of a flowable, but for `errors` and `finally`."""
    for name in type(task).model_fields:
        if name not in ("errors", "finally_"):
            yield from _lists_in(getattr(task, name))


def _lists_in(value: Any) -> Iterator[Sequence[Task]]:
    if isinstance(value, dict):
        for each in value.values():
            yield from _lists_in(each)
    elif isinstance(value, list) and value:
        if isinstance(value[0], Task):
            yield value
        elif isinstance(value[0], Model):
            below = [task for task in (getattr(each, "task", None) for each in value) if task]
            if below:
                yield below


def _later(spot: Spot) -> Iterable[str]:
    """Return ids of the tasks of the same list that wait for this one."""
    needs = getattr(spot.owner, "needs", None)
    if needs is not None and spot.branch is Branch.MAIN:
        return _dependents(needs, spot.task.id)
    if spot.branch is Branch.MAIN and getattr(spot.owner, "side_by_side", False):
        return ()
    position = [task.id for task in spot.siblings].index(spot.task.id)
    return [task.id for task in spot.siblings[position + 1 :]]


def _dependents(needs: Mapping[str, Sequence[str]], task_id: str) -> set[str]:
    found: set[str] = set()
    fresh = {task_id}
    while fresh:
        fresh = {name for name, needed in needs.items() if fresh & set(needed)} - found
        found |= fresh
    return found


def _ordered_rounds(owner: Task | None) -> bool:
    """Whether a loop runs its rounds one after another."""
    if getattr(owner, "side_by_side", False):
        return False
    return getattr(owner, "concurrency_limit", 1) == 1


def round_of(run: TaskRun) -> int:
    """Return the round of its owner that a task run belongs to; -1 outside of loops."""
    match = _ROUND.search(run.path)
    return int(match[1]) if match else -1


def above(execution: Execution, run: TaskRun) -> Iterator[TaskRun]:
    """Yield the task runs around one, nearest first."""
    path = run.parent
    while path != ROOT:
        owner = execution.task_runs[path]
        yield owner
        path = owner.parent


def below(execution: Execution, paths: Iterable[TaskRunPath]) -> set[TaskRunPath]:
    """Return the paths of all task runs below some."""
    found: set[TaskRunPath] = set()
    fresh = set(paths)
    while fresh:
        fresh = {run.path for run in execution.task_runs.values() if run.parent in fresh} - found
        found |= fresh
    return found
