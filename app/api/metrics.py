"""Figures that tasks reported: of an execution, and of a flow over time (reference §6.3)."""

from typing import Annotated, Literal

from fastapi import Depends, Query
from starlette.responses import Response

from app.access import Permission
from app.api.access import needs
from app.api.answers import Json, page
from app.api.documents import problems_of
from app.api.granted import Granted
from app.api.log_json import metric_json
from app.api.logs import TaskId, TaskRunId, owner_of
from app.api.metric_series import Aggregation, series, stretch_of
from app.api.paths import PREFIX, ExecutionId, FlowId, Namespace, Tenant
from app.api.query import Page, Size, Sort, known_keys
from app.api.routing import Router
from app.api.services import Node
from app.api.single_filters import sortable
from app.api.times import checked_start, read_instant
from app.db.metrics import SORTABLE, MetricQuery
from app.errors import BadRequest

router = Router(
    prefix=f"{PREFIX}/{{tenant}}/metrics",
    tags=["Metrics"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404),
)

_BY_DEFAULT = 30 * 86_400 * 1_000_000
"""Without a start, aggregates begin this long (µs) before their end."""

_AT_MOST = 3_660 * 86_400 * 1_000_000
"""The longest period (µs) of an aggregate."""

_StartDate = Annotated[str | None, Query(alias="startDate", description="By default 30 days ago.")]
_EndDate = Annotated[str | None, Query(alias="endDate", description="By default now.")]


@router.get("/names/{namespace}/{flow_id}", summary="Names of a flow's metrics")
@needs(Permission.EXECUTION_READ)
async def names(tenant: Tenant, namespace: Namespace, flow_id: FlowId, node: Node) -> Response:
    """List the names of what tasks of a flow reported, in order."""
    return Json(await node.metrics.names(MetricQuery(tenant, namespace, flow_id)))


@router.get("/names/{namespace}/{flow_id}/{task_id}", summary="Names of a task's metrics")
@needs(Permission.EXECUTION_READ)
async def names_of_task(
    tenant: Tenant, namespace: Namespace, flow_id: FlowId, task_id: str, node: Node
) -> Response:
    """List the names of what one task of a flow reported, in order."""
    return Json(await node.metrics.names(MetricQuery(tenant, namespace, flow_id, task_id)))


@router.get("/tasks/{namespace}/{flow_id}", summary="Tasks of a flow that have metrics")
@needs(Permission.EXECUTION_READ)
async def tasks(tenant: Tenant, namespace: Namespace, flow_id: FlowId, node: Node) -> Response:
    """List the ids of the tasks of a flow that reported something, in order."""
    return Json(await node.metrics.tasks(MetricQuery(tenant, namespace, flow_id)))


async def _period(
    node: Node, start_date: _StartDate = None, end_date: _EndDate = None
) -> tuple[int, int]:
    """Read the period of an aggregate: its start and its end (µs)."""
    until = read_instant(end_date, "endDate") if end_date else node.clock.now()
    since = read_instant(start_date, "startDate") if start_date else until - _BY_DEFAULT
    if not 0 <= until - since <= _AT_MOST:
        message = "startDate lies after endDate, or more than ten years before it"
        raise BadRequest(message)
    return checked_start(since, "startDate"), until


_Period = Annotated[tuple[int, int], Depends(_period)]
_Kind = Annotated[
    Literal["sum", "avg", "min", "max"], Query(alias="aggregation", description="What is told.")
]


@router.get("/aggregates/{namespace}/{flow_id}/{metric}", summary="A flow's metric over time")
@needs(Permission.EXECUTION_READ)
async def aggregates(
    tenant: Tenant,
    namespace: Namespace,
    flow_id: FlowId,
    metric: str,
    node: Node,
    period: _Period,
    aggregation: _Kind = "sum",
) -> Response:
    """Tell what a metric of a flow came to in each stretch of a period."""
    query = MetricQuery(tenant, namespace, flow_id, None, metric, *period)
    return Json(await _aggregated(node, query, aggregation))


@router.get(
    "/aggregates/{namespace}/{flow_id}/{task_id}/{metric}", summary="A task's metric over time"
)
@needs(Permission.EXECUTION_READ)
async def aggregates_of_task(
    tenant: Tenant,
    namespace: Namespace,
    flow_id: FlowId,
    task_id: str,
    metric: str,
    node: Node,
    period: _Period,
    aggregation: _Kind = "sum",
) -> Response:
    """Tell what a metric of one task of a flow came to in each stretch of a period."""
    query = MetricQuery(tenant, namespace, flow_id, task_id, metric, *period)
    return Json(await _aggregated(node, query, aggregation))


async def _aggregated(node: Node, query: MetricQuery, aggregation: Aggregation) -> object:
    await node.sink.settled()
    since, until = query.since or 0, query.until or 0
    stretch = stretch_of(until - since)
    totals = await node.metrics.totals(query, stretch.width)
    return {
        "groupBy": stretch.name,
        "aggregations": series(query.name or "", totals, stretch, since, until, aggregation),
    }


@router.get("/{execution_id}", summary="The metrics of an execution")
@needs(Permission.EXECUTION_READ)
async def of_execution(
    right: Granted,
    execution_id: ExecutionId,
    node: Node,
    number: Page = 1,
    size: Size = 10,
    sort: Sort = [],  # noqa: B006 - FastAPI copies it
    task_run_id: TaskRunId = None,
    task_id: TaskId = None,
) -> Response:
    """List the figures that the tasks of an execution reported, one page of them."""
    execution = await owner_of(node, right, execution_id)
    await node.sink.settled()
    rows, total = await node.metrics.of_execution(
        execution_id,
        task_run_id=task_run_id,
        task_id=task_id,
        page=number,
        size=size,
        sort=sortable(sort, SORTABLE),
    )
    return page([metric_json(row, execution) for row in rows], total)
