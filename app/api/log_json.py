"""Log lines and metrics as JSON, in Kestra's form."""

from typing import Any

import orjson

from app.api.times import instant
from app.engine.logs import LEVELS
from app.executions import Execution
from app.ports import LogLine

LEVEL_NAMES = {number: name for name, number in LEVELS.items()}


def log_json(row: Any, execution: Execution | LogLine) -> dict[str, Any]:
    """Return a row of the log as a `LogEntry`; `execution` says whose it is."""
    entry = {
        "tenantId": execution.tenant,
        "namespace": execution.namespace,
        "flowId": execution.flow_id,
        "taskId": row.task_id,
        "executionId": row.execution_id,
        "taskRunId": row.task_run_id,
        "attemptNumber": row.attempt,
        "timestamp": instant(row.at),
        "level": LEVEL_NAMES.get(row.level, "INFO"),
        "message": row.message,
    }
    if (trigger := getattr(row, "trigger_id", None)) is not None:
        entry["triggerId"] = trigger
    return entry


def log_text(row: Any) -> str:
    """Return a row of the log as a line for people."""
    at = instant(row.at).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return f"{at} {LEVEL_NAMES.get(row.level, 'INFO')} {row.message}\n"


def metric_json(row: Any, execution: Any) -> dict[str, Any]:
    """Return a row of the metrics as a `MetricEntry`; `execution` says whose it is."""
    return {
        "tenantId": execution.tenant,
        "namespace": execution.namespace,
        "flowId": execution.flow_id,
        "taskId": row.task_id,
        "executionId": row.execution_id,
        "taskRunId": row.task_run_id,
        "type": row.kind,
        "name": row.name,
        "value": metric_value(row.kind, row.value),
        "timestamp": instant(row.at),
        "tags": {
            "flow_id": execution.flow_id,
            "namespace_id": execution.namespace,
            "task_id": row.task_id,
            **orjson.loads(row.tags),
        },
    }


def metric_value(kind: str, value: float) -> float:
    """Return a figure as Kestra tells it: timers, which are kept in seconds, in milliseconds."""
    return value * 1_000 if kind == "timer" else value
