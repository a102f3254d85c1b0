"""Secrets of namespaces (reference §6.3): their names, and commits that change them.

There is no route that reads a value.
"""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Annotated, Any

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from starlette.requests import Request
from starlette.responses import Response

from app.access import Permission
from app.api.access import needs
from app.api.actors import Message
from app.api.answers import Json, nothing
from app.api.documents import problems_of
from app.api.drafts import NO_NUL
from app.api.filters import Group, Leaf, holds, no_field, read_filters
from app.api.granted import Granted, Right
from app.api.paths import PREFIX, Namespace
from app.api.proposals import PROPOSED
from app.api.query import Page, Size, Sort, known_keys, takes_filters
from app.api.routing import Router
from app.api.services import Node
from app.errors import BadRequest
from app.flows.secret_files import About

router = Router(
    prefix=f"{PREFIX}/{{tenant}}",
    tags=["Secrets"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404, 409, 413, 422, 503),
)

_LONGEST_VALUE = 65_536
_MOST_TAGS = 50
_FIELDS = ("namespace", "key", "q")

Text = Annotated[str, Field(max_length=2_000, pattern=NO_NUL)]


class TagDocument(BaseModel):
    """A tag of a secret."""

    model_config = ConfigDict(extra="forbid")

    key: Annotated[str, Field(min_length=1, max_length=256, pattern=NO_NUL)]
    value: Annotated[str, Field(max_length=256, pattern=NO_NUL)]


class SecretAboutDocument(BaseModel):
    """What is told of a secret: all of it is replaced."""

    model_config = ConfigDict(extra="forbid")

    key: Annotated[str | None, Field(max_length=256)] = None
    namespace: Annotated[str | None, Field(max_length=150)] = None
    description: Text | None = None
    tags: list[TagDocument] = Field([], max_length=_MOST_TAGS)


class SecretValueDocument(BaseModel):
    """A secret to set."""

    model_config = ConfigDict(extra="forbid")

    key: Annotated[str, Field(min_length=1, max_length=256, description="Its name.")]
    value: Annotated[
        SecretStr, Field(min_length=1, max_length=_LONGEST_VALUE, description="Its value.")
    ]
    description: Text | None = Field(None, description="None: as it is.")
    tags: list[TagDocument] | None = Field(
        None, max_length=_MOST_TAGS, description="None: as they are."
    )


