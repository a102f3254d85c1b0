"""Logs of executions: to read, to search, to take home, to delete (reference §6.3)."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.access import Permission
from app.api.access import needs
from app.api.answers import Json, nothing, page
from app.api.documents import LogDocument, answers_with, problems_of, text_answer
from app.api.granted import Granted, Right
from app.api.log_filters import PLAIN_FILTERS, wanted
from app.api.log_json import log_json, log_text
from app.api.paths import PREFIX, ExecutionId, FlowId, Namespace
from app.api.query import Page, Size, Sort, known_keys, takes_filters
from app.api.routing import Router
from app.api.services import Node, Services
from app.api.single_filters import sortable
from app.api.status import owned
from app.db.logs import SORTABLE
from app.engine.logs import LEVELS
from app.errors import NotFound
from app.ports import LogQuery

router = Router(
    prefix=f"{PREFIX}/{{tenant}}",
    tags=["Logs"],
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


async def _some_lines(
    right: Granted,
    execution_id: ExecutionId,
    least: MinLevel = None,
    task_run_id: TaskRunId = None,
    task_id: TaskId = None,
    attempt: AttemptNumber = None,
) -> LogQuery:
    """Read from the parameters which lines of an execution are meant."""
    return LogQuery(
        right.tenant,
        execution_id=execution_id,
        least=number_of(least),
        task_run_id=task_run_id,
        task_ids=[task_id] if task_id else (),
        attempt=attempt,
        reach=right.reach,
    )


Lines = Annotated[LogQuery, Depends(_some_lines)]


@router.get(
    "/logs/search",
    dependencies=PLAIN_FILTERS,
    summary="Search logs",
)
@takes_filters
@needs(Permission.LOG_READ)
async def search(
    request: Request,
    right: Granted,
    node: Node,
    number: Page = 1,
    size: Size = 10,
    sort: Sort = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """List the lines of all executions that match, one page of them, newest first by default."""
    query = wanted(right, request.query_params, node.clock.now())
    await node.sink.settled()
    lines, total = await node.logs.search(
        query, page=number, size=size, sort=sortable(sort, SORTABLE)
    )
    return page([log_json(line, line) for line in lines], total)


@router.get(
    "/logs/{execution_id}",
    summary="The log of an execution",
    responses=answers_with(list[LogDocument]),
)
@needs(Permission.LOG_READ)
async def lines(query: Lines, node: Node) -> Response:
    """List the lines that the tasks of an execution wrote, in order; none of an unknown one."""
    await node.sink.settled()
    found = [row async for rows in _pages(node, query) for row in rows]
    return Json([log_json(row, row) for row in found])


@router.get(
    "/logs/{execution_id}/download",
    summary="The log of an execution as text",
    responses=text_answer("The log"),
)
@needs(Permission.LOG_READ)
async def download(right: Granted, query: Lines, node: Node) -> Response:
    """Send the log of an execution as a text file."""
    await _owned(node, right, query)
    headers = {"Content-Disposition": f'attachment; filename="{query.execution_id}.log"'}

    async def text() -> AsyncIterator[str]:
        async for rows in _pages(node, query):
            yield "".join(log_text(row) for row in rows)

    return StreamingResponse(text(), headers=headers, media_type="text/plain; charset=utf-8")


@router.delete("/logs/{execution_id}", summary="Delete the log of an execution")
@needs(Permission.LOG_DELETE)
async def delete(right: Granted, query: Lines, node: Node) -> Response:
    """Delete lines that the tasks of an execution wrote."""
    await _owned(node, right, query)
    await node.logs.purge(query)
    return nothing(200)


@router.delete("/logs/{namespace}/{flow_id}", summary="Delete the logs of a flow")
@needs(Permission.LOG_DELETE)
async def delete_of_flow(
    right: Granted,
    namespace: Namespace,
    flow_id: FlowId,
    node: Node,
    trigger_id: Annotated[
        str | None,
        Query(alias="triggerId", max_length=500, description="Only of what this trigger started."),
    ] = None,
) -> Response:
    """Delete the lines of all executions of a flow."""
    await node.sink.settled()
    query = LogQuery(right.tenant, namespace, below=False, flow_id=flow_id, trigger_id=trigger_id)
    await node.logs.purge(query)
    return nothing(200)


async def _owned(node: Services, right: Right, query: LogQuery) -> None:
    """Make sure that the execution is known, and what its tasks wrote so far."""
    await owner_of(node, right, query.execution_id or "")
    await node.sink.settled()


async def owner_of(node: Services, right: Right, execution_id: str) -> Any:
    """Return whose logs and metrics are asked for: an execution, or what is kept of a deleted one.

    Raises:
        NotFound: when there is neither, or the caller may not know of it. Forbidden: without the
            permission.
    """
    try:
        return await owned(node, right, execution_id)
    except NotFound:
        kept = await node.logs.kept(right.tenant, execution_id)
        if kept is None:
            raise
    right.permit(kept.namespace, f"execution {execution_id}")
    return kept


async def _pages(node: Services, query: LogQuery) -> AsyncIterator[list[Any]]:
    last = None
    while rows := await node.logs.find(query, after=last, limit=10_000):
        yield rows
        last = rows[-1]
