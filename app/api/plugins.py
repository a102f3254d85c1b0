"""Plugins: which types there are, what each is for, and JSON Schema for editors.

They belong to the instance; older clients ask for them below a tenant.
"""

import asyncio
from typing import Annotated, Any, Literal

from fastapi import Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from app.api.access import needs_login
from app.api.answers import Json, encoded, page
from app.api.documents import problems_of
from app.api.paths import PREFIX
from app.api.plugin_json import groups, subgroups
from app.api.query import Page, Size, Sort, known_keys
from app.api.routing import Router
from app.api.services import Node, Services
from app.errors import NotFound
from app.flows.declarations import INPUT_TYPES
from app.flows.schema import flow_schema, input_schema
from app.flows.schema_docs import type_documentation
from app.flows.typed import Typed

router = Router(
    prefix=f"{PREFIX}/plugins",
    tags=["Plugins"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404),
)

SchemaType = Literal["flow", "task", "trigger", "condition", "input", "plugindefault", "runner"]
Class = Annotated[str, Path(alias="cls", max_length=200, description="The name of a type.")]


@router.get("", summary="Plugins and their types")
@needs_login("types are the same for all tenants")
async def plugins(
    request: Request,
    node: Node,
    number: Page = 1,
    size: Size = 10,
    sort: Sort = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """List plugins; one page of them, with their number, if a page or a size is given."""
    found = groups(node.registry)
    del sort  # they are in order of name
    if not {"page", "size"} & set(request.query_params):
        return Json(found)
    return page(found[(number - 1) * size : number * size], len(found))


@router.get("/groups/subgroups", summary="Plugins by package")
@needs_login("types are the same for all tenants")
async def packages(node: Node) -> Response:
    """List plugins, and each package of their types as one of its own."""
    return Json([*groups(node.registry), *subgroups(node.registry)])


@router.get("/icons", summary="Icons of types")
@router.get("/icons/groups", summary="Icons of plugins")
@needs_login("types are the same for all tenants")
async def icons() -> Response:
    """Answer with no icons: types have none here."""
    return Json({})


@router.get("/inputs", summary="Types of inputs")
@needs_login("types are the same for all tenants")
async def inputs() -> Response:
    """List the types of inputs."""
    return Json([{"type": name, "cls": model.__name__} for name, model in INPUT_TYPES.items()])


@router.get("/inputs/{input_type}", summary="The schema of a type of inputs")
@needs_login("types are the same for all tenants")
async def input_documentation(
    input_type: Annotated[str, Path(max_length=50, description="Such as STRING.")],
) -> Response:
    """Answer with JSON Schema of an input of this type."""
    model = INPUT_TYPES.get(input_type.upper())
    if model is None:
        message = f"there is no input type {input_type}; known are {', '.join(INPUT_TYPES)}"
        raise NotFound(message)
    schema = await asyncio.to_thread(input_schema, model)
    return Json({"schema": {"properties": schema, "outputs": {}, "definitions": {}}})


@router.get("/triggers", summary="Types of triggers")
@needs_login("types are the same for all tenants")
async def triggers(node: Node) -> Response:
    """List the types of triggers with their titles."""
    listed = [entry for group in groups(node.registry) for entry in group["triggers"]]
    return Json({"results": [{**each, "type": each["cls"]} for each in listed]})


@router.get("/schemas/{schema_type}", summary="JSON Schema for editors")
@needs_login("types are the same for all tenants")
async def schema(
    request: Request,
    schema_type: SchemaType,
    node: Node,
    array_of: Annotated[bool, Query(alias="arrayOf", description="A list of them.")] = False,
    catalog: Annotated[bool, Query(alias="includeCatalog", description="Without effect.")] = True,
) -> Response:
    """Answer with JSON Schema (draft 7) of a flow, or of a part of one with all its types."""
    del catalog
    known: dict[tuple[str, bool], bytes] = request.app.state.schemas
    body = known.get((schema_type, array_of))
    if body is None:
        body = await asyncio.to_thread(_schema, node, schema_type, array_of=array_of)
        known[schema_type, array_of] = body
    return Response(body, media_type="application/json")


def _schema(node: Services, schema_type: str, *, array_of: bool) -> bytes:
    whole = flow_schema(node.registry)
    name = {"plugindefault": "PluginDefault"}.get(schema_type, schema_type)
    reference: dict[str, Any] = {"$ref": f"#/definitions/{name}"}
    if array_of:
        del whole["$ref"]
        return encoded({**whole, "type": "array", "items": reference})
    return encoded({**whole, **reference})


@router.get("/{cls}", summary="The documentation of a type")
@needs_login("types are the same for all tenants")
async def documentation(
    cls: Class,
    node: Node,
    all_: Annotated[bool, Query(alias="all", description="Without effect: all are shown.")] = False,
    all_properties: Annotated[bool, Query(alias="allProperties", include_in_schema=False)] = False,
) -> Response:
    """Answer with what a type is for: Markdown, and the schema of its properties and outputs."""
    del all_, all_properties
    model = _type(node, cls)
    return Json(await asyncio.to_thread(type_documentation, model, node.registry))


@router.get("/{cls}/versions", summary="The versions of a type")
@needs_login("types are the same for all tenants")
async def versions(cls: Class, node: Node) -> Response:
    """Answer with the one version that there is of a type."""
    return Json({"type": _type(node, cls).type_name, "versions": []})


def _type(node: Services, name: str) -> type[Typed]:
    types = node.registry
    for look_up in (types.task, types.trigger, types.condition, types.runner):
        found = look_up(name)
        if found is not None:
            return found
    message = f"there is no type {name}"
    raise NotFound(message)
