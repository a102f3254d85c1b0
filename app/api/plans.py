"""Plans: what commits change, by meaning or as text; and what is wrong with a tree that is sent."""

import asyncio
from typing import Annotated, Literal

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from app.access import Permission
from app.api.access import By, needs
from app.api.answers import Json
from app.api.documents import problems_of
from app.api.paths import NAME_RULE, PREFIX, TENANT_RULE, SourceId
from app.api.query import known_keys
from app.api.routing import Router
from app.api.services import Node
from app.api.source_rights import permit_source
from app.git.layout import Layout
from app.git.names import check_path
from app.sync.planning.archives import files_in
from app.sync.planning.comment import plan_markdown
from app.sync.planning.plan import ChangePlan

sources = Router(
    prefix=f"{PREFIX}/sources",
    tags=["Git"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404),
)
router = Router(
    prefix=PREFIX,
    tags=["Git"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404, 413, 422),
)

_WHOLE = 1 << 20
"""How many characters a plan in Markdown may have here, where no forge limits it."""

Old = Annotated[
    str | None,
    Query(
        alias="from",
        min_length=1,
        max_length=250,
        description="A commit: its id or how that begins, a branch, a tag; else the active one.",
    ),
]
New = Annotated[
    str | None,
    Query(
        alias="to",
        min_length=1,
        max_length=250,
        description="A commit, as `from`; else the newest that was seen.",
    ),
]

_TREE = {
    "requestBody": {
        "description": "The files: a zip, a tar (also packed), or JSON with texts by path.",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "files": {"type": "object", "additionalProperties": {"type": "string"}}
                    },
                    "required": ["files"],
                    "additionalProperties": False,
                }
            },
            "application/zip": {"schema": {"type": "string", "format": "binary"}},
            "application/x-tar": {"schema": {"type": "string", "format": "binary"}},
        },
        "required": True,
    }
}


@sources.get("/{source_id}/diff", summary="What two commits differ in")
@needs(Permission.REPO_READ)
async def diff(
    source_id: SourceId,
    node: Node,
    by: By,
    old: Old = None,
    new: New = None,
    form: Annotated[
        Literal["semantic", "raw"],
        Query(alias="format", description="By meaning, or as a unified diff."),
    ] = "semantic",
    path: Annotated[
        str, Query(max_length=1_000, description="With `raw`: this file or folder only.")
    ] = "",
) -> Response:
    """Answer with what one commit changes against another, without looking at executions."""
    await permit_source(node, by, Permission.REPO_READ, source_id)
    if form == "raw":
        return PlainTextResponse(await node.plans.raw(source_id, old, new, path))
    return Json((await node.plans.semantic(source_id, old, new)).to_json())


@sources.get("/{source_id}/plan", summary="The plan of a commit")
@needs(Permission.REPO_READ)
async def plan(
    source_id: SourceId,
    node: Node,
    by: By,
    old: Old = None,
    new: New = None,
    form: Annotated[
        Literal["json", "markdown"],
        Query(alias="format", description="`markdown`: as it stands in pull requests."),
    ] = "json",
) -> Response:
    """Answer with what activating a commit would do: flows, dates, breaks, running executions."""
    await permit_source(node, by, Permission.REPO_READ, source_id)
    found = await node.plans.plan(source_id, old, new)
    if form == "markdown":
        text = await asyncio.to_thread(plan_markdown, found, limit=_WHOLE)
        return PlainTextResponse(text, media_type="text/markdown")
    return Json(found.to_json())


@router.post("/validate", summary="Validate a tree", openapi_extra=_TREE)
@needs(Permission.FLOW_VALIDATE)
async def validate(
    request: Request,
    node: Node,
    by: By,
    source: Annotated[
        str | None,
        Query(pattern=NAME_RULE, description="Plan it against what is active of this source."),
    ] = None,
    partial: Annotated[
        bool, Query(description="With `source`: put the files over those that are active.")
    ] = False,
    layout: Annotated[
        Literal["native", "kestra"], Query(description="Without `source`: how it is laid out.")
    ] = "native",
    root: Annotated[
        str, Query(max_length=1_000, description="Without `source`: the folder of the flows.")
    ] = "",
    tenant: Annotated[
        str, Query(pattern=TENANT_RULE, description="Without `source`: of a kestra layout.")
    ] = "main",
) -> Response:
    """Tell what is wrong with the files of a tree, as reviews of pull requests do; keep nothing."""
    if source is not None:
        await permit_source(node, by, Permission.REPO_READ, source)
    files = await asyncio.to_thread(files_in, await request.body())
    if source is not None:
        found = await node.plans.proposal(source, files, partial=partial)
    else:
        inside = root.strip("/")
        rules = Layout(layout, check_path(inside) if inside else "", tenant)
        found = await node.plans.check(files, rules)
    return Json(_verdict(found, planned=source is not None))


def _verdict(found: ChangePlan, *, planned: bool) -> dict[str, object]:
    body = found.to_json()
    names = ("errors", "warnings", "findings", "counts")
    kept = body if planned else {name: body[name] for name in names}
    return {"valid": not found.errors, **kept}
