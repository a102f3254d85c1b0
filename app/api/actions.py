"""What people do with an execution that runs: kill, pause, resume."""

from typing import Annotated

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from app.access import Permission
from app.api.access import needs
from app.api.answers import nothing
from app.api.documents import EXECUTION, form_of_inputs, problems_of
from app.api.execution_files import files_of
from app.api.forms import read_form
from app.api.granted import Granted, Right
from app.api.paths import PREFIX, ExecutionId
from app.api.query import known_keys
from app.api.routing import Router
from app.api.services import Node, Services
from app.api.status import answer, owned

router = Router(
    prefix=f"{PREFIX}/{{tenant}}/executions",
    tags=["Executions"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(400, 404, 409),
)

Cascade = Annotated[
    bool, Query(alias="isOnKillCascade", description="Whether what it started is killed too.")
]


@router.delete("/{execution_id}/kill", status_code=202, summary="Kill an execution")
@needs(Permission.EXECUTION_KILL)
async def kill(
    right: Granted, execution_id: ExecutionId, node: Node, cascade: Cascade = True
) -> Response:
    """End an execution at once as KILLED."""
    await owned(node, right, execution_id)
    await node.commands.kill(right.tenant, execution_id, cascade=cascade)
    return nothing(202)


@router.post("/{execution_id}/pause", status_code=204, summary="Pause an execution")
@needs(Permission.EXECUTION_KILL)
async def pause(right: Granted, execution_id: ExecutionId, node: Node) -> Response:
    """Pause a running execution: what runs goes on, nothing new starts."""
    await owned(node, right, execution_id)
    await node.commands.pause(right.tenant, execution_id)
    return nothing()


@router.post(
    "/{execution_id}/resume",
    status_code=204,
    summary="Resume an execution",
    openapi_extra=form_of_inputs("The inputs of the pause (`onResume`)."),
)
@needs(Permission.EXECUTION_RESUME)
async def resume(
    request: Request, right: Granted, execution_id: ExecutionId, node: Node
) -> Response:
    """Resume a paused execution."""
    await _resume(request, node, right, execution_id)
    return nothing()


async def _resume(request: Request, node: Services, right: Right, execution_id: str) -> None:
    execution = await owned(node, right, execution_id)
    folder = files_of(execution)
    form = await read_form(request, node.storage, f"{folder}/resume")
    await node.commands.resume(right.tenant, execution_id, inputs=form.inputs, by=right.actor.name)


# -- the paths of later versions, which answer with the execution ---------------------------------


@router.delete("/{execution_id}/actions/kill", summary="Kill an execution", responses=EXECUTION)
@needs(Permission.EXECUTION_KILL)
async def kill_and_tell(
    request: Request,
    right: Granted,
    execution_id: ExecutionId,
    node: Node,
    cascade: Cascade = True,
) -> Response:
    """End an execution at once as KILLED; answer with it."""
    await owned(node, right, execution_id)
    await node.commands.kill(right.tenant, execution_id, cascade=cascade)
    return await answer(request, node, right, await owned(node, right, execution_id))


@router.post("/{execution_id}/actions/pause", summary="Pause an execution", responses=EXECUTION)
@needs(Permission.EXECUTION_KILL)
async def pause_and_tell(
    request: Request, right: Granted, execution_id: ExecutionId, node: Node
) -> Response:
    """Pause a running execution; answer with it."""
    await owned(node, right, execution_id)
    await node.commands.pause(right.tenant, execution_id)
    return await answer(request, node, right, await owned(node, right, execution_id))


@router.post(
    "/{execution_id}/actions/resume",
    summary="Resume an execution",
    responses=EXECUTION,
    openapi_extra=form_of_inputs("The inputs of the pause (`onResume`)."),
)
@needs(Permission.EXECUTION_RESUME)
async def resume_and_tell(
    request: Request, right: Granted, execution_id: ExecutionId, node: Node
) -> Response:
    """Resume a paused execution; answer with it."""
    await _resume(request, node, right, execution_id)
    return await answer(request, node, right, await owned(node, right, execution_id))