@router.get("/secrets", summary="Names of the secrets of all namespaces")
@takes_filters
@needs(Permission.SECRET_LIST)
async def search(
    request: Request,
    right: Granted,
    node: Node,
    number: Page = 1,
    size: Size = 10,
    sort: Sort = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """List names, one page of them; filters take namespace, key and q."""
    found = await node.sync.secret_writes.everywhere(right.tenant)
    seen = [each for each in found if right.holds(each.namespace)]
    read_only = all(source.publisher.mode == "readonly" for source in node.sync.workers)
    rows = [_json(each.key, each.namespace, each.about) for each in seen]
    return _page(_filtered(request, rows), sort, number, size, read_only=read_only)


@router.get("/namespaces/{namespace}/secrets", summary="Names of the secrets of a namespace")
@takes_filters
@needs(Permission.SECRET_LIST)
async def listing(
    request: Request,
    right: Granted,
    namespace: Namespace,
    node: Node,
    number: Page = 1,
    size: Size = 10,
    sort: Sort = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """List the names of a namespace's own secrets, one page of them."""
    rows = await _own(right, namespace, node)
    read_only = await node.sync.secret_writes.is_read_only(right.tenant, namespace)
    return _page(_filtered(request, rows), sort, number, size, read_only=read_only)


@router.get(
    "/namespaces/{namespace}/inherited-secrets", summary="Names of the secrets that it sees"
)
@needs(Permission.SECRET_LIST)
async def inherited(right: Granted, namespace: Namespace, node: Node) -> Response:
    """Answer with the names by namespace, nearest first; those of the whole tenant are under ""."""
    found: dict[str, list[str]] = {}
    for each in await node.sync.secret_writes.chain(right.tenant, namespace):
        if right.holds(each.namespace or None):
            found.setdefault(each.namespace, []).append(each.key)
    return Json(found)


@router.put("/namespaces/{namespace}/secrets", summary="Set a secret", responses=PROPOSED)
@needs(Permission.SECRET_WRITE)
async def put(
    right: Granted,
    namespace: Namespace,
    wanted: SecretValueDocument,
    node: Node,
    message: Message = None,
) -> Response:
    """Set a secret of a namespace: a commit that changes its encrypted file."""
    about = None
    if wanted.description is not None or wanted.tags is not None:
        about = _about(wanted.description, wanted.tags or ())
    await node.sync.secret_writes.put(
        right.tenant,
        namespace,
        (wanted.key, wanted.value.get_secret_value()),
        about,
        actor=right.actor,
        message=message,
    )
    return Json(await _own(right, namespace, node))


@router.patch(
    "/namespaces/{namespace}/secrets/{key}",
    summary="Tell something else of a secret",
    responses=PROPOSED,
)
@needs(Permission.SECRET_WRITE)
async def describe(
    right: Granted,
    namespace: Namespace,
    key: str,
    wanted: SecretAboutDocument,
    node: Node,
    message: Message = None,
) -> Response:
    """Replace the description and the tags of a secret; its value stays."""
    if wanted.key not in (None, key) or wanted.namespace not in (None, namespace):
        told = f"the body speaks of another secret than {key} of {namespace}"
        raise BadRequest(told)
    await node.sync.secret_writes.describe(
        right.tenant,
        namespace,
        key,
        _about(wanted.description, wanted.tags),
        actor=right.actor,
        message=message,
    )
    return Json(await _own(right, namespace, node))


@router.delete(
    "/namespaces/{namespace}/secrets/{key}",
    status_code=204,
    summary="Delete a secret",
    responses=PROPOSED,
)
@needs(Permission.SECRET_WRITE)
async def delete(
    right: Granted, namespace: Namespace, key: str, node: Node, message: Message = None
) -> Response:
    """Delete a secret; its value stays in the history: revoke it where it is used."""
    await node.sync.secret_writes.delete(
        right.tenant, namespace, key, actor=right.actor, message=message
    )
    return nothing()


async def _own(right: Right, namespace: str, node: Node) -> list[dict[str, Any]]:
    found = await node.sync.secret_writes.chain(right.tenant, namespace)
    return [_json(each.key, namespace, each.about) for each in found if each.namespace == namespace]


def _about(description: str | None, tags: Iterable[TagDocument]) -> About:
    return About(description or "", tuple((each.key, each.value) for each in tags))


def _json(key: str, namespace: str, about: About) -> dict[str, Any]:
    tags = [{"key": name, "value": value} for name, value in about.tags]
    row = {"key": key, "namespace": namespace, "tags": tags}
    return {**row, "description": about.description} if about.description else row


def _page(
    rows: list[dict[str, Any]], sort: list[str], number: int, size: int, *, read_only: bool
) -> Response:
    ordered = _sorted(rows, sort)
    shown = ordered[(number - 1) * size : number * size]
    return Json({"readOnly": read_only, "results": shown, "total": len(ordered)})


def _sorted(rows: list[dict[str, Any]], sort: list[str]) -> list[dict[str, Any]]:
    for each in reversed(sort or ["namespace", "key"]):
        name, _, direction = each.partition(":")
        if name not in ("key", "namespace") or direction not in ("", "asc", "desc"):
            message = f"sort: {each!r} is not possible; write key:asc or namespace:desc"
            raise BadRequest(message)
        rows = sorted(rows, key=lambda row: str(row[name]), reverse=direction == "desc")
    return rows


def _filtered(request: Request, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    filters = read_filters(request.query_params.multi_items())
    _refuse_unknown(filters)
    return [row for row in rows if holds(filters, partial(_values, row))]


def _refuse_unknown(group: Group) -> None:
    """Refuse a filter that there is not, whether or not there is anything to filter."""
    for child in group.children:
        if isinstance(child, Group):
            _refuse_unknown(child)
        elif child.field not in _FIELDS:
            raise no_field(child, _FIELDS)


def _values(row: Mapping[str, Any], leaf: Leaf) -> list[str]:
    """Return what a filter compares with; a search is for a part, whatever it is called."""
    if leaf.field == "q":
        return [leaf.value] if leaf.value.casefold() in str(row["key"]).casefold() else []
    return [str(row[leaf.field])]
