"""Variables: what an expression sees at a place of an execution (reference §3.12)."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from app.engine.live import Live
from app.executions import ROOT, Execution, TaskRun, TaskRunPath
from app.flows.model import Task
from app.ports import LoadedFlow

_ENVIRONMENT_PREFIX = "ENV_"


def instant(microseconds: int) -> datetime:
    """Return a time in UTC."""
    return datetime.fromtimestamp(microseconds / 1_000_000, UTC)


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
        self._fixed = flow_variables(live.loaded)
        self._fixed["inputs"] = execution.inputs
        self._fixed["labels"] = label_map(execution)
        if execution.trigger:
            self._fixed["trigger"] = execution.trigger.get("variables") or {}
        self._fixed.update(execution.variables)

    def variables(self) -> dict[str, Any]:
        """Return the variables of the execution as a whole."""
        live = self._live
        execution = live.execution
        about = {
            "id": execution.id,
            "startDate": instant(execution.created_at),
            "originalId": execution.original_id or execution.id,
            "state": execution.state.value,
        }
        variables = {**self._fixed, "execution": about}
        if execution.task_runs:
            variables["outputs"] = live.outputs.outputs
            variables["tasks"] = live.outputs.states
        return variables

    def of_task(
        self, task: Task, path: TaskRunPath, run_id: str, parent: TaskRunPath, value: str | None
    ) -> dict[str, Any]:
        """Return the variables of a task run, which may not exist yet."""
        variables = self.variables()
        run = self._live.run(path)
        variables["task"] = {"id": task.id, "type": task.type}
        variables["taskrun"] = self._task_run(run, run_id, parent, value)
        parents = self._parents(parent)
        variables["parents"] = parents
        if parents:
            variables["parent"] = parents[0]
        variables.setdefault("outputs", {})
        return variables

    def _task_run(
        self, run: TaskRun | None, run_id: str, parent: TaskRunPath, value: str | None
    ) -> Mapping[str, Any]:
        start = run.histories[0].at if run else self._live.clock.now()
        about: dict[str, Any] = {
            "id": run_id,
            "startDate": instant(start),
            "attemptsCount": len(run.attempts) if run else 0,
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
                about["outputs"] = above.outputs
            if about:
                parents.append(about)
            path = above.parent
        return parents
