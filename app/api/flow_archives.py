"""Export of flows as a zip of their sources or as a table, and import of such an archive."""

import asyncio
import csv
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from app.access import Permission
from app.api.access import needs
from app.api.actors import Message
from app.api.answers import Json
from app.api.documents import problems_of, text_answer
from app.api.execution_files import disposition
from app.api.flow_bulk import FlowName
from app.api.flow_lookup import Key, defaults_of, existing
from app.api.flow_search import find, plain_filters
from app.api.flow_toggles import Names
from app.api.granted import Granted
from app.api.multipart import MultipartReader, boundary_of
from app.api.paths import PREFIX
from app.api.proposals import PROPOSED
from app.api.query import known_keys, takes_filters
from app.api.routing import Router
from app.api.services import Node, Services
from app.errors import BadRequest, Invalid, TooLarge
from app.flows.yaml import split_documents
from app.ports import FlowRevision
from app.ports.flows import DefaultSetOf
from app.sync.model import FlowWrite
from app.sync.validation import parse

MAX_ENTRIES = 10_000
MAX_UNPACKED = 64 * 1024 * 1024
"""The most bytes that an archive may hold."""

PART = "fileUpload"
_YAML = (".yaml", ".yml")

router = Router(
    prefix=f"{PREFIX}/{{tenant}}/flows",
    tags=["Flows"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404, 413, 422),
)

_ZIP = text_answer("The sources", "application/zip")
_CSV = text_answer("A table", "text/csv")
_FOUND = [Depends(plain_filters)]
_COLUMNS = ("namespace", "id", "revision", "disabled", "commit", "path", "author", "updated")


@router.post("/export/by-ids", summary="Export several flows", responses=_ZIP)
@needs(Permission.FLOW_READ)
async def export_several(right: Granted, names: Names, node: Node) -> Response:
    """Send the sources of these flows as a zip."""
    right.require(each.namespace for each in names)
    return await _zipped(node, [_one(node, right.tenant, each) for each in names])


@router.get(
    "/export/by-query", summary="Export all flows found", responses=_ZIP, dependencies=_FOUND
)
@takes_filters
@needs(Permission.FLOW_READ)
async def export_found(request: Request, right: Granted, node: Node) -> Response:
    """Send the sources of the flows that the filters find as a zip."""
    return await _zipped(node, await find(node, right, request.query_params))


@router.get(
    "/export/by-query/csv",
    summary="A table of all flows found",
    responses=_CSV,
    dependencies=_FOUND,
)
@takes_filters
@needs(Permission.FLOW_READ)
async def export_table(request: Request, right: Granted, node: Node) -> Response:
    """Send a line about each flow that the filters find."""
    flows = await find(node, right, request.query_params)
    rows = [
        [
            each.namespace, each.flow_id, each.revision, "", each.commit, each.path,
            each.author_name, each.authored_at,
        ]
        for each in flows
    ]  # fmt: skip
    return table("flows.csv", _COLUMNS, rows)


@router.post(
    "/import",
    summary="Import flows",
    responses=PROPOSED,
    openapi_extra={
        "requestBody": {
            "description": "A zip of YAML files, or one YAML file.",
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "properties": {PART: {"type": "string", "format": "binary"}},
                    }
                }
            },
            "required": True,
        }
    },
)
@needs(Permission.FLOW_WRITE)
async def import_(
    request: Request,
    right: Granted,
    node: Node,
    fail: Annotated[bool, Query(alias="failOnError", description="All of them or none.")] = False,
    message: Message = None,
) -> Response:
    """Create and update the flows of an archive in one commit; answer the names of invalid ones."""
    name, data = await _upload(request)
    sources = await asyncio.to_thread(_sources, name, data)
    defaults = await defaults_of(node, right, sources.values())
    read = partial(_read, sources, node, right.tenant, defaults)
    changes, wrong = await asyncio.to_thread(read)
    if wrong and fail:
        raise Invalid("; ".join(f"{where}: {reason}" for where, reason in wrong.items()))
    right.require(each.namespace for each in changes)
    if changes:
        await node.sync.put_flows(right.tenant, changes, actor=right.actor, message=message)
    return Json(sorted(wrong))


