"""The state of a trigger as JSON, in Kestra's form."""

from typing import Any

from app.api.times import instant
from app.db.trigger_records import Backfill, TriggerState


def trigger_json(state: TriggerState, *, data: bool = True) -> dict[str, Any]:
    """Return the JSON of a trigger's state; what is not known is left out.

    Without `data`, so are the inputs of a backfill.
    """
    body: dict[str, Any] = {
        "tenantId": state.tenant,
        "namespace": state.namespace,
        "flowId": state.flow_id,
        "triggerId": state.trigger_id,
        "type": state.type,
        "disabled": state.disabled,
        "updatedDate": instant(state.updated_at),
    }
    dates = (
        ("date", state.date),
        ("nextExecutionDate", state.next_at),
        ("evaluateRunningDate", state.evaluating_at),
    )
    body |= {name: instant(at) for name, at in dates if at is not None}
    if state.execution_id:
        body["executionId"] = state.execution_id
    if state.stop_after:
        body["stopAfter"] = list(state.stop_after)
    if state.backfill is not None:
        body["backfill"] = _backfill(state.backfill)
        if not data:
            body["backfill"].pop("inputs", None)
    return body


def _backfill(backfill: Backfill) -> dict[str, Any]:
    body: dict[str, Any] = {
        "start": instant(backfill.start),
        "end": instant(backfill.end),
        "currentDate": instant(backfill.current),
        "paused": backfill.paused,
    }
    if backfill.previous_next is not None:
        body["previousNextExecutionDate"] = instant(backfill.previous_next)
    if backfill.inputs:
        body["inputs"] = dict(backfill.inputs)
    if backfill.labels:
        body["labels"] = [{"key": key, "value": value} for key, value in backfill.labels]
    return body
