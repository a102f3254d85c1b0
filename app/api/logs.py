"""Logs and metrics of executions."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from app.api.answers import Json, page
from app.api.documents import LogDocument, answers_with, problems_of, text_answer
from app.api.log_json import log_json, log_text, metric_json
from app.api.paths import PREFIX, ExecutionId, Tenant
from app.api.query import Page, Size, Sort, known_keys
from app.api.services import Node, Services
from app.api.status import owned
from app.engine.logs import LEVELS

router = APIRouter(
    prefix=f"{PREFIX}/{{tenant}}",
    dependencies=[Depends(known_keys)],
    responses=problems_of(404),
)

MinLevel = Annotated[
    Literal["TRACE", "DEBUG", "INFO", "WARN", "ERROR"] | None,
    Query(alias="minLevel", description="The least level."),
]
TaskRunId = Annotated[str | None, Query(alias="taskRunId", max_length=100)]
TaskId = Annotated[str | None, Query(alias="taskId", max_length=200)]
AttemptNumber = Annotated[
    int | None, Query(alias="attempt", ge=0, le=10_000, description="Counted from 0.")
]


def number_of(level: str | None) -> int:
    """Return the number of a level; without one, everything counts."""
    return LEVELS[level] if level else 0


@router.get(
    "/logs/{execution_id}",
    tags=["Logs"],
    summary="The log of an execution",
    responses=answers_with(list[LogDocument]),
)
async def lines(
    tenant: Tenant,
    execution_id: ExecutionId,
    node: Node,
    least: MinLevel = None,
    task_run_id: TaskRunId = None,
    task_id: TaskId = None,
    attempt: AttemptNumber = None,
) -> Response:
    """List the lines that the tasks of an execution wrote, in order."""
    execution = await owned(node, tenant, execution_id)
    rows = await _rows(node, execution_id, least, task_run_id, task_id, attempt)
    return Json([log_json(row, execution) for row in rows])


@router.get(
    "/logs/{execution_id}/download",
    tags=["Logs"],
    summary="The log of an execution as text",
    responses=text_answer("The log"),
)
async def download(
    tenant: Tenant,
    execution_id: ExecutionId,
    node: Node,
    least: MinLevel = None,
    task_run_id: TaskRunId = None,
    task_id: TaskId = None,
    attempt: AttemptNumber = None,
) -> Response:
    """Send the log of an execution as a text file."""
    await owned(node, tenant, execution_id)
    rows = await _rows(node, execution_id, least, task_run_id, task_id, attempt)
    headers = {"Content-Disposition": f'attachment; filename="{execution_id}.log"'}
    text = "".join(log_text(row) for row in rows)
    return Response(text, headers=headers, media_type="text/plain; charset=utf-8")


async def _rows(
    node: Services,
    execution_id: str,
    least: str | None,
    task_run_id: str | None,
    task_id: str | None,
    attempt: int | None,
) -> list[Any]:
    rows: list[Any] = []
    while True:
        more = await node.logs.lines(
            execution_id,
            least=number_of(least),
            task_run_id=task_run_id,
            task_id=task_id,
            attempt=attempt,
            after=rows[-1].seq if rows else -1,
        )
        if not more:
            return rows
        rows.extend(more)


@router.get("/metrics/{execution_id}", tags=["Metrics"], summary="The metrics of an execution")
async def metrics(
    tenant: Tenant,
    execution_id: ExecutionId,
    node: Node,
    number: Page = 1,
    size: Size = 10,
    sort: Sort = [],  # noqa: B006 - FastAPI copies it
    task_run_id: TaskRunId = None,
    task_id: TaskId = None,
) -> Response:
    """List the figures that the tasks of an execution reported, in order."""
    execution = await owned(node, tenant, execution_id)
    rows, total = await node.metrics.of_execution(
        execution_id, task_run_id=task_run_id, task_id=task_id, page=number, size=size, sort=sort
    )
    return page([metric_json(row, execution) for row in rows], total)
