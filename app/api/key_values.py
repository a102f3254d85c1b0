"""Key-value pairs of namespaces (reference §6.3)."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any

from fastapi import Body, Depends, Header
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from app.access import Permission
from app.api.access import needs
from app.api.answers import Json, nothing, page
from app.api.documents import problems_of
from app.api.filters import Leaf, no_field, read_filters
from app.api.granted import Granted
from app.api.kv_literals import literal
from app.api.paths import PREFIX, Namespace, Tenant
from app.api.query import Page, Size, Sort, known_keys, takes_filters
from app.api.routing import Router
from app.api.services import Node
from app.api.single_filters import only_value, single_leaves, sortable
from app.api.times import instant, read_duration
from app.db.key_values import SORTABLE, KeyFilter
from app.engine.stores import LARGEST_VALUE
from app.errors import BadRequest, Invalid, NotFound, TooLarge
from app.flows.keyvalues import is_key, lineage
from app.ports import KeyValue

router = Router(
    prefix=f"{PREFIX}/{{tenant}}",
    tags=["Key-value pairs"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404, 422),
)

_MAX_KEYS = 1_000


class Keys(BaseModel):
    """Keys of a namespace."""

    model_config = ConfigDict(extra="forbid")

    keys: list[str] = Field(max_length=_MAX_KEYS, description="The keys.")


@router.get("/kv", summary="Keys of all namespaces")
@takes_filters
@needs(Permission.KV_READ)
async def search(
    request: Request,
    right: Granted,
    node: Node,
    number: Page = 1,
    size: Size = 10,
    sort: Sort = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """List keys, one page of them, without their values; filters take namespace, key and q."""
    wanted = KeyFilter(right.tenant, reach=right.reach)
    for leaf in single_leaves(read_filters(request.query_params.multi_items())):
        apply = _FILTERS.get(leaf.field)
        if apply is None:
            raise no_field(leaf, _FILTERS)
        wanted = apply(wanted, leaf)
    pairs, total = await node.key_values.search(
        wanted, page=number, size=size, sort=sortable(sort, SORTABLE)
    )
    return page([entry_json(*each) for each in pairs], total)


@router.get("/namespaces/{namespace}/kv", summary="Keys of a namespace")
@needs(Permission.KV_READ)
async def listing(tenant: Tenant, namespace: Namespace, node: Node) -> Response:
    """List the keys of a namespace, in order, without their values."""
    pairs = await node.key_values.pairs(tenant, namespace)
    return Json([entry_json(namespace, pair) for pair in pairs])


@router.get("/namespaces/{namespace}/kv/inheritance", summary="Keys that a namespace sees")
@needs(Permission.KV_READ)
async def inheritance(right: Granted, namespace: Namespace, node: Node) -> Response:
    """List the keys of a namespace and of those above it; the nearest of equal keys counts."""
    seen: dict[str, dict[str, Any]] = {}
    for place in filter(right.holds, lineage(namespace)):
        for pair in await node.key_values.pairs(right.tenant, place):
            seen.setdefault(pair.key, entry_json(place, pair))
    return Json([seen[key] for key in sorted(seen)])


@router.get("/namespaces/{namespace}/kv/{key}", summary="The value of a key")
@needs(Permission.KV_READ)
async def value(tenant: Tenant, namespace: Namespace, key: str, node: Node) -> Response:
    """Answer with the type and the value of a key."""
    pair = await node.key_values.get(tenant, namespace, _checked(key))
    if pair is None:
        message = f"there is no key '{key}' in the namespace '{namespace}'"
        raise NotFound(message)
    return Json({"type": pair.kind, "value": pair.value, "updated": instant(pair.updated_at)})


@router.put(
    "/namespaces/{namespace}/kv/{key}",
    summary="Store a value under a key",
    openapi_extra={
        "requestBody": {
            "description": "The value; its literal decides the type.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
            "required": True,
        }
    },
)
@needs(Permission.KV_WRITE)
async def put(
    request: Request,
    tenant: Tenant,
    namespace: Namespace,
    key: str,
    node: Node,
    ttl: Annotated[
        str | None, Header(description="For how long the pair is there; an ISO duration.")
    ] = None,
    description: Annotated[
        str | None, Header(max_length=2_000, description="What the pair is for.")
    ] = None,
) -> Response:
    """Store a value; what was there before is replaced."""
    body = await request.body()
    if len(body) > LARGEST_VALUE:
        message = f"the value has {len(body)} bytes, the limit is {LARGEST_VALUE}"
        raise TooLarge(message)
    try:
        kind, kept = literal(body.decode())
    except UnicodeDecodeError:
        message = "the value is not UTF-8"
        raise BadRequest(message) from None
    now = node.clock.now()
    expires = now + read_duration(ttl, "ttl") if ttl else None
    pair = KeyValue(_checked(key), kind, kept, description, now, now, expires)
    await node.key_values.put(tenant, namespace, pair)
    return nothing(200)


@router.delete("/namespaces/{namespace}/kv/{key}", summary="Remove a key")
@needs(Permission.KV_WRITE)
async def delete(tenant: Tenant, namespace: Namespace, key: str, node: Node) -> Response:
    """Remove a key; answer whether it was there."""
    return Json(await node.key_values.delete(tenant, namespace, _checked(key)))


@router.delete("/namespaces/{namespace}/kv", summary="Remove several keys")
@needs(Permission.KV_WRITE)
async def delete_several(
    tenant: Tenant,
    namespace: Namespace,
    node: Node,
    wanted: Annotated[Keys, Body(description="The keys to remove.")],
) -> Response:
    """Remove keys; answer with those that were there."""
    gone = [
        key
        for key in dict.fromkeys(wanted.keys)
        if is_key(key) and await node.key_values.delete(tenant, namespace, key)
    ]
    return Json({"keys": gone})


def _by_namespace(wanted: KeyFilter, leaf: Leaf) -> KeyFilter:
    below = leaf.operation in ("PREFIX", "STARTS_WITH")
    name = leaf.value.rstrip(".") if below else only_value(leaf)
    return replace(wanted, namespace=name, below=below)


_FILTERS: Mapping[str, Callable[[KeyFilter, Leaf], KeyFilter]] = {
    "namespace": _by_namespace,
    "key": lambda wanted, leaf: replace(wanted, key=only_value(leaf)),
    "q": lambda wanted, leaf: replace(wanted, text=leaf.value),
    "query": lambda wanted, leaf: replace(wanted, text=leaf.value),
}


def entry_json(namespace: str, pair: KeyValue) -> dict[str, Any]:
    """Return what is told of a pair besides its value, as Kestra's `KVEntry`."""
    entry = {
        "namespace": namespace,
        "key": pair.key,
        "description": pair.description,
        "creationDate": instant(pair.created_at),
        "updateDate": instant(pair.updated_at),
        "expirationDate": instant(pair.expires_at) if pair.expires_at else None,
    }
    return {name: shown for name, shown in entry.items() if shown is not None}


def _checked(key: str) -> str:
    if not is_key(key):
        message = (
            f"the key {key[:100]!r} must begin with a letter or a digit and may hold letters,"
            " digits, dots, underscores and hyphens only"
        )
        raise Invalid(message)
    return key
