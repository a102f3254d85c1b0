"""Variables: what an expression sees at a place of an execution (reference §3.12)."""

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from app.engine.floats import with_floats
from app.engine.frames import Frame
from app.engine.live import Live
from app.executions import ROOT, Execution, State, TaskRun, TaskRunPath
from app.expressions import Mixed
from app.flows.model import Task
from app.ports import LoadedFlow

_ENVIRONMENT_PREFIX = "ENV_"


def instant(microseconds: int) -> datetime:
    """Return a time in UTC."""
    return datetime.fromtimestamp(microseconds / 1_000_000, UTC)


def _start(microseconds: int) -> datetime:
    """Return the time of a start, which expressions see in milliseconds, as in Kestra."""
    return instant(microseconds - microseconds % 1000)


@cache
def environment_variables() -> dict[str, str]:
    """Return `envs`: the server's variables named `ENV_…`, lower-cased without the prefix.

    Read once: a process's environment is what it was started with.
    """
    return {
        key.removeprefix(_ENVIRONMENT_PREFIX).lower(): value
        for key, value in os.environ.items()
        if key.startswith(_ENVIRONMENT_PREFIX)
    }


def flow_variables(loaded: LoadedFlow) -> dict[str, Any]:
    """Return what is known of the flow alone: `flow`, `vars`, `envs`, `globals`."""
    revision = loaded.revision
    flow = {
        "id": revision.flow_id,
        "namespace": revision.namespace,
        "revision": revision.revision,
        "tenantId": revision.tenant,
        "commit": revision.commit,
    }
    variables = {"flow": flow, "envs": environment_variables(), "globals": {}}
    if loaded.flow.variables:
        variables["vars"] = loaded.flow.variables
    return variables


def label_map(execution: Execution) -> dict[str, Any]:
    """Return `labels`: key to value, the first of equal keys; dotted system labels nest."""
    labels: dict[str, Any] = {}
    for key, value in execution.labels:
        if key.startswith("system."):
            labels.setdefault("system", {}).setdefault(key.removeprefix("system."), value)
        else:
            labels.setdefault(key, value)
    return labels


class Scope:
    """Makes variables for the expressions of one execution."""

    def __init__(self, live: Live) -> None:
        """Prepare what is the same everywhere in the execution."""
        self._live = live
        execution = live.execution
        self._fixed = {**flow_variables(live.loaded), **live.surroundings}
        inputs = live.revealed(execution.inputs)
        if inputs := with_floats(live.loaded.flow.inputs, inputs):
            self._fixed["inputs"] = inputs
        self._labels = execution.labels
        self._fixed["labels"] = label_map(execution)
        if execution.trigger:
            self._fixed["trigger"] = live.revealed(execution.trigger.get("variables") or {})
        self._fixed.update(live.revealed(execution.variables))
        if "namespace" in live.surroundings:  # nothing from outside stands for it
            self._fixed["namespace"] = live.surroundings["namespace"]
        self._vars: dict[str, Any] = {}

    def variables(self) -> dict[str, Any]:
        """Return the variables of the execution as a whole."""
        live = self._live
        execution = live.execution
        about = {
            "id": execution.id,
            "startDate": _start(execution.created_at),
            "originalId": execution.original_id or execution.id,
            "state": execution.state.value,
        }
        if execution.labels is not self._labels or execution.vars is not self._vars:
            self._follow(execution)
        variables = {**self._fixed, "execution": about}
        if execution.task_runs:
            variables["outputs"] = live.outputs.outputs
            variables["tasks"] = live.outputs.states
        return variables

    def _follow(self, execution: Execution) -> None:
        """Take up labels and variables that a task has set; each change makes new ones of them."""
        self._labels, self._vars = execution.labels, execution.vars
        self._fixed["labels"] = label_map(execution)
        below = self._live.loaded.flow.variables or {}
        if execution.vars:
            self._fixed["vars"] = Mixed(below, self._live.revealed(execution.vars))
        elif below:
            self._fixed["vars"] = below
        else:
            self._fixed.pop("vars", None)

    def of_task(
        self,
        task: Task,
        path: TaskRunPath,
        run_id: str,
        parent: TaskRunPath,
        value: str | None,
        frame: Frame | None = None,
    ) -> dict[str, Any]:
        """Return the variables of a task run, which may not exist yet.

        `frame` is what surrounds it during a walk: only then `item` and `error` are known.
        """
        variables = self.variables()
        run = self._live.run(path)
        variables["task"] = {"id": task.id, "type": task.type}
        variables["taskrun"] = self._task_run(run, run_id, parent, value)
        homes = self._live.outputs.homes(parent, path) if frame is None else frame.homes
        if homes:
            self._come_home(variables, homes)
        if frame is not None:
            _surround(variables, frame)
        parents = self._parents(parent)
        variables["parents"] = parents
        if parents:
            variables["parent"] = parents[0]
        variables.setdefault("outputs", {})
        return variables

    def _come_home(self, variables: dict[str, Any], homes: Sequence[str]) -> None:
        """Put the outputs of the rounds around a task over those of the whole execution."""
        for name in ("outputs", "tasks"):
            found = dict(variables.get(name, ()))
            for home in homes:
                found.update(self._live.outputs.round(home)[name])
            variables[name] = found

    def _task_run(
        self, run: TaskRun | None, run_id: str, parent: TaskRunPath, value: str | None
    ) -> Mapping[str, Any]:
        start = run.histories[0].at if run else self._live.clock.now()
        about: dict[str, Any] = {
            "id": run_id,
            "startDate": _start(start),
            "attemptsCount": _attempts_before(run),
        }
        if parent != ROOT:
            about["parentId"] = self._live.execution.task_runs[parent].id
        if value is not None:
            about["value"] = value
        if run is not None and run.iteration is not None:
            about["iteration"] = run.iteration
        return about

    def _parents(self, path: TaskRunPath) -> list[dict[str, Any]]:
        parents = []
        while path != ROOT:
            above = self._live.execution.task_runs[path]
            about: dict[str, Any] = {}
            if above.value is not None:
                about["taskrun"] = {"value": above.value}
            if above.outputs:
                about["outputs"] = self._live.revealed(above.outputs)
            if about:
                parents.append(about)
            path = above.parent
        return parents


def _attempts_before(run: TaskRun | None) -> int:
    """Return how many attempts there were before the one that runs."""
    if run is None or not run.attempts:
        return 0
    return len(run.attempts) - (not run.attempts[-1].ended)


def _surround(variables: dict[str, Any], frame: Frame) -> None:
    if frame.index is not None:
        variables["taskrun"]["iteration"] = frame.index
    if frame.item is not None:
        variables["item"] = frame.item
    if frame.error is not None:
        variables["error"] = frame.error


def failure_below(execution: Execution, path: TaskRunPath) -> Mapping[str, Any] | None:
    """Return `error` for the tasks that follow a failure below `path`: the last one that failed."""
    found: TaskRun | None = None
    for run in execution.task_runs.values():
        if run.state is State.FAILED and run.path.startswith(path):
            later = found is None or run.histories[-1].at > found.histories[-1].at
            if later and (run.path != path or found is None):
                found = run
    if found is None:
        return None
    message = found.error or "the task failed"
    return {"taskId": found.task, "message": message, "stackTrace": message}
