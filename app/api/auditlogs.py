"""The audit log as Kestra's clients read it: `auditlogs/search`, `export`, `find`, `history`."""

from typing import Annotated, Any

from fastapi import Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from app.access import Caller, Permission
from app.api.access import By, needs
from app.api.answers import Json, page
from app.api.audit import at_instance
from app.api.audit_exports import Span, csv_export
from app.api.audit_filters import detailed, read_filter, things_of, typed
from app.api.audit_json import diff_json, item_json, option_json
from app.api.documents import problems_of
from app.api.paths import NAME_RULE, PREFIX, Tenant
from app.api.query import Page, Size, Sort, known_keys, takes_filters
from app.api.routing import Router
from app.api.services import Node, Services
from app.api.single_filters import sortable
from app.db.audit import AuditEntry, AuditFilter
from app.errors import NotFound

router = Router(
    prefix=PREFIX,
    tags=["Audit"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(400, 403, 404),
)

EntryId = Annotated[str, Path(pattern=NAME_RULE, description="The id of an entry.")]
DetailId = Annotated[str, Path(min_length=1, max_length=200, description="The id of a thing.")]
Previous = Annotated[
    str | None, Query(alias="previousId", pattern=NAME_RULE, description="Compare with this one.")
]
_MOST = 100


class Pages:
    """Which page of a list is shown, in which order."""

    def __init__(self, number: Page = 1, size: Size = 10, sort: Sort | None = None) -> None:
        """Take the parameters."""
        self.number = number
        self.size = size
        chosen = sortable(sort or [], ("date",))
        self.oldest_first = bool(chosen) and chosen[0].endswith(":asc")


Shown = Annotated[Pages, Depends()]


class Find(BaseModel):
    """Which entry is looked for."""

    model_config = ConfigDict(extra="forbid")

    resource: str | None = Field(None, max_length=50)
    type: str | None = Field(None, max_length=50)
    detail: dict[str, Any] | None = None


@router.get("/auditlogs/search", summary="The audit logs of all tenants, as Kestra has them")
@takes_filters
@needs(Permission.AUDIT_READ)
async def search_all(request: Request, node: Node, by: By, shown: Shown) -> Response:
    """List what was done anywhere, newest first."""
    at_instance(by)
    return await _found(node, read_filter(request.query_params, node.clock.now()), shown)


@router.get("/auditlogs/export", summary="The audit logs of all tenants as a table")
@takes_filters
@needs(Permission.AUDIT_READ)
async def export_all(request: Request, node: Node, by: By) -> Response:
    """Send what was done anywhere as CSV; filters by time count."""
    at_instance(by)
    wanted = read_filter(request.query_params, node.clock.now())
    tenants = [each.tenant for each in await node.ledger.prove()]
    return csv_export(node, [Span(each, wanted.since, wanted.until) for each in tenants])


@router.get("/auditlogs/{entry_id}/diff", summary="What an entry changed")
@needs(Permission.AUDIT_READ)
async def diff_any(entry_id: EntryId, node: Node, by: By, previous: Previous = None) -> Response:
    """Answer with what an entry of any tenant says, and the one before it."""
    at_instance(by)
    return await _diff(node, AuditFilter(), entry_id, previous)


@router.get("/{tenant}/auditlogs/search", summary="The audit log, as Kestra has it")
@takes_filters
@needs(Permission.AUDIT_READ)
async def search(request: Request, tenant: Tenant, node: Node, by: By, shown: Shown) -> Response:
    """List what was done in a tenant, newest first."""
    wanted = read_filter(request.query_params, node.clock.now())
    return await _found(node, _seen(wanted, by, tenant), shown)


@router.get("/{tenant}/auditlogs/export", summary="The audit log as a table, as Kestra has it")
@takes_filters
@needs(Permission.AUDIT_READ)
async def export(request: Request, tenant: Tenant, node: Node, by: By) -> Response:
    """Send what was done in a tenant as CSV; filters by time count."""
    wanted = read_filter(request.query_params, node.clock.now())
    reach = by.reach(Permission.AUDIT_READ, tenant)
    return csv_export(node, [Span(tenant, wanted.since, wanted.until, reach)])


@router.get("/{tenant}/auditlogs/{entry_id}/diff", summary="What an entry of a tenant changed")
@needs(Permission.AUDIT_READ)
async def diff(
    tenant: Tenant, entry_id: EntryId, node: Node, by: By, previous: Previous = None
) -> Response:
    """Answer with what an entry says, and the one about the same thing before it."""
    return await _diff(node, _seen(AuditFilter(), by, tenant), entry_id, previous)


@router.post("/{tenant}/auditlogs/find", summary="The newest entry about a thing")
@needs(Permission.AUDIT_READ)
async def find(tenant: Tenant, node: Node, by: By, sent: Find) -> Response:
    """Answer with the newest entry that a resource, a type and a detail mean."""
    wanted = _seen(AuditFilter(), by, tenant)
    if sent.resource is not None:
        wanted = wanted._replace(things=things_of([sent.resource]))
    if sent.type is not None:
        wanted = typed(wanted, [sent.type])
    for name, value in (sent.detail or {}).items():
        wanted = detailed(wanted, name, value)
    found = await node.audit.search(wanted, 1)
    if not found:
        message = "there is no such entry"
        raise NotFound(message)
    return Json(item_json(found[0]))


@router.get("/{tenant}/auditlogs/history/{detail_id}", summary="The entries about a thing")
@needs(Permission.AUDIT_READ)
async def history(tenant: Tenant, detail_id: DetailId, node: Node, by: By) -> Response:
    """List the newest entries about a thing by its id: an execution, `namespace.flow`, a user."""
    wanted = _seen(AuditFilter(name=detail_id), by, tenant)
    return Json([option_json(each) for each in await node.audit.search(wanted, _MOST)])


def _seen(wanted: AuditFilter, caller: Caller, tenant: str) -> AuditFilter:
    return wanted._replace(tenant=tenant, reach=caller.reach(Permission.AUDIT_READ, tenant))


async def _found(node: Services, wanted: AuditFilter, shown: Pages) -> Response:
    entries = await node.audit.search(
        wanted,
        shown.size,
        offset=(shown.number - 1) * shown.size,
        oldest_first=shown.oldest_first,
    )
    return page([item_json(each) for each in entries], await node.audit.count(wanted))


async def _diff(node: Services, seen: AuditFilter, entry_id: str, previous: str | None) -> Response:
    entry = await node.audit.get(entry_id, seen)
    if entry is None:
        message = f"there is no entry {entry_id}"
        raise NotFound(message)
    if previous is not None:
        return Json(diff_json(await node.audit.get(previous, seen), entry))
    about = seen._replace(tenant=entry.tenant, target=entry.target, after=entry.id)
    before: list[AuditEntry] = await node.audit.search(about, 1)
    return Json(diff_json(before[0] if before else None, entry))
