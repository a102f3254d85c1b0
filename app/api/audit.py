"""The audit log: who did what to what, and why, newest first."""

from typing import Annotated

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from app.access import Permission
from app.api.access import needs
from app.api.answers import Json
from app.api.documents import problems_of
from app.api.paths import NAME_RULE, PREFIX, Tenant
from app.api.query import known_keys
from app.api.records import record_json
from app.api.routing import Router
from app.api.services import Node
from app.api.times import read_instant
from app.db.audit import AuditFilter

router = Router(
    prefix=f"{PREFIX}/{{tenant}}/audit",
    tags=["Audit"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(400),
)

_Text = Annotated[str | None, Query(max_length=300)]
_Time = Annotated[str | None, Query(max_length=64)]


@router.get("", summary="Who did what, and why")
@needs(Permission.AUDIT_READ)
async def listed(  # noqa: PLR0913 - the filters of a list
    request: Request,
    tenant: Tenant,
    node: Node,
    *,
    target: Annotated[
        str | None, Query(max_length=300, description="Such as `flow/shop.orders`.")
    ] = None,
    action: Annotated[
        str | None,
        Query(max_length=100, description="Such as `flow.pin`; `flow.` for all of them."),
    ] = None,
    actor: _Text = None,
    since: _Time = None,
    until: _Time = None,
    cursor: Annotated[
        str | None, Query(pattern=NAME_RULE, description="Of the page before: go on after it.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=1_000, description="At most so many.")] = 100,
) -> Response:
    """List what was done in a tenant; the header `Link` names the next page."""
    wanted = AuditFilter(
        tenant,
        target,
        action,
        actor,
        None if since is None else read_instant(since, "since"),
        None if until is None else read_instant(until, "until"),
        cursor,
    )
    found = await node.audit.search(wanted, limit)
    headers = {}
    if len(found) == limit:
        url = request.url.include_query_params(cursor=found[-1].id)
        headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
    return Json([record_json(each) for each in found], headers=headers)
