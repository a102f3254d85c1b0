"""Files of namespaces (reference §6.3): read out of a commit; each change is a commit."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.api.actors import ACTOR, Message
from app.api.answers import Json, nothing
from app.api.documents import problems_of
from app.api.execution_files import disposition
from app.api.file_archives import Packing, pieces, spooled, unpacked
from app.api.file_attributes import attributes, children, clean, visible
from app.api.multipart import MultipartReader, boundary_of
from app.api.paths import PREFIX, Namespace, Tenant
from app.api.query import known_keys
from app.api.services import Node, Services
from app.api.times import instant
from app.errors import BadRequest, Conflict, NotFound, TooLarge

router = APIRouter(
    prefix=f"{PREFIX}/{{tenant}}/namespaces/{{namespace}}/files",
    tags=["Namespace files"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404, 409, 413, 422, 503),
)

FLOWS = "_flows/"
"""Where an archive holds the flows of its namespace."""
KEEP = ".gitkeep"
"""The file that makes an empty folder in Git."""
_MOST_MOVED = 256 * 1024 * 1024

PathOf = Annotated[str, Query(max_length=600, description="The path of the file or folder.")]
CommitOf = Annotated[
    str | None, Query(pattern="^[0-9a-f]{4,64}$", description="The commit to read; else now.")
]
RevisionOf = Annotated[
    int | None, Query(ge=1, le=2**31 - 1, description="The revision of the file to read.")
]


@router.get("", summary="The content of a file")
async def content(
    tenant: Tenant,
    namespace: Namespace,
    node: Node,
    path: PathOf,
    revision: RevisionOf = None,
    commit: CommitOf = None,
) -> Response:
    """Answer with the bytes of a file, as they are now, at a revision of it, or at a commit."""
    name = clean(path)
    if revision is not None:
        found = (await node.sync.files.history(tenant, namespace, name))[::-1]
        if revision > len(found):
            message = f"{path} has no revision {revision}"
            raise NotFound(message)
        commit = found[revision - 1].commit
    data = await node.sync.files.read(tenant, namespace, name, commit)
    headers = {"Content-Disposition": disposition(name), "X-Content-Type-Options": "nosniff"}
    return Response(data, media_type="application/octet-stream", headers=headers)


@router.get("/search", summary="Search for files by their path")
async def search(
    tenant: Tenant,
    namespace: Namespace,
    node: Node,
    q: Annotated[str, Query(description="A part of the path.")] = "",
) -> Response:
    """List the paths that hold a text, with a leading slash."""
    entries = await node.sync.files.entries(tenant, namespace)
    wanted = q.casefold()
    found = [f"/{each.path}" for each in visible(entries)]
    return Json([each for each in found if wanted in each.casefold()])


@router.get("/stats", summary="What is known of a file or folder")
async def stats(tenant: Tenant, namespace: Namespace, node: Node, path: PathOf = "/") -> Response:
    """Answer with name, type, size and times; these are those of commits."""
    name = clean(path)
    entries = await node.sync.files.entries(tenant, namespace)
    history = await node.sync.files.history(tenant, namespace, name)
    return Json(attributes(name, entries, history))


@router.get("/directory", summary="What a folder holds")
async def directory(
    tenant: Tenant, namespace: Namespace, node: Node, path: PathOf = "/"
) -> Response:
    """List the files and folders that lie directly in a folder."""
    name = clean(path)
    entries = await node.sync.files.entries(tenant, namespace)
    history = await node.sync.files.history(tenant, namespace, name)
    return Json([attributes(each, entries, history) for each in children(name, entries)])


@router.get("/revisions", summary="The revisions of a file")
async def revisions(
    tenant: Tenant, namespace: Namespace, node: Node, path: PathOf = "/"
) -> Response:
    """List the commits that changed a file or folder, oldest first."""
    found = await node.sync.files.history(tenant, namespace, clean(path))
    return Json(
        [
            {
                "revision": number,
                "commit": each.commit,
                "date": instant(each.at),
                "author": each.author,
                "message": each.subject,
            }
            for number, each in enumerate(reversed(found), 1)
        ]
    )


@router.get("/export", summary="All files as an archive")
async def export(tenant: Tenant, namespace: Namespace, node: Node) -> Response:
    """Answer with a zip archive of all files, and of the flows below `_flows`."""
    packing = Packing()
    files = node.sync.files
    for each in await files.entries(tenant, namespace):
        data = await files.read(tenant, namespace, each.path)
        await asyncio.to_thread(packing.add, each.path, data, executable=each.executable)
    for flow in node.flows.active(tenant):
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


@router.post("", summary="Write a file", openapi_extra=_UPLOAD)
async def upload(
    request: Request,
    tenant: Tenant,
    namespace: Namespace,
    node: Node,
    path: PathOf,
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
        return await _written(node, (tenant, namespace), files, executable, message)
    message = "the request holds no file: send it as the part `fileContent`"
    raise BadRequest(message)


async def _written(
    node: Services,
    place: tuple[str, str],
    files: dict[str, bytes],
    executable: frozenset[str],
    message: str | None,
) -> Response:
    """Write files, and flows where an archive has them."""
    tenant, namespace = place
    flows = {path: data for path, data in files.items() if path.startswith(FLOWS)}
    rest = {path: data for path, data in files.items() if path not in flows}
    for path, data in flows.items():
        try:
            source = data.decode()
        except UnicodeDecodeError:
            message = f"the flow {path} is not UTF-8"
            raise BadRequest(message) from None
        await node.sync.put_flow(tenant, namespace, None, source, actor=ACTOR, message=message)
    commit = ""
    if rest:
        subject = f"file {next(iter(rest))}" if len(rest) == 1 else f"{len(rest)} files"
        commit = await node.sync.files.put(
            tenant,
            namespace,
            dict(rest),
            actor=ACTOR,
            message=message or f"Upload {subject}",
            executable=executable.intersection(rest),
        )
    return Json([{"namespace": namespace, "path": f"/{path}", "commit": commit} for path in rest])


@router.post("/directory", summary="Make a folder")
async def make_directory(
    tenant: Tenant, namespace: Namespace, node: Node, path: PathOf, message: Message = None
) -> Response:
    """Make an empty folder: Git keeps none, so it gets a file `.gitkeep`."""
    name = clean(path)
    entries = await node.sync.files.entries(tenant, namespace)
    if name and not any(each.path == name or each.path.startswith(f"{name}/") for each in entries):
        subject = message or f"Make folder {name}"
        await node.sync.files.put(
            tenant, namespace, {f"{name}/{KEEP}": b""}, actor=ACTOR, message=subject
        )
    return nothing(200)


@router.put("", summary="Move a file or folder")
async def move(
    tenant: Tenant,
    namespace: Namespace,
    node: Node,
    source: Annotated[str, Query(alias="from", max_length=600, description="Where it is.")],
    target: Annotated[str, Query(alias="to", max_length=600, description="Where it goes.")],
    message: Message = None,
) -> Response:
    """Move a file, or a folder with all that it holds, in one commit; nothing is replaced."""
    old, new = clean(source), clean(target)
    files = node.sync.files
    entries = await files.entries(tenant, namespace)
    inside = [each for each in entries if each.path == old or each.path.startswith(f"{old}/")]
    if not old or not inside:
        told = f"there is no file {source} in namespace {namespace}"
        raise NotFound(told)
    if any(each.path == new or each.path.startswith(f"{new}/") for each in entries):
        told = f"{target} exists already"
        raise Conflict(told)
    if sum(each.size for each in inside) > _MOST_MOVED:
        told = f"the folder has more than {_MOST_MOVED} bytes; move it in Git"
        raise TooLarge(told)
    names = {each.path: new + each.path.removeprefix(old) for each in inside}
    changes: dict[str, bytes | None] = dict.fromkeys(names)
    for path, moved in names.items():
        changes[moved] = await files.read(tenant, namespace, path)
    await files.put(
        tenant,
        namespace,
        changes,
        actor=ACTOR,
        message=message or f"Move {old} to {new}",
        executable=[names[each.path] for each in inside if each.executable],
    )
    return nothing(200)


@router.delete("", status_code=204, summary="Delete a file or folder")
async def delete(
    tenant: Tenant, namespace: Namespace, node: Node, path: PathOf, message: Message = None
) -> Response:
    """Delete a file, or a folder with all that it holds."""
    name = clean(path)
    entries = await node.sync.files.entries(tenant, namespace)
    gone = [each.path for each in entries if each.path == name or each.path.startswith(f"{name}/")]
    if not name or not gone:
        told = f"there is no file {path} in namespace {namespace}"
        raise NotFound(told)
    await node.sync.files.put(
        tenant, namespace, dict.fromkeys(gone), actor=ACTOR, message=message or f"Delete {name}"
    )
    return nothing()
