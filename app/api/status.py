"""`GET /executions/{id}`: how an execution stands. A hot route, kept thin."""

from starlette.requests import Request
from starlette.responses import Response

from app.access import Permission
from app.api.access import needs
from app.api.answers import Json
from app.api.execution_json import execution_json
from app.api.paths import is_execution
from app.api.query import refuse_unknown
from app.api.services import Services, services
from app.errors import NotFound
from app.executions import Execution


@needs(Permission.EXECUTION_READ)
async def status(request: Request) -> Response:
    """Answer with an execution as it is committed."""
    if request.scope["query_string"]:
        refuse_unknown(request.query_params, ())
    node = services(request)
    names = request.path_params
    execution = await owned(node, names["tenant"], names["execution_id"])
    return await answer(request, node, execution)


async def owned(node: Services, tenant: str, execution_id: str) -> Execution:
    """Return an execution of this tenant.

    Raises:
        NotFound: when there is none, or it is another tenant's.
    """
    if is_execution(execution_id):
        execution = await node.executor.get(execution_id)
        if execution.tenant == tenant:
            return execution
    message = f"there is no execution {execution_id}"
    raise NotFound(message)


async def answer(request: Request, node: Services, execution: Execution) -> Json:
    """Answer with an execution."""
    origin = await request.app.state.origins.of(node, execution)
    return Json(execution_json(execution, origin, node.clock.now()))
