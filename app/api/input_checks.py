"""`POST …/validate`: what would become of inputs, for forms that are filled in."""

import secrets
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from app.access import Permission
from app.api.access import needs
from app.api.answers import Json
from app.api.creation import read_label
from app.api.documents import answers_with, form_of_inputs, problems_of
from app.api.execution_files import execution_files
from app.api.execution_flows import loaded_for
from app.api.flow_lookup import Key, existing
from app.api.forms import read_form
from app.api.granted import Granted
from app.api.paths import PREFIX, ExecutionId, FlowId, Namespace, Tenant
from app.api.query import known_keys
from app.api.result_documents import InputsDocument
from app.api.routing import Router
from app.api.services import Node, Services
from app.api.status import owned
from app.engine.checks import FailedCheck
from app.engine.commands import NewExecution
from app.engine.inputs import find_task
from app.errors import Conflict
from app.executions import State
from app.flows.dump import dump
from app.flows.inputs import InputState
from app.flows.model import Inputs
from app.ports import LoadedFlow

router = Router(
    prefix=f"{PREFIX}/{{tenant}}/executions",
    tags=["Executions"],
    dependencies=[Depends(known_keys)],
    responses={**problems_of(404, 409, 413), **answers_with(InputsDocument)},
)

_FORM = form_of_inputs("The inputs as far as they are known.")
_RESUME = "Validate the inputs of a resumption"


@router.post("/{execution_id}/resume/validate", summary=_RESUME, openapi_extra=_FORM)
@router.post("/{execution_id}/actions/resume/validate", summary=_RESUME, openapi_extra=_FORM)
@needs(Permission.EXECUTION_RESUME)
async def of_resumption(
    request: Request, right: Granted, execution_id: ExecutionId, node: Node
) -> Response:
    """Tell what is wrong with inputs for the pause that an execution is in."""
    execution = await owned(node, right, execution_id)
    paused = next((r for r in execution.task_runs.values() if r.state is State.PAUSED), None)
    if paused is None:
        message = f"execution {execution_id} is {execution.state}, no task of it is PAUSED"
        raise Conflict(message)
    loaded = await loaded_for(node, execution)
    declared: Inputs = getattr(find_task(loaded, paused.task), "on_resume", None) or []
    return Json({"id": execution_id, **await _checked(request, node, loaded, declared)})


@router.post(
    "/{namespace}/{flow_id}/validate", summary="Validate inputs of a flow", openapi_extra=_FORM
)
@needs(Permission.EXECUTION_CREATE)
async def of_flow(
    request: Request,
    tenant: Tenant,
    namespace: Namespace,
    flow_id: FlowId,
    node: Node,
    revision: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    labels: Annotated[list[str], Query(max_length=100)] = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """Tell what would become of inputs if the flow were executed with them."""
    key = Key(tenant, namespace, flow_id)
    found = existing(node, key)
    if revision is None:
        loaded = await node.flows.load(found)
    else:
        loaded = await node.flows.at(*key, revision=revision)
    pairs = [read_label(each) for each in labels]
    checked = await _checked(request, node, loaded, loaded.flow.inputs, pairs)
    return Json({"id": flow_id, "namespace": namespace, **checked})


async def _checked(
    request: Request,
    node: Services,
    loaded: LoadedFlow,
    declared: Inputs,
    labels: Sequence[tuple[str, str]] | None = None,
) -> dict[str, Any]:
    revision = loaded.revision
    place = (revision.namespace, revision.flow_id)
    made_id = f"validation-{secrets.token_hex(8)}"
    home = execution_files(*place, made_id, revision.tenant)
    failed: Sequence[FailedCheck] = ()
    try:
        form = await read_form(request, node.storage, home, [each.id for each in declared])
        states = await node.executor.inputs.states(loaded, declared, form.inputs)
        if labels is not None and loaded.flow.checks:
            new = NewExecution(
                revision.tenant, *place, inputs=form.inputs, labels=labels, id=made_id
            )
            failed = await node.commands.failed_checks(new, loaded)
    finally:
        await node.storage.delete_prefix(home)
    return {"inputs": _states_json(states), "checks": [each._asdict() for each in failed]}


def _states_json(states: Sequence[InputState]) -> list[dict[str, Any]]:
    return [_state_json(each) for each in states]


def _state_json(state: InputState) -> dict[str, Any]:
    body: dict[str, Any] = {
        "input": dump(state.input),
        "enabled": state.enabled,
        "isDefault": state.is_default,
        "errors": [{"message": message} for message in state.errors],
    }
    if state.value is not None:
        body["value"] = state.value
    return body