def _one(node: Services, tenant: str, name: FlowName) -> FlowRevision:
    return existing(node, Key(tenant, name.namespace, name.id))


async def _zipped(node: Services, flows: Sequence[FlowRevision]) -> Response:
    if len(flows) > MAX_ENTRIES:
        message = f"{len(flows)} flows are more than the limit of {MAX_ENTRIES}; narrow the query"
        raise BadRequest(message)
    sources = await node.flows.sources(flows)
    data = await asyncio.to_thread(_archive, flows, sources)
    headers = {"Content-Disposition": 'attachment; filename="flows.zip"'}
    return Response(data, headers=headers, media_type="application/zip")


def _archive(flows: Iterable[FlowRevision], sources: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for each in flows:
            archive.writestr(f"{each.namespace}-{each.flow_id}.yml", sources[each.blob])
    return buffer.getvalue()


def cell(value: Any) -> Any:
    """Return a value as a spreadsheet shows it: a text that it would evaluate begins with a '."""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return value


def table(name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Response:
    """Answer with a table as CSV (RFC 4180)."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(map(cell, columns))
    writer.writerows(map(cell, row) for row in rows)
    headers = {"Content-Disposition": disposition(name)}
    return Response(buffer.getvalue(), headers=headers, media_type="text/csv; charset=utf-8")


# -- what is imported ------------------------------------------------------------------------------


async def _upload(request: Request) -> tuple[str, bytes]:
    """Return the name and the content of the file that is sent."""
    boundary = boundary_of(request.headers.get("content-type", ""))
    async for part in MultipartReader(request.stream(), boundary).parts():
        if part.filename is not None:
            return part.filename, b"".join([chunk async for chunk in part.chunks()])
    message = f"the body holds no file; send it as the part {PART!r}"
    raise BadRequest(message)


def _sources(name: str, data: bytes) -> dict[str, str]:
    """Return the YAML files of an upload by name.

    Raises:
        Invalid: when it is neither YAML nor a zip.
        TooLarge: when it holds too much.
    """
    if name.lower().endswith(_YAML):
        return {name: _text(name, data)}
    if not name.lower().endswith(".zip"):
        message = f"cannot import {name!r}: send a file named .yaml, .yml or .zip"
        raise Invalid(message)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return {
                each.filename: _text(each.filename, archive.read(each)) for each in _files(archive)
            }
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        message = f"{name!r} is no zip file that can be read: {error}"
        raise Invalid(message) from None


def _files(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    found = [each for each in archive.infolist() if each.filename.lower().endswith(_YAML)]
    if len(found) > MAX_ENTRIES or sum(each.file_size for each in found) > MAX_UNPACKED:
        message = f"the archive holds more than {MAX_ENTRIES} files or {MAX_UNPACKED} bytes"
        raise TooLarge(message)
    return found


def _text(name: str, data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        message = f"{name!r} is not UTF-8"
        raise Invalid(message) from None


def _read(
    sources: Mapping[str, str], node: Services, tenant: str, defaults: DefaultSetOf
) -> tuple[list[FlowWrite], dict[str, str]]:
    """Return what is to be written, and what is wrong with the other files."""
    changes: dict[tuple[str, str], FlowWrite] = {}
    wrong: dict[str, str] = {}
    for name, text in sources.items():
        for part in split_documents(text):
            parsed = parse(part.source, node.registry, tenant, None, defaults=defaults)
            if parsed.flow is None:
                wrong[name] = "; ".join(str(each) for each in parsed.errors[:5])
            else:
                key = (parsed.flow.namespace, parsed.flow.id)
                changes[key] = FlowWrite(*key, part.source)
    return list(changes.values()), wrong
