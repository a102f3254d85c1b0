"""Namespaces: those that flows lie in, and those around them."""

from functools import partial
from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.requests import Request
from starlette.responses import Response

from app.access import Permission
from app.api.access import needs
from app.api.answers import Json, page
from app.api.documents import problems_of
from app.api.filters import Leaf, holds, no_field, read_filters
from app.api.flow_lookup import flows_of
from app.api.granted import Granted, Right
from app.api.namespace_settings import settings_json
from app.api.paths import PREFIX, Namespace
from app.api.query import Page, Size, Sort, known_keys, takes_filters
from app.api.routing import Router
from app.api.services import Node, Services
from app.errors import BadRequest, NotFound

router = Router(
    prefix=f"{PREFIX}/{{tenant}}/namespaces",
    tags=["Namespaces"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404),
)

_FIELDS = ("namespace", "q", "id")


class Completion(BaseModel):
    """What is looked for."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")

    q: Annotated[str | None, Field(max_length=500)] = None
    ids: Annotated[list[str] | None, Field(max_length=1_000)] = None
    existing_only: bool = False


async def _asked(
    q: Annotated[str | None, Query(max_length=500)] = None,
    existing_only: Annotated[bool, Query(alias="existingOnly")] = False,
    existing: bool = False,
) -> Completion:
    return Completion.model_construct(q=q, ids=None, existing_only=existing_only or existing)


@router.get("/search", summary="Search namespaces")
@takes_filters
@needs(Permission.NAMESPACE_READ)
async def search(
    request: Request,
    right: Granted,
    node: Node,
    asked: Annotated[Completion, Depends(_asked)],
    number: Page = 1,
    size: Size = 10,
    sort: Sort = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """List namespaces in order of name; with `existingOnly` only those that flows lie in."""
    found = _found(node, right, asked.q, existing_only=asked.existing_only)
    filters = read_filters(request.query_params.multi_items())

    found = {name: there for name, there in found.items() if holds(filters, partial(_values, name))}
    names = sorted(found, reverse=_descending(sort))
    shown = names[(number - 1) * size : number * size]
    return page([_json(name, right.tenant, there=found[name]) for name in shown], len(names))


@router.post("/autocomplete", summary="Namespaces that a text is part of")
@needs(Permission.NAMESPACE_READ)
async def autocomplete(right: Granted, asked: Completion, node: Node) -> Response:
    """List the names of namespaces that hold a text, and of those that are named."""
    found = _found(node, right, asked.q, existing_only=asked.existing_only)
    every = _found(node, right, None, existing_only=False)
    return Json(sorted({*found, *(name for name in asked.ids or () if name in every)}))


@router.get("/{namespace}", summary="Look up a namespace")
@needs(Permission.NAMESPACE_READ)
async def get(right: Granted, namespace: Namespace, node: Node) -> Response:
    """Answer with a namespace that flows lie in, or below it."""
    found = _found(node, right, None, existing_only=False)
    if namespace not in found:
        message = f"there is no namespace {namespace}: no flow lies in it or below it"
        raise NotFound(message)
    said = await settings_json(node, right.tenant, namespace)
    return Json({**said, **_json(namespace, right.tenant, there=found[namespace])})


def _found(
    node: Services, right: Right, text: str | None, *, existing_only: bool
) -> dict[str, bool]:
    """Return the names of namespaces that hold a text, each with whether flows lie in it."""
    existing = {each.namespace for each in flows_of(node, right)}
    around: set[str] = set()
    if not existing_only:
        for name in existing:
            parts = name.split(".")
            around.update(".".join(parts[:length]) for length in range(1, len(parts)))
    part = (text or "").casefold()
    return {name: name in existing for name in existing | around if part in name.casefold()}


def _values(name: str, leaf: Leaf) -> list[str]:
    """Return what a filter compares with; a search is for a part, whatever it is called."""
    if leaf.field not in _FIELDS:
        raise no_field(leaf, _FIELDS)
    if leaf.field == "q":
        return [leaf.value] if leaf.value.casefold() in name.casefold() else []
    return [name]


def _descending(sort: list[str]) -> bool:
    for each in sort:
        name, _, direction = each.partition(":")
        if name not in ("id", "namespace") or direction not in ("", "asc", "desc"):
            message = f"sort: {each!r} is not possible; write id:asc or id:desc"
            raise BadRequest(message)
    return bool(sort) and sort[0].endswith(":desc")


def _json(name: str, tenant: str, *, there: bool) -> dict[str, Any]:
    return {"id": name, "tenantId": tenant, "deleted": False, "disabled": not there}
