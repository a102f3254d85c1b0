"""`POST …/eval`: what an expression becomes in the place of an execution or of a task run."""

import traceback
from typing import Annotated, Any

from fastapi import Depends, Path
from starlette.requests import Request
from starlette.responses import Response

from app.access import Permission
from app.api.access import needs
from app.api.answers import Json
from app.api.documents import answers_with, problems_of
from app.api.execution_flows import loaded_for
from app.api.granted import Granted, Right
from app.api.paths import PREFIX, ExecutionId
from app.api.query import known_keys
from app.api.result_documents import EvaluationDocument
from app.api.routing import Router
from app.api.services import Node, Services
from app.api.status import owned
from app.errors import BadRequest, ExpressionError, TooLarge

MAX_EXPRESSION = 100_000

router = Router(
    prefix=f"{PREFIX}/{{tenant}}/executions",
    tags=["Executions"],
    dependencies=[Depends(known_keys)],
    responses={**problems_of(404, 413), **answers_with(EvaluationDocument)},
)

TaskRunId = Annotated[str, Path(max_length=100, description="The id of a task run.")]

_NEEDED = {
    "kv": Permission.KV_READ,
    "read": Permission.FILE_READ,
    "fileSize": Permission.FILE_READ,
    "fileExists": Permission.FILE_READ,
    "errorLogs": Permission.LOG_READ,
    "http": Permission.FLOW_WRITE,
}
"""What functions need of whoever evaluates them; who may write a flow may let it call anything."""

_BODY: dict[str, Any] = {
    "requestBody": {
        "description": "The expression.",
        "content": {"text/plain": {"schema": {"type": "string"}}},
        "required": True,
    }
}
_SUMMARY = "Evaluate an expression"


@router.post("/{execution_id}/eval", summary=_SUMMARY, openapi_extra=_BODY)
@router.post("/{execution_id}/actions/eval", summary=_SUMMARY, openapi_extra=_BODY)
@needs(Permission.OUTPUT_READ)
async def of_execution(
    request: Request, right: Granted, execution_id: ExecutionId, node: Node
) -> Response:
    """Evaluate an expression as the execution as a whole sees it now."""
    return await _evaluated(request, node, right, execution_id, None)


@router.post("/{execution_id}/eval/{task_run_id}", summary=_SUMMARY, openapi_extra=_BODY)
@router.post("/{execution_id}/actions/eval/{task_run_id}", summary=_SUMMARY, openapi_extra=_BODY)
@needs(Permission.OUTPUT_READ)
async def of_task_run(
    request: Request,
    right: Granted,
    execution_id: ExecutionId,
    task_run_id: TaskRunId,
    node: Node,
) -> Response:
    """Evaluate an expression as a task run sees it now."""
    return await _evaluated(request, node, right, execution_id, task_run_id)


async def _evaluated(
    request: Request, node: Services, right: Right, execution_id: str, task_run_id: str | None
) -> Response:
    execution = await owned(node, right, execution_id)
    expression = _expression(await request.body())
    loaded = await loaded_for(node, execution)

    def may(function: str, namespace: str | None) -> bool:
        needed = _NEEDED.get(function, right.permission)
        return right.to(needed).holds(namespace or execution.namespace)

    try:
        result = await node.evaluations.evaluate(
            execution, loaded, expression, task_run_id, may=may
        )
    except ExpressionError as error:
        return Json({"error": error.message, "stackTrace": _trace(error)})
    return Json({"result": result})


def _expression(body: bytes) -> str:
    if len(body) > MAX_EXPRESSION:
        message = f"the expression has {len(body)} bytes, more than the limit of {MAX_EXPRESSION}"
        raise TooLarge(message)
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        message = "the expression is not UTF-8"
        raise BadRequest(message) from None


def _trace(error: ExpressionError) -> str:
    """Return what clients show below the message: the error, never our source."""
    return "".join(traceback.format_exception_only(error)).strip()
