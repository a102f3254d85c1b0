"""The audit log: who did what to what, and why, newest first; and the proof of it."""

from typing import Annotated, Literal

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from app.access import Caller, Permission
from app.api.access import By, lacking, needs
from app.api.answers import Json
from app.api.documents import problems_of
from app.api.paths import NAME_RULE, NAMESPACE_RULE, PREFIX, TENANT_RULE, Tenant
from app.api.query import known_keys
from app.api.records import record_json
from app.api.routing import Router
from app.api.services import Node, Services
from app.api.times import read_instant
from app.db.audit import AuditFilter

router = Router(
    prefix=PREFIX,
    tags=["Audit"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(400, 403),
)

INSTANCE = ""
"""The chain of what belongs to no tenant."""

_Text = Annotated[str | None, Query(max_length=300)]
Moment = Annotated[str | None, Query(max_length=64)]
Target = Annotated[str | None, Query(max_length=300, description="Such as `flow/shop.orders`.")]
Action = Annotated[
    str | None,
    Query(max_length=100, description="Such as `flow.pin`; `flow.` for all of them."),
]
Outcome = Annotated[
    Literal["success", "denied", "refused", "failed"] | None, Query(description="How it ended.")
]
Below = Annotated[
    str | None, Query(pattern=NAMESPACE_RULE, description="This namespace and those below it.")
]
Cursor = Annotated[
    str | None, Query(pattern=NAME_RULE, description="Of the page before: go on after it.")
]
Limit = Annotated[int, Query(ge=1, le=1_000, description="At most so many.")]
Archives = Annotated[
    bool, Query(description="Whether the files of closed segments are looked at too.")
]


class Asked:
    """What a query asks for."""

    def __init__(
        self,
        *,
        target: Target = None,
        action: Action = None,
        actor: _Text = None,
        outcome: Outcome = None,
        request: Annotated[str | None, Query(max_length=128, description="Its id.")] = None,
        namespace: Below = None,
        since: Moment = None,
        until: Moment = None,
    ) -> None:
        """Take the parameters."""
        self.filter = AuditFilter(
            target=target,
            action=action,
            actor=actor,
            since=None if since is None else read_instant(since, "since"),
            until=None if until is None else read_instant(until, "until"),
            outcome=outcome,
            request_id=request,
            namespace=namespace,
        )


Filters = Annotated[Asked, Depends()]


@router.get("/instance/audit", summary="Who did what to the instance, and why")
@needs(Permission.AUDIT_READ)
async def of_instance(
    request: Request, node: Node, by: By, asked: Filters, cursor: Cursor = None, limit: Limit = 100
) -> Response:
    """List what was done that belongs to no tenant; `Link` names the next page."""
    at_instance(by)
    return await _page(request, node, asked.filter._replace(tenant=INSTANCE, after=cursor), limit)


@router.get("/instance/audit/verify", summary="The proof of all audit logs")
@needs(Permission.AUDIT_READ)
async def verify_all(
    node: Node,
    by: By,
    tenant: Annotated[str | None, Query(pattern=TENANT_RULE, description="Only its chain.")] = None,
    archives: Archives = False,
) -> Response:
    """Walk the chains of the instance and its tenants; name what does not hold."""
    at_instance(by)
    proofs = await node.ledger.prove(tenant, archives=archives)
    return Json([each.to_json() for each in proofs])


@router.get("/{tenant}/audit", summary="Who did what, and why")
@needs(Permission.AUDIT_READ)
async def listed(
    request: Request,
    tenant: Tenant,
    node: Node,
    by: By,
    asked: Filters,
    *,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """List what was done in a tenant; the header `Link` names the next page."""
    reach = by.reach(Permission.AUDIT_READ, tenant)
    wanted = asked.filter._replace(tenant=tenant, after=cursor, reach=reach)
    return await _page(request, node, wanted, limit)


@router.get("/{tenant}/audit/verify", summary="The proof of an audit log")
@needs(Permission.AUDIT_READ)
async def verify(tenant: Tenant, node: Node, by: By, archives: Archives = False) -> Response:
    """Walk the chain of a tenant; name the first entry that does not hold."""
    in_all(by, tenant)
    (proof,) = await node.ledger.prove(tenant, archives=archives)
    return Json(proof.to_json())


async def _page(request: Request, node: Services, wanted: AuditFilter, limit: int) -> Response:
    found = await node.audit.search(wanted, limit)
    headers = {}
    if len(found) == limit:
        url = request.url.include_query_params(cursor=found[-1].id)
        headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
    return Json([record_json(each) for each in found], headers=headers)


def at_instance(caller: Caller) -> None:
    """Let somebody pass who may read the audit log of the whole instance.

    Raises:
        Forbidden: for others.
    """
    if not caller.may(Permission.AUDIT_READ):
        raise lacking(Permission.AUDIT_READ)


def in_all(caller: Caller, tenant: str) -> None:
    """Let somebody pass who may read the whole audit log of a tenant.

    Raises:
        Forbidden: for those who may read that of some namespaces only.
    """
    if not caller.may(Permission.AUDIT_READ, tenant):
        raise lacking(Permission.AUDIT_READ)
