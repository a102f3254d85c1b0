"""Lists about executions: the newest of each flow, the values of a field, a table."""

from typing import Annotated, Literal

from fastapi import Body, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from app.access import Permission
from app.api.access import needs
from app.api.answers import Json
from app.api.documents import problems_of, text_answer
from app.api.execution_filters import wanted
from app.api.execution_parameters import PLAIN_FILTERS
from app.api.flow_archives import table
from app.api.granted import Granted
from app.api.paths import PREFIX
from app.api.query import known_keys, takes_filters
from app.api.routing import Router
from app.api.services import Node
from app.api.stats import FlowFilter
from app.api.times import instant
from app.executions import Execution

MAX_ROWS = 1_000

router = Router(
    prefix=f"{PREFIX}/{{tenant}}/executions",
    tags=["Executions"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(400),
)

_COLUMNS = (
    "id", "namespace", "flowId", "flowRevision", "state", "startDate", "endDate", "labels",
)  # fmt: skip
_Field = Literal["NAMESPACE", "FLOW_ID", "STATE", "namespace", "flowId", "state"]
_NAMES = {"NAMESPACE": "namespace", "FLOW_ID": "flowId", "STATE": "state"}


@router.post("/latest", summary="The newest executions of flows")
@needs(Permission.EXECUTION_READ)
async def latest(
    right: Granted, flows: Annotated[list[FlowFilter], Body(max_length=1_000)], node: Node
) -> Response:
    """Tell how the newest execution of each of these flows stands."""
    names = [(each.namespace, each.id) for each in flows if right.holds(each.namespace)]
    ids = await node.statistics.latest(right.tenant, names)
    found = [await node.executor.get(each) for each in ids]
    return Json(
        [
            {
                "id": each.id,
                "namespace": each.namespace,
                "flowId": each.flow_id,
                "startDate": instant(each.created_at),
                "status": each.state,
            }
            for each in found
        ]
    )


@router.get(
    "/distinct-field-values", summary="The values of a field", dependencies=list(PLAIN_FILTERS)
)
@takes_filters
@needs(Permission.EXECUTION_READ)
async def distinct(
    request: Request,
    right: Granted,
    node: Node,
    field: _Field,
    size: Annotated[int, Query(ge=1, le=MAX_ROWS)] = 100,
) -> Response:
    """List the different values that executions have in a field."""
    asked = wanted(right, request.query_params, node.clock.now())
    return Json(await node.statistics.distinct(_NAMES.get(field, field), asked, size))


@router.get(
    "/export/by-query/csv",
    summary="A table of all executions found",
    responses=text_answer("A table", "text/csv"),
    dependencies=list(PLAIN_FILTERS),
)
@takes_filters
@needs(Permission.EXECUTION_READ)
async def export(request: Request, right: Granted, node: Node) -> Response:
    """Send a line about each of the newest executions that the filters find."""
    asked = wanted(right, request.query_params, node.clock.now())
    found, _ = await node.executions.search(asked, size=MAX_ROWS)
    return table("executions.csv", _COLUMNS, [_row(each) for each in found])


def _row(execution: Execution) -> list[object]:
    last = execution.histories[-1]
    ended = instant(last.at).isoformat() if last.state.terminal else ""
    return [
        execution.id,
        execution.namespace,
        execution.flow_id,
        execution.revision,
        execution.state.value,
        instant(execution.created_at).isoformat(),
        ended,
        " ".join(f"{key}:{value}" for key, value in execution.labels),
    ]
