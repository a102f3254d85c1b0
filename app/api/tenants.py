"""Tenants: folders of a repository, so that making one is a commit."""

from functools import partial
from typing import Annotated, Any

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.requests import Request
from starlette.responses import Response

from app.access import Caller, Permission
from app.api.access import By, lacking, needs, needs_login
from app.api.actors import actor_of
from app.api.answers import Json, nothing, page
from app.api.documents import problems_of
from app.api.filters import Leaf, holds, no_field, read_filters
from app.api.paths import DEFAULT_TENANT, PREFIX, TENANT_RULE, Tenant
from app.api.proposals import PROPOSED
from app.api.query import Page, Size, Sort, known_keys, takes_filters
from app.api.routing import Router
from app.api.services import Node, Services
from app.errors import BadRequest, Invalid, NotFound
from app.ports import UNBOUNDED
from app.sync.tenant_file import Egress, Mode, Quotas, Runners

router = Router(
    prefix=f"{PREFIX}/tenants",
    tags=["Tenants"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(403, 404, 409, 422),
)

_FIELDS = ("id", "name", "q")
_Label = Annotated[str, Field(max_length=256)]


class TenantDocument(BaseModel):
    """A tenant, as Kestra's clients send it, with what `tenant.yaml` says besides."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)

    id: Annotated[str, Field(pattern=TENANT_RULE, description="The name of its folder.")]
    name: Annotated[str, Field(max_length=256, description="The title that people see.")] = ""
    deleted: Annotated[bool, Field(description="Taken for compatibility.")] = False
    type: Annotated[str | None, Field(max_length=64, description="Taken for compatibility.")] = None
    description: Annotated[str, Field(max_length=10_000)] = ""
    labels: Annotated[dict[_Label, _Label], Field(max_length=64)] = {}
    quotas: Quotas | None = None
    egress: Egress | None = None
    cross_namespace: Mode | None = None
    secrets: Annotated[str | None, Field(pattern="^(latest|pinned)$")] = None
    plugin_defaults: Annotated[list[dict[str, Any]], Field(max_length=500)] = []
    runners: Runners | None = None

    def document(self) -> dict[str, Any]:
        """Return the `tenant.yaml` that says the same."""
        said = self.model_dump(
            mode="json", by_alias=True, exclude_defaults=True, exclude={"id", "deleted", "type"}
        )
        if "name" in said:
            said = {"title": said.pop("name"), **said}
        return said


@router.get("/search", summary="Search tenants")
@takes_filters
@needs_login("it names the tenants of the caller only")
async def search(
    request: Request,
    by: By,
    node: Node,
    number: Page = 1,
    size: Size = 10,
    sort: Sort = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """List the tenants that the caller has any right in, in order of name."""
    filters = read_filters(request.query_params.multi_items())
    found = [
        each
        for each in _names(node)
        if by.is_of(each) and holds(filters, partial(_values, node, each))
    ]
    names = sorted(found, reverse=_descending(sort))
    shown = names[(number - 1) * size : number * size]
    return page([_json(node, name) for name in shown], len(names))


@router.get("/{tenant}", summary="Look up a tenant")
@needs(Permission.NAMESPACE_READ)
async def get(tenant: Tenant, node: Node) -> Response:
    """Answer with what is said of a tenant."""
    if tenant not in _names(node):
        raise NotFound(f"there is no tenant {tenant}")
    return Json(_json(node, tenant))


@router.post("", summary="Make a tenant", responses=PROPOSED)
@needs(Permission.INSTANCE_MANAGE)
async def create(by: By, wanted: TenantDocument, node: Node) -> Response:
    """Make a tenant: a folder with a `tenant.yaml`, as a commit or a pull request."""
    writes = node.sync.tenant_writes
    await writes.put_tenant(wanted.id, wanted.document(), actor=actor_of(by), new=True)
    return Json(_json(node, wanted.id))


@router.put("/{tenant}", summary="Change a tenant", responses=PROPOSED)
@needs(Permission.INSTANCE_MANAGE)
async def update(by: By, tenant: Tenant, wanted: TenantDocument, node: Node) -> Response:
    """Replace the `tenant.yaml` of a tenant; comments in it are lost."""
    _of_instance(by)
    if wanted.id != tenant:
        raise Invalid(f"the tenant of the path is {tenant}, that of the body {wanted.id}")
    writes = node.sync.tenant_writes
    await writes.put_tenant(tenant, wanted.document(), actor=actor_of(by), new=False)
    return Json(_json(node, tenant))


@router.delete("/{tenant}", status_code=204, summary="Remove a tenant", responses=PROPOSED)
@needs(Permission.INSTANCE_MANAGE)
async def delete(by: By, tenant: Tenant, node: Node) -> Response:
    """Remove a tenant that holds no flows; one with flows is removed in Git, with its folder."""
    _of_instance(by)
    await node.sync.tenant_writes.remove_tenant(tenant, actor=actor_of(by))
    return nothing()


def _of_instance(caller: Caller) -> None:
    """Refuse who may manage the instance in one tenant only: that is no right at all."""
    if not caller.may(Permission.INSTANCE_MANAGE):
        raise lacking(Permission.INSTANCE_MANAGE)


def _names(node: Services) -> set[str]:
    """Return all tenants: with a folder, with flows, and the one that there always is."""
    flows = {each.tenant for each in node.flows.active()}
    return {DEFAULT_TENANT, *node.tenants.names(), *flows}


def _values(node: Services, name: str, leaf: Leaf) -> list[str]:
    if leaf.field not in _FIELDS:
        raise no_field(leaf, _FIELDS)
    title = node.tenants.of(name).title or name
    if leaf.field == "q":
        part = leaf.value.casefold()
        return [leaf.value] if part in name.casefold() or part in title.casefold() else []
    return [name if leaf.field == "id" else title]


def _descending(sort: list[str]) -> bool:
    for each in sort:
        name, _, direction = each.partition(":")
        if name not in ("id", "name") or direction not in ("", "asc", "desc"):
            raise BadRequest(f"sort: {each!r} is not possible; write id:asc or id:desc")
    return bool(sort) and sort[0].endswith(":desc")


def _json(node: Services, name: str) -> dict[str, Any]:
    said = node.tenants.of(name)
    document = said.model_dump(mode="json", by_alias=True, exclude={"title", "quotas"})
    share = node.rules.share(name)
    limits = {
        "executions": _bound(share.executions),
        "taskRuns": _bound(share.task_runs),
        "weight": share.weight,
        "executionsInMotion": node.executor.count(name),
    }
    own = {"id": name, "name": said.title or name, "deleted": False, "type": "DEFAULT"}
    source = node.tenants.source_of(name)
    return {**own, **document, "limits": limits, "sourceId": source}


def _bound(most: int) -> int | None:
    return None if most >= UNBOUNDED else most
