"""The hot routes: found by the shape of the path, without the router's walk over all routes.

The same handlers are registered with the router, which documents them and answers for other
methods; this is only the short way to them.
"""

from starlette.types import Scope

from app.api.creation import create
from app.api.entrance import Handler
from app.api.paths import is_execution, is_made, is_tenant
from app.api.status import status

# Words that stand where an id would: these paths belong to other routes.
_NO_EXECUTION = frozenset({"search", "latest", "namespaces"})
_ACTIONS = frozenset(
    {
        "change-status", "eval", "force-run", "kill", "labels", "pause", "replay",
        "replay-with-inputs", "restart", "resume", "resume-from-breakpoint", "state", "unqueue",
    }
)  # fmt: skip
_BULK = frozenset({"by-ids", "by-query"})

_OF_EXECUTION = 6  # "", api, v1, tenant, executions, id
_OF_FLOW = 7  # "", api, v1, tenant, executions, namespace, flow


def find(scope: Scope) -> Handler | None:
    """Return the handler of a hot route and put its path parameters into the scope."""
    method = scope["method"]
    if method == "GET":
        return _find_status(scope)
    if method == "POST":
        return _find_create(scope)
    return None


def _parts(scope: Scope, count: int) -> list[str] | None:
    parts: list[str] = scope["path"].split("/")
    if len(parts) != count or parts[4] != "executions" or parts[1:3] != ["api", "v1"]:
        return None
    return parts if is_tenant(parts[3]) else None


def _find_status(scope: Scope) -> Handler | None:
    parts = _parts(scope, _OF_EXECUTION)
    if parts is None or parts[5] in _NO_EXECUTION or not is_execution(parts[5]):
        return None
    scope["path_params"] = {"tenant": parts[3], "execution_id": parts[5]}
    return status


def _find_create(scope: Scope) -> Handler | None:
    parts = _parts(scope, _OF_FLOW)
    if parts is None or parts[6] in _BULK or (parts[6] in _ACTIONS and is_made(parts[5])):
        return None  # a verb on an execution; a flow may be called like one
    scope["path_params"] = {"tenant": parts[3], "namespace": parts[5], "flow_id": parts[6]}
    return create
