"""Notes requests in the audit log: every change, every denial, whoever asked.

A route that tells itself what it did (`flow.pin`, `login`) has its own entry; all others get one
from here, durable before they are answered. Denials and refusals are counted for each caller and
route, so that nobody fills the log with them.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, NamedTuple

from starlette.types import Scope

from app.access import Permission
from app.access.occasion import OCCASION, Occasion
from app.api.access import DENIED, Needs, caller_of
from app.api.audit_quota import Quota
from app.api.paths import DEFAULT_TENANT, is_tenant
from app.api.services import Services
from app.db.audit import AuditEntry
from app.errors import HeadwaterError
from app.telemetry import get_logger

_LOG = get_logger(__name__)

Headers = Iterable[tuple[bytes, bytes]]

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_LOOKS = frozenset({"read", "validate", "list"})
"""Verbs that change nothing, whatever the method."""
_MOST = 100
"""Things that an entry names."""
_CHANGES = {"POST": "create", "PUT": "update", "PATCH": "update", "DELETE": "delete"}
_HIDDEN = frozenset({"key", "token", "secret"})
"""Parameters of paths that may be credentials, on routes that ask for no login."""
_INSTANCE = ""


class Deed(NamedTuple):
    """What a request is called in the audit log."""

    action: str
    changes: bool
    """Whether it is noted when it succeeds; it is noted in any case when it is denied."""
    why_not: str = ""
    """Why it is not noted when it succeeds."""


def deed_of(endpoint: Callable[..., Any], method: str, path: str = "") -> Deed:
    """Return what a request to an endpoint does; `path` is the route's."""
    needed: Needs | None = getattr(endpoint, "needs", None)
    own = f"{endpoint.__module__.rpartition('.')[2]}.{endpoint.__name__}".replace("_", "-")
    if method in SAFE:
        return Deed(_of_permission(needed, own, "read"), False, "it is read only")
    if needed is not None and not needed.login and own in _KEPT_ELSEWHERE:
        return Deed(own, False, _KEPT_ELSEWHERE[own])
    if needed is None or needed.permission is None:
        return Deed(own, True)
    _, _, verb = needed.permission.partition(":")
    if verb in _LOOKS:
        return Deed(_of_permission(needed, own, verb), False, f"it only asks for {verb} rights")
    word = _last_word(path)
    if word == "validate":
        return Deed(_of_permission(needed, own, verb), False, "it only checks what is sent")
    change = word if word and method == "POST" else _CHANGES.get(method, verb)
    return Deed(_of_permission(needed, own, change), True)


def _last_word(path: str) -> str:
    """Return the verb at the end of a path: `/sources/{source_id}/suspend`."""
    before, _, last = path.rpartition("/")
    names_one = before.endswith("}") and not before.endswith("{tenant}")
    return last if names_one and "{" not in last else ""


_KEPT_ELSEWHERE = {
    "hooks.deliver": "every delivery is kept, with what became of it",
}


def _of_permission(needed: Needs | None, own: str, change: str) -> str:
    """Return the permission as an action: `execution:kill` is `execution.kill`."""
    permission: Permission | None = needed.permission if needed is not None else None
    if permission is None:
        return own
    thing, _, verb = permission.partition(":")
    return f"{thing}.{change if verb in ('write', 'manage') else verb}"


def begin(scope: Scope) -> Occasion | None:
    """Say from now on, in this context, for which request things are done; None: none are."""
    if scope["method"] in SAFE:
        return None
    caller = caller_of(scope)
    occasion = Occasion(
        request_id=scope["request_id"],
        ip=_address(scope),
        actor=caller.name,
        actor_id=caller.id or None,
        actor_kind=caller.kind,
        token_id=caller.token_id,
    )
    OCCASION.set(occasion)
    return occasion


async def answered(scope: Scope, occasion: Occasion | None, status: int, headers: Headers) -> None:
    """Note how a request ended, if that is to be noted; what is noted is durable then."""
    node: Services | None = scope["app"].state.node
    endpoint = scope.get("endpoint")
    if node is None or endpoint is None:
        return
    outcome = _outcome(scope, status)
    if not _wanted(scope, occasion, outcome):
        return
    more: dict[str, Any] = {}
    if outcome in ("denied", "refused"):
        passed, missed = _quota(scope, node).ask(_key(scope, endpoint, status), node.clock.now())
        if not passed:
            return
        more = {"missed": missed} if missed else {}
    entry = _entry(scope, occasion, outcome, {"status": status, **more}, headers)
    try:
        await node.audit.add(replace(entry, at=node.clock.now()))
    except HeadwaterError as error:
        _LOG.error("a request was not noted in the audit log", reason=error.message)


