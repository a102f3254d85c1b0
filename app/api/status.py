"""`GET /executions/{id}`: how an execution stands. A hot route, kept thin."""

from starlette.requests import Request
from starlette.responses import Response

from app.access import Permission
from app.api.access import needs
from app.api.answers import Json
from app.api.execution_json import execution_json
from app.api.granted import Right, right_of
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
    right = right_of(request.scope, status)
    execution = await owned(node, right, request.path_params["execution_id"])
    return await answer(request, node, right, execution)


async def owned(node: Services, right: Right, execution_id: str) -> Execution:
    """Return an execution of the tenant to which the caller has this right.

    Raises:
        NotFound: when there is none, or the caller may not know of it. Forbidden: without the
            permission.
    """
    if is_execution(execution_id):
        execution = await node.executor.get(execution_id)
        if execution.tenant == right.tenant:
            right.permit(execution.namespace, f"execution {execution_id}")
            return execution
    message = f"there is no execution {execution_id}"
    raise NotFound(message)


async def answer(request: Request, node: Services, right: Right, execution: Execution) -> Json:
    """Answer with an execution, as far as the caller may see it."""
    origin = await request.app.state.origins.of(node, execution)
    data = right.data(execution.namespace)
    return Json(execution_json(execution, origin, node.clock.now(), data=data))
