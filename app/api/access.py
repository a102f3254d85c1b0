"""Who may call a route: declared beside it, checked by the route that was matched.

A route without a declaration refuses everybody. The check looks at the path parameters of the
matched route, never at the text of the path (security case 75). Where the path names no namespace,
the route narrows what it answers by `Caller.reach`, or asks `permit` once it knows the thing.
"""

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple, TypeVar

from fastapi import Depends
from starlette.requests import HTTPConnection
from starlette.types import Scope

from app.access import ANONYMOUS, OF_INSTANCE, Caller, Permission
from app.config.tenant_names import RESERVED_TENANTS
from app.errors import Forbidden, HeadwaterError, NotFound, Unauthorized

_Endpoint = TypeVar("_Endpoint", bound=Callable[..., Any])


REFUSED = "headwater.refused"
"""Key of the scope: what was wrong with the credentials of a request, if anything was."""
DENIED = "headwater.denied"
"""Key of the scope: whether what was asked for was kept from the caller, who does not learn it."""


class Hidden(NotFound):
    """There is no such thing for this caller: it is another's. Others are told the same."""


class Needs(NamedTuple):
    """What a caller needs for a route."""

    permission: Permission | None = None
    """None: nothing, or a login only."""
    login: bool = True
    reason: str = ""
    """Why a route is open."""
    unless: str = ""
    """A setting of `access` that opens the route."""


def needs(permission: Permission, *, unless: str = "") -> Callable[[_Endpoint], _Endpoint]:
    """Declare the permission that a route needs in the tenant and namespace of its path.

    `unless` is a setting of `access` that opens the route to everybody.
    """
    return _declare(Needs(permission, unless=unless))


def needs_login(reason: str) -> Callable[[_Endpoint], _Endpoint]:
    """Declare that everybody who is logged in may call a route, and why."""
    return _declare(Needs(reason=reason))


def is_open(reason: str) -> Callable[[_Endpoint], _Endpoint]:
    """Declare that everybody may call a route, and why."""
    return _declare(Needs(login=False, reason=reason))


def _declare(needed: Needs) -> Callable[[_Endpoint], _Endpoint]:
    def mark(endpoint: _Endpoint) -> _Endpoint:
        endpoint.needs = needed  # type: ignore[attr-defined]  # functions take attributes
        return endpoint

    return mark


def admit(endpoint: Callable[..., Any], scope: Scope) -> None:
    """Let a request pass to an endpoint, by what the endpoint declares.

    Raises:
        Unauthorized: for nobody known. NotFound: in a tenant that is not the caller's.
        Forbidden: without the permission.
    """
    needed: Needs | None = getattr(endpoint, "needs", None)
    if needed is not None and not needed.login:
        return
    caller = caller_of(scope)
    if not caller.known:
        if needed is not None and needed.unless and _opened(needed.unless, scope):
            return
        raise unknown(scope)
    names = scope.get("path_params", {})
    tenant, namespace = names.get("tenant"), names.get("namespace")
    if tenant is not None and (tenant in RESERVED_TENANTS or not caller.is_of(tenant)):
        raise Hidden(f"there is no tenant {tenant}")
    if needed is None:
        raise Forbidden("nobody may call this route: it declares no permission")
    if needed.permission is not None:
        _check(caller, needed.permission, tenant, namespace)


def unknown(scope: Scope) -> HeadwaterError:
    """Return the error for a request of nobody known: what was wrong with what it sent."""
    found: HeadwaterError | None = scope.get(REFUSED)
    return found or Unauthorized("log in, or send a token: Authorization: Bearer hw_…")


def _opened(setting: str, scope: Scope) -> bool:
    node = scope["app"].state.node
    return node is not None and bool(getattr(node.settings.access, setting))


def _check(
    caller: Caller, permission: Permission, tenant: str | None, namespace: str | None
) -> None:
    if tenant is None:
        anywhere = caller.has if permission not in OF_INSTANCE else caller.may
        allowed = anywhere(permission)  # the route narrows the rest
    elif namespace is None:
        allowed = bool(caller.reach(permission, tenant))  # as above
    else:
        allowed = caller.may(permission, tenant, namespace)
    if not allowed:
        raise lacking(permission, tenant, namespace)


def lacking(
    permission: Permission, tenant: str | None = None, namespace: str | None = None
) -> Forbidden:
    """Return the error for a caller without a permission, and where it is needed if that is known.

    A place is one that the caller has named, or may see something in.
    """
    where = "for this"
    if permission in OF_INSTANCE:
        where = "at the instance"
    elif tenant is not None:
        where = (
            f"in namespace {namespace} of tenant {tenant}" if namespace else f"in tenant {tenant}"
        )
    return Forbidden(f"you need the permission {permission} {where}", permission=permission)


def permit(
    caller: Caller, permission: Permission, tenant: str, namespace: str | None, what: str
) -> None:
    """Let somebody pass to a thing that lies in a namespace.

    Args:
        caller: Who asks.
        permission: What is asked.
        tenant: Where the thing lies.
        namespace: Where in the tenant; None: it belongs to the whole tenant.
        what: What is not there, for those who may not know of it: `execution abc`.

    Raises:
        NotFound: for a caller who may see nothing there. Forbidden: without the permission.
    """
    if caller.may(permission, tenant, namespace):
        return
    if not caller.is_of(tenant) or not caller.may(Permission.FLOW_READ, tenant, namespace):
        raise Hidden(f"there is no {what}")
    raise lacking(permission, tenant, namespace)


def caller_of(scope: Scope) -> Caller:
    """Return who sent a request, as the entrance found out."""
    found: Caller = scope.get("headwater.caller", ANONYMOUS)
    return found


async def _caller(connection: HTTPConnection) -> Caller:
    return caller_of(connection.scope)


By = Annotated[Caller, Depends(_caller)]
"""A parameter of a route: who calls it."""
