"""What the caller of a route may do by it: the permission that the route declares, in its tenant.

`admit` has let the caller pass already. Where the path names no namespace, it has only found that
there is one in which the caller may do this: a route that lists narrows its answer by
`Right.reach`, and one that loads a thing by its id asks `Right.permit` once it knows where it lies.
"""

from collections.abc import Callable, Iterable
from typing import Annotated, Any, NamedTuple

from fastapi import Depends
from starlette.requests import Request
from starlette.types import Scope

from app.access import Caller, Permission, Reach
from app.api.access import Needs, caller_of, lacking, permit
from app.api.actors import actor_of
from app.api.authentication import identify
from app.api.paths import Tenant
from app.errors import HeadwaterError
from app.sync.model import Actor


class Right(NamedTuple):
    """Who calls, the permission that the route needs, and the tenant of its path."""

    caller: Caller
    permission: Permission
    tenant: str

    @property
    def reach(self) -> Reach:
        """The namespaces of the tenant in which the caller may do this."""
        return self.caller.reach(self.permission, self.tenant)

    @property
    def actor(self) -> Actor:
        """The caller as the author of what is changed."""
        return actor_of(self.caller)

    def to(self, permission: Permission) -> "Right":
        """Return what the caller may do by another permission."""
        return self._replace(permission=permission)

    def holds(self, namespace: str | None) -> bool:
        """Whether the caller may do this in a namespace (None: in the tenant as a whole)."""
        return self.caller.may(self.permission, self.tenant, namespace)

    def data(self, namespace: str) -> bool:
        """Whether the caller sees inputs and outputs of executions in a namespace."""
        return self.caller.may(Permission.OUTPUT_READ, self.tenant, namespace)

    def permit(self, namespace: str | None, what: str) -> None:
        """Let the caller pass to a thing in a namespace; `what` is what others do not find.

        Raises:
            NotFound: for a caller who may see nothing there. Forbidden: without the permission.
        """
        permit(self.caller, self.permission, self.tenant, namespace, what)

    def require(self, namespaces: Iterable[str]) -> None:
        """Let the caller pass where a request itself names namespaces.

        Raises:
            Forbidden: when one of them is out of reach, whether or not it is there.
        """
        reach = self.reach
        if not all(reach.holds(each) for each in namespaces):
            raise lacking(self.permission)


def right_of(scope: Scope, endpoint: Callable[..., Any]) -> Right:
    """Return the right of a request to an endpoint that declares a permission."""
    needed: Needs = endpoint.needs  # type: ignore[attr-defined]  # `needs` has put it there
    permission = needed.permission
    assert permission is not None, f"{endpoint} declares no permission"  # noqa: S101 - a bug
    return Right(caller_of(scope), permission, scope["path_params"]["tenant"])


async def holds_still(scope: Scope, right: Right, namespace: str) -> bool:
    """Whether the credentials of a request still permit what they did: streams end else."""
    try:
        caller = await identify(scope)
    except HeadwaterError:
        return False
    return caller.may(right.permission, right.tenant, namespace)


async def _granted(request: Request, tenant: Tenant) -> Right:
    """Return what the caller may do by this route."""
    del tenant  # declared here, so that routes need not: it is read from the scope
    return right_of(request.scope, request.scope["endpoint"])


Granted = Annotated[Right, Depends(_granted)]
"""A parameter of a route below a tenant: what its caller may do by it."""