def _outcome(scope: Scope, status: int) -> str:
    if status < 400:
        return "success"
    if status in (401, 403) or scope.get(DENIED):
        return "denied"
    return "failed" if status >= 500 else "refused"


def _wanted(scope: Scope, occasion: Occasion | None, outcome: str) -> bool:
    if occasion is None:
        return outcome == "denied"
    if occasion.noted:
        return outcome == "failed"
    return outcome != "success" or _deed(scope).changes


def _key(scope: Scope, endpoint: Callable[..., Any], status: int) -> tuple[Any, ...]:
    caller = caller_of(scope)
    who = caller.id if caller.known else _address(scope)
    return who, scope["method"], _path(scope) or endpoint.__name__, status


def _quota(scope: Scope, node: Services) -> Quota:
    state = scope["app"].state
    found: Quota | None = getattr(state, "audit_quota", None)
    if found is None:
        found = state.audit_quota = Quota(node.settings.audit.denials_per_minute)
    return found


def _entry(
    scope: Scope, occasion: Occasion | None, outcome: str, detail: dict[str, Any], headers: Headers
) -> AuditEntry:
    caller = caller_of(scope)
    names = _names(scope)
    deed = _deed(scope)
    things = occasion.things if occasion is not None else []
    told = {"route": f"{scope['method']} {_path(scope)}".strip(), **detail}
    if things:
        told |= {"things": things[:_MOST], "count": len(things)}
    return AuditEntry(
        tenant=_chain(scope, names),
        at=0,
        actor=caller.name,
        action=deed.action,
        target=_target(names, things),
        detail=told,
        namespace=names.get("namespace") or (occasion.namespace if occasion else None),
        actor_id=caller.id or None,
        actor_kind=caller.kind,
        token_id=caller.token_id,
        ip=_address(scope),
        request_id=scope["request_id"],
        before_hash=_header(scope["headers"], b"if-match"),
        after_hash=_after(occasion, headers) if outcome == "success" else None,
        outcome=outcome,
    )


def _deed(scope: Scope) -> Deed:
    return deed_of(scope["endpoint"], scope["method"], _path(scope))


def _path(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "path", ""))


def _after(occasion: Occasion | None, headers: Headers) -> str | None:
    known = occasion.after if occasion is not None else None
    return known or _header(headers, b"etag")


def _chain(scope: Scope, names: dict[str, str]) -> str:
    """Return whose chain it goes to: nobody makes one for a tenant by asking for it."""
    tenant = names.get("tenant")
    if tenant is None or not caller_of(scope).known or _foreign(scope):
        return _INSTANCE
    node: Services = scope["app"].state.node
    return tenant if _is_there(node, tenant) else _INSTANCE


def _is_there(node: Services, tenant: str) -> bool:
    """Whether there is a tenant; those with a folder are found without looking at all flows."""
    if tenant == DEFAULT_TENANT or node.tenants.has_folder(tenant):
        return True
    return is_tenant(tenant) and bool(node.flows.active(tenant))


def _foreign(scope: Scope) -> bool:
    tenant = scope.get("path_params", {}).get("tenant")
    return tenant is not None and not caller_of(scope).is_of(tenant)


def _names(scope: Scope) -> dict[str, str]:
    """Return the parameters of the path, without those that may be credentials."""
    needed: Needs | None = getattr(scope["endpoint"], "needs", None)
    hidden = _HIDDEN if needed is None or not needed.login else frozenset()
    given = scope.get("path_params", {})
    return {name: str(value) for name, value in given.items() if name not in hidden}


def _target(names: dict[str, str], things: list[str]) -> str:
    """Return what a request is about: `flow/shop.orders`, `execution/4kx…`, `namespace/shop`."""
    rest = {name: value for name, value in names.items() if name != "tenant"}
    namespace, flow = rest.pop("namespace", None), rest.pop("flow_id", rest.pop("id", None))
    if namespace is not None and flow is not None:
        return _below(f"flow/{namespace}.{flow}", rest)
    if namespace is not None:
        return _below(f"namespace/{namespace}", rest)
    if flow is not None:
        rest["id"] = flow
    if not rest and len(things) == 1:
        return things[0]
    if not rest:
        return f"tenant/{names['tenant']}" if "tenant" in names else "instance"
    name, value = next(iter(rest.items()))
    return f"{name.removesuffix('_id').replace('_', '-')}/{value}"


def _below(place: str, rest: dict[str, str]) -> str:
    return f"{place}/{'/'.join(rest.values())}" if rest else place


def _address(scope: Scope) -> str | None:
    client = scope.get("client")
    return client[0] if client else None


def _header(headers: Headers, wanted: bytes) -> str | None:
    for name, value in headers:
        if name.lower() == wanted:
            return value.decode("latin-1").strip('"')[:200] or None
    return None
