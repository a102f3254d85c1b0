"""Namespace files that come and go as they are, or as archives (reference §6.3)."""

import asyncio

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.access import Permission
from app.api.access import needs
from app.api.actors import Message
from app.api.answers import Json
from app.api.documents import problems_of
from app.api.execution_files import disposition
from app.api.file_archives import Packing, pieces, spooled, unpacked
from app.api.file_attributes import FilePath, clean
from app.api.flow_lookup import flows_of
from app.api.granted import Granted, Right
from app.api.multipart import MultipartReader, boundary_of
from app.api.paths import PREFIX, Namespace
from app.api.proposals import PROPOSED
from app.api.query import known_keys
from app.api.routing import Router
from app.api.services import Node, Services
from app.errors import BadRequest
from app.sync.changesets.model import Change

router = Router(
    prefix=f"{PREFIX}/{{tenant}}/namespaces/{{namespace}}/files",
    tags=["Namespace files"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404, 409, 413, 422, 503),
)

FLOWS = "_flows/"
"""Where an archive holds the flows of its namespace."""


@router.get("/export", summary="All files as an archive")
@needs(Permission.FILE_READ)
async def export(right: Granted, namespace: Namespace, node: Node) -> Response:
    """Answer with a zip archive of all files, and of the flows below `_flows`."""
    tenant, packing = right.tenant, Packing()
    files = node.sync.files
    for each in await files.entries(tenant, namespace):
        data = await files.read(tenant, namespace, each.path)
        await asyncio.to_thread(packing.add, each.path, data, executable=each.executable)
    for flow in flows_of(node, right.to(Permission.FLOW_READ)):
        if flow.namespace == namespace:
            source = (await node.flows.source(flow)).encode()
            await asyncio.to_thread(packing.add, f"{FLOWS}{flow.flow_id}.yaml", source)
    await asyncio.to_thread(packing.end)
    headers = {"Content-Disposition": disposition(f"{namespace}_files.zip")}
    return StreamingResponse(pieces(packing.file), media_type="application/zip", headers=headers)


_UPLOAD = {
    "requestBody": {
        "description": "The file, as the part `fileContent`; an archive `….zip` is unpacked.",
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"fileContent": {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}


@router.post("", summary="Write a file", openapi_extra=_UPLOAD, responses=PROPOSED)
@needs(Permission.FILE_WRITE)
async def upload(
    request: Request,
    right: Granted,
    namespace: Namespace,
    node: Node,
    path: FilePath,
    message: Message = None,
) -> Response:
    """Write a file; what was there before is replaced. A zip archive is unpacked at the top."""
    most = node.settings.git.max_file_bytes
    boundary = boundary_of(request.headers.get("content-type", ""))
    async for part in MultipartReader(request.stream(), boundary).parts():
        if part.filename is None and part.name != "fileContent":
            continue
        is_archive = (part.filename or "").lower().endswith(".zip")
        limit = node.settings.server.max_body_bytes if is_archive else most
        with await spooled(part.chunks(), limit) as file:
            if is_archive:
                found = await asyncio.to_thread(unpacked, file, most)
                files, executable = dict(found.files), found.executable
            else:
                files, executable = {clean(path): await asyncio.to_thread(file.read)}, frozenset()
        return await _written(node, right, namespace, files, executable, message)
    message = "the request holds no file: send it as the part `fileContent`"
    raise BadRequest(message)


async def _written(
    node: Services,
    right: Right,
    namespace: str,
    files: dict[str, bytes],
    executable: frozenset[str],
    message: str | None,
) -> Response:
    """Write files, and flows where an archive has them, in one commit."""
    flows = {path: data for path, data in files.items() if path.startswith(FLOWS)}
    if flows:
        right.to(Permission.FLOW_WRITE).require([namespace])
    rest = {path: data for path, data in files.items() if path not in flows}
    changes = [Change(namespace, "flow", "", data) for data in flows.values()]
    changes += [
        Change(namespace, "file", path, data, path in executable) for path, data in rest.items()
    ]
    commit = ""
    if changes:
        subject = f"file {next(iter(files))}" if len(files) == 1 else f"{len(files)} files"
        commit = await node.sync.changesets.write(
            right.tenant, changes, actor=right.actor, message=message or f"Upload {subject}"
        )
    return Json([{"namespace": namespace, "path": f"/{path}", "commit": commit} for path in rest])
