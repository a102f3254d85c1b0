"""What people do with an execution that runs: kill, pause, resume; one, or several by id."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from app.api.answers import Json, nothing
from app.api.documents import EXECUTION, form_of_inputs, problems_of
from app.api.execution_files import files_of
from app.api.forms import read_form
from app.api.paths import PREFIX, ExecutionId, Tenant
from app.api.query import known_keys
from app.api.services import Node, Services
from app.api.status import answer, owned
from app.errors import BadRequest, NotFound
from app.executions import State

MAX_IDS = 1_000

router = APIRouter(
    prefix=f"{PREFIX}/{{tenant}}/executions",
    tags=["Executions"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(400, 404, 409),
)

Cascade = Annotated[
    bool, Query(alias="isOnKillCascade", description="Whether what it started is killed too.")
]
Ids = Annotated[list[str], Body(max_length=MAX_IDS, description="Ids of executions.")]

ACTOR = "api"
"""Who acts: without a login every caller is the same one."""


@router.delete("/{execution_id}/kill", status_code=202, summary="Kill an execution")
async def kill(
    tenant: Tenant, execution_id: ExecutionId, node: Node, cascade: Cascade = True
) -> Response:
    """End an execution at once as KILLED."""
    await owned(node, tenant, execution_id)
    await node.commands.kill(tenant, execution_id, cascade=cascade)
    return nothing(202)


@router.post("/{execution_id}/pause", status_code=204, summary="Pause an execution")
async def pause(tenant: Tenant, execution_id: ExecutionId, node: Node) -> Response:
    """Pause a running execution: what runs goes on, nothing new starts."""
    await owned(node, tenant, execution_id)
    await node.commands.pause(tenant, execution_id)
    return nothing()


@router.post(
    "/{execution_id}/resume",
    status_code=204,
    summary="Resume an execution",
    openapi_extra=form_of_inputs("The inputs of the pause (`onResume`)."),
)
async def resume(
    request: Request, tenant: Tenant, execution_id: ExecutionId, node: Node
) -> Response:
    """Resume a paused execution."""
    await _resume(request, node, tenant, execution_id)
    return nothing()


async def _resume(request: Request, node: Services, tenant: str, execution_id: str) -> None:
    execution = await owned(node, tenant, execution_id)
    folder = files_of(execution.namespace, execution.flow_id, execution.id)
    form = await read_form(request, node.storage, f"{folder}/resume")
    await node.commands.resume(tenant, execution_id, inputs=form.inputs, by=ACTOR)


# -- the paths of later versions, which answer with the execution ---------------------------------


@router.delete("/{execution_id}/actions/kill", summary="Kill an execution", responses=EXECUTION)
async def kill_and_tell(
    request: Request,
    tenant: Tenant,
    execution_id: ExecutionId,
    node: Node,
    cascade: Cascade = True,
) -> Response:
    """End an execution at once as KILLED; answer with it."""
    await owned(node, tenant, execution_id)
    await node.commands.kill(tenant, execution_id, cascade=cascade)
    return await answer(request, node, await owned(node, tenant, execution_id))


@router.post("/{execution_id}/actions/pause", summary="Pause an execution", responses=EXECUTION)
async def pause_and_tell(
    request: Request, tenant: Tenant, execution_id: ExecutionId, node: Node
) -> Response:
    """Pause a running execution; answer with it."""
    await owned(node, tenant, execution_id)
    await node.commands.pause(tenant, execution_id)
    return await answer(request, node, await owned(node, tenant, execution_id))


@router.post(
    "/{execution_id}/actions/resume",
    summary="Resume an execution",
    responses=EXECUTION,
    openapi_extra=form_of_inputs("The inputs of the pause (`onResume`)."),
)
async def resume_and_tell(
    request: Request, tenant: Tenant, execution_id: ExecutionId, node: Node
) -> Response:
    """Resume a paused execution; answer with it."""
    await _resume(request, node, tenant, execution_id)
    return await answer(request, node, await owned(node, tenant, execution_id))


# -- several at once -----------------------------------------------------------------------------


@router.delete("/kill/by-ids", summary="Kill several executions")
async def kill_several(tenant: Tenant, ids: Ids, node: Node) -> Response:
    """Kill each of these executions; answer how many there were."""
    found = await _all_of(node, tenant, ids, lambda state: not state.terminal)
    for each in found:
        await node.commands.kill(tenant, each)
    return Json({"count": len(found)})


@router.post("/pause/by-ids", summary="Pause several executions")
async def pause_several(tenant: Tenant, ids: Ids, node: Node) -> Response:
    """Pause each of these executions; answer how many there were."""
    found = await _all_of(node, tenant, ids, lambda state: state is State.RUNNING)
    for each in found:
        await node.commands.pause(tenant, each)
    return Json({"count": len(found)})


@router.post("/resume/by-ids", summary="Resume several executions")
async def resume_several(tenant: Tenant, ids: Ids, node: Node) -> Response:
    """Resume each of these executions; answer how many there were."""
    found = await _all_of(node, tenant, ids, lambda state: state is State.PAUSED)
    for each in found:
        await node.commands.resume(tenant, each, by=ACTOR)
    return Json({"count": len(found)})


async def _all_of(
    node: Services, tenant: str, ids: list[str], possible: Callable[[State], bool]
) -> list[str]:
    """Return the ids, each once, if it is possible for all of them.

    Raises:
        BadRequest: when it is not, with every one that is in the way; nothing is done then.
    """
    invalids = []
    for each in dict.fromkeys(ids):
        try:
            state = (await owned(node, tenant, each)).state
            reason = "" if possible(state) else f"execution {each} is {state}"
        except NotFound as error:
            reason = error.message
        if reason:
            invalids.append({"message": reason, "invalidValue": each})
    if invalids:
        message = f"{len(invalids)} of {len(ids)} are in the way: {invalids[0]['message']}"
        raise BadRequest(message, invalids=invalids)
    return list(dict.fromkeys(ids))
