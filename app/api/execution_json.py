"""An execution as JSON, in Kestra's form: this is the hot path of every status request.

Beside Kestra's members there are `commit`, `author` and `subject` of what it runs, and `error` on
what failed.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from app.api.times import duration, instant
from app.executions import Execution, State, TaskRun
from app.executions.task_runs import Attempt, Moment
from app.flows.encryption import veiled


class Origin(NamedTuple):
    """Which commit an execution runs, who wrote it, and its subject line."""

    commit: str
    author: str
    subject: str


_DATA = frozenset({"inputs", "outputs", "variables", "trigger"})
"""Members that only those see who may read outputs."""


def execution_json(
    execution: Execution, origin: Origin, now: int, *, data: bool = True
) -> dict[str, Any]:
    """Return the JSON of an execution; `now` (µs) measures what still runs.

    Without `data`, inputs and outputs are left out.
    """
    body = _head(execution, origin, state_json(execution.histories, now))
    body["taskRunList"] = [
        task_run_json(execution, run, now, data=data) for run in execution.task_runs.values()
    ]
    for name, value in _optional(execution):
        if value and (data or name not in _DATA):
            body[name] = value
    return body


def created_json(execution: Execution, origin: Origin, *, data: bool = True) -> dict[str, Any]:
    """Return the JSON of an execution as it was when it was created."""
    first = execution.histories[:1]
    body = _head(execution, origin, state_json(first, first[0].at))
    body["taskRunList"] = []
    for name, value in _optional(execution):
        if value and name not in ("outputs", "error") and (data or name not in _DATA):
            body[name] = value
    return body


def restarted_json(execution: Execution, origin: Origin, *, data: bool = True) -> dict[str, Any]:
    """Return the JSON of an execution as it was when it began (again), with its task runs.

    It may have moved on since; clients count its states to see that it did.
    """
    states = [moment.state for moment in execution.histories]
    count = len(states) - states[::-1].index(State.RESTARTED) if State.RESTARTED in states else 1
    began = execution.histories[:count]
    body = execution_json(execution, origin, began[-1].at, data=data)
    body["state"] = state_json(began, began[-1].at)
    body.pop("outputs", None)
    return body


def _head(execution: Execution, origin: Origin, state: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": execution.id,
        "tenantId": execution.tenant,
        "namespace": execution.namespace,
        "flowId": execution.flow_id,
        "flowRevision": execution.revision,
        "commit": origin.commit,
        "author": origin.author,
        "subject": origin.subject,
        "state": state,
        "labels": [{"key": key, "value": value} for key, value in execution.labels],
        "originalId": execution.original_id or execution.id,
        "deleted": False,
        "metadata": {
            "attemptNumber": execution.attempt,
            "originalCreatedDate": instant(execution.created_at),
        },
    }


def _optional(execution: Execution) -> tuple[tuple[str, Any], ...]:
    return (
        ("inputs", veiled(execution.inputs)),
        ("outputs", veiled(execution.outputs)),
        ("variables", veiled({**execution.variables, **execution.vars})),
        ("trigger", veiled(execution.trigger)),
        ("parentId", execution.parent_id),
        ("scheduleDate", execution.schedule_date and instant(execution.schedule_date)),
        ("error", execution.reason),
    )


def state_json(histories: Sequence[Moment], now: int) -> dict[str, Any]:
    """Return the JSON of a state and how it came about."""
    first, last = histories[0], histories[-1]
    ended = last.state.terminal
    moments = [{"state": state, "date": instant(at)} for state, at in histories]
    body = {
        "current": last.state,
        "histories": moments,
        "duration": duration((last.at if ended else now) - first.at),
        "startDate": moments[0]["date"],
    }
    if ended or last.state is State.PAUSED:
        body["endDate"] = moments[-1]["date"]
    return body


def task_run_json(
    execution: Execution, run: TaskRun, now: int, *, data: bool = True
) -> dict[str, Any]:
    """Return the JSON of a task run."""
    body: dict[str, Any] = {
        "id": run.id,
        "tenantId": execution.tenant,
        "executionId": execution.id,
        "namespace": execution.namespace,
        "flowId": execution.flow_id,
        "taskId": run.task,
        "state": state_json(run.histories, now),
    }
    if run.parent:
        body["parentTaskRunId"] = execution.task_runs[run.parent].id
    if run.value is not None and data:
        body["value"] = run.value
    if run.iteration is not None:
        body["iteration"] = run.iteration
    if run.attempts:
        body["attempts"] = [_attempt(each, now) for each in run.attempts]
    if run.outputs is not None and data:
        body["outputs"] = veiled(run.outputs)
    if run.error:
        body["error"] = run.error
    return body


def _attempt(attempt: Attempt, now: int) -> dict[str, Any]:
    body: dict[str, Any] = {"state": state_json(attempt.histories, now)}
    if attempt.log_file is not None:
        body["logFile"] = attempt.log_file
    return body
