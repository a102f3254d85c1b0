"""Executions: start, look up, search, read files."""

from typing import Annotated, Any

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.access import Permission
from app.api.access import needs
from app.api.answers import Json, page
from app.api.creation import create
from app.api.documents import (
    EXECUTION,
    ExecutionPage,
    answers_with,
    form_of_inputs,
    parameter,
    problems_of,
    text_answer,
)
from app.api.execution_files import disposition, readable
from app.api.execution_filters import wanted
from app.api.execution_json import execution_json
from app.api.execution_parameters import PLAIN_FILTERS
from app.api.granted import Granted, Right
from app.api.paths import (
    EXECUTION_RULE,
    FLOW_RULE,
    NAMESPACE_RULE,
    PREFIX,
    TENANT_RULE,
    ExecutionId,
)
from app.api.query import Page, Size, Sort, known_keys, takes_filters
from app.api.routing import Router
from app.api.services import Node, Services
from app.api.single_filters import sortable
from app.api.status import owned, status
from app.db.executions import SORTABLE, ExecutionFilter

_PATH = f"{PREFIX}/{{tenant}}/executions"

router = Router(
    prefix=_PATH,
    tags=["Executions"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(400, 404),
)
hot = Router(prefix=_PATH, tags=["Executions"])
"""Routes whose handlers read the request by themselves; see `hot.find`."""


@router.get(
    "/search",
    summary="Search executions",
    responses=answers_with(ExecutionPage),
    dependencies=PLAIN_FILTERS,
)
@takes_filters
@needs(Permission.EXECUTION_READ)
async def search(
    request: Request,
    right: Granted,
    node: Node,
    number: Page = 1,
    size: Size = 10,
    sort: Sort = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """List executions, newest first; `filters[field][OPERATION]=value` may be given as well."""
    asked = wanted(right, request.query_params, node.clock.now())
    return await _page(request, node, right, asked, number, size, sortable(sort, SORTABLE))


@router.get("", summary="List executions of a flow", responses=answers_with(ExecutionPage))
@needs(Permission.EXECUTION_READ)
async def of_flow(
    request: Request,
    right: Granted,
    node: Node,
    namespace: Annotated[str, Query(min_length=1, max_length=150)],
    flow_id: Annotated[str, Query(alias="flowId", min_length=1, max_length=100)],
    number: Page = 1,
    size: Size = 10,
) -> Response:
    """List the executions of one flow, newest first."""
    asked = ExecutionFilter(
        right.tenant, namespace, flow_id, exact_namespace=True, reach=right.reach
    )
    return await _page(request, node, right, asked, number, size, [])


async def _page(
    request: Request,
    node: Services,
    right: Right,
    asked: ExecutionFilter,
    number: int,
    size: int,
    sort: list[str],
) -> Response:
    found, total = await node.executions.search(asked, page=number, size=size, sort=sort)
    origins, now = request.app.state.origins, node.clock.now()
    shown = [
        execution_json(each, await origins.of(node, each), now, data=right.data(each.namespace))
        for each in found
    ]
    return page(shown, total)


FilePath = Annotated[
    str, Query(alias="path", min_length=1, max_length=2000, description="The URI of the file.")
]


@router.get(
    "/{execution_id}/file",
    summary="Download a file of an execution",
    responses=text_answer("The file", "application/octet-stream"),
)
@needs(Permission.OUTPUT_READ)
async def file(right: Granted, execution_id: ExecutionId, uri: FilePath, node: Node) -> Response:
    """Send a file that belongs to the execution."""
    readable_uri = readable(await owned(node, right, execution_id), uri)
    headers = {
        "Content-Length": str(await node.storage.size(readable_uri)),
        "Content-Disposition": disposition(readable_uri),
        "Content-Security-Policy": "sandbox",
    }
    chunks = node.storage.get(readable_uri)
    return StreamingResponse(chunks, headers=headers, media_type="application/octet-stream")


@router.get("/{execution_id}/file/metas", summary="The size of a file of an execution")
@needs(Permission.OUTPUT_READ)
async def metas(right: Granted, execution_id: ExecutionId, uri: FilePath, node: Node) -> Response:
    """Tell the size of a file in bytes."""
    readable_uri = readable(await owned(node, right, execution_id), uri)
    return Json({"size": await node.storage.size(readable_uri)})


# -- hot routes, described by hand ---------------------------------------------------------------

_TENANT = parameter("tenant", "The tenant.", place="path", type="string", pattern=TENANT_RULE)
_ID = parameter(
    "execution_id", "The execution.", place="path", type="string", pattern=EXECUTION_RULE
)
_NAMESPACE = parameter(
    "namespace", "The namespace.", place="path", type="string", pattern=NAMESPACE_RULE
)
_FLOW = parameter("flow_id", "The flow.", place="path", type="string", pattern=FLOW_RULE)

hot.add_api_route(
    "/{execution_id}",
    status,
    methods=["GET"],
    summary="Look up an execution",
    responses={**problems_of(404), **EXECUTION},
    openapi_extra={"parameters": [_TENANT, _ID]},
)
_CREATE: dict[str, Any] = {
    "methods": ["POST"],
    "summary": "Execute a flow",
    "responses": {**problems_of(409, 410, 429), **EXECUTION},
    "openapi_extra": {
        **form_of_inputs("The inputs; a file is a part named as its input."),
        "parameters": [
            _TENANT,
            _NAMESPACE,
            _FLOW,
            parameter(
                "labels", "`key:value`, several times.", type="array", items={"type": "string"}
            ),
            parameter("wait", "Answer when the execution has ended.", type="boolean"),
            parameter("timeout", "Longest wait, ISO 8601.", type="string", format="duration"),
            parameter("revision", "The revision to run.", type="integer", minimum=1),
            parameter("commit", "Run what this commit says.", type="string"),
            parameter("allowDeleted", "Let a revision of a deleted flow run.", type="boolean"),
            parameter("scheduleDate", "When it is to start.", type="string", format="date-time"),
            parameter("kind", "The kind of execution.", type="string", enum=["NORMAL"]),
            parameter("Idempotency-Key", "Starts at most one execution.", place="header"),
        ],
    },
}
hot.add_api_route("/trigger/{namespace}/{flow_id}", create, deprecated=True, **_CREATE)
hot.add_api_route("/{namespace}/{flow_id}", create, **_CREATE)
