"""Files of namespaces (reference §6.3): read out of a commit; each change is a commit."""

from typing import Annotated

from fastapi import Depends, Query
from starlette.responses import Response

from app.access import Permission
from app.api.access import needs
from app.api.actors import Message
from app.api.answers import Json, nothing
from app.api.documents import problems_of
from app.api.execution_files import disposition
from app.api.file_attributes import FilePath, attributes, children, clean, visible
from app.api.granted import Granted
from app.api.paths import PREFIX, Namespace, Tenant
from app.api.proposals import PROPOSED
from app.api.query import known_keys
from app.api.routing import Router
from app.api.services import Node
from app.api.times import instant
from app.errors import Conflict, NotFound, TooLarge

router = Router(
    prefix=f"{PREFIX}/{{tenant}}/namespaces/{{namespace}}/files",
    tags=["Namespace files"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404, 409, 413, 422, 503),
)

KEEP = ".gitkeep"
"""The file that makes an empty folder in Git."""
_MOST_MOVED = 256 * 1024 * 1024

CommitOf = Annotated[
    str | None, Query(pattern="^[0-9a-f]{4,64}$", description="The commit to read; else now.")
]
RevisionOf = Annotated[
    int | None, Query(ge=1, le=2**31 - 1, description="The revision of the file to read.")
]


@router.get("", summary="The content of a file")
@needs(Permission.FILE_READ)
async def content(
    tenant: Tenant,
    namespace: Namespace,
    node: Node,
    path: FilePath,
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
@needs(Permission.FILE_READ)
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
@needs(Permission.FILE_READ)
async def stats(tenant: Tenant, namespace: Namespace, node: Node, path: FilePath = "/") -> Response:
    """Answer with name, type, size and times; these are those of commits."""
    name = clean(path)
    entries = await node.sync.files.entries(tenant, namespace)
    history = await node.sync.files.history(tenant, namespace, name)
    return Json(attributes(name, entries, history))


@router.get("/directory", summary="What a folder holds")
@needs(Permission.FILE_READ)
async def directory(
    tenant: Tenant, namespace: Namespace, node: Node, path: FilePath = "/"
) -> Response:
    """List the files and folders that lie directly in a folder."""
    name = clean(path)
    entries = await node.sync.files.entries(tenant, namespace)
    history = await node.sync.files.history(tenant, namespace, name)
    return Json([attributes(each, entries, history) for each in children(name, entries)])


@router.get("/revisions", summary="The revisions of a file")
@needs(Permission.FILE_READ)
async def revisions(
    tenant: Tenant, namespace: Namespace, node: Node, path: FilePath = "/"
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


@router.post("/directory", summary="Make a folder", responses=PROPOSED)
@needs(Permission.FILE_WRITE)
async def make_directory(
    right: Granted, namespace: Namespace, node: Node, path: FilePath, message: Message = None
) -> Response:
    """Make an empty folder: Git keeps none, so it gets a file `.gitkeep`."""
    name = clean(path)
    entries = await node.sync.files.entries(right.tenant, namespace)
    if name and not any(each.path == name or each.path.startswith(f"{name}/") for each in entries):
        subject = message or f"Make folder {name}"
        await node.sync.files.put(
            right.tenant, namespace, {f"{name}/{KEEP}": b""}, actor=right.actor, message=subject
        )
    return nothing(200)


@router.put("", summary="Move a file or folder", responses=PROPOSED)
@needs(Permission.FILE_WRITE)
async def move(
    right: Granted,
    namespace: Namespace,
    node: Node,
    source: Annotated[str, Query(alias="from", max_length=600, description="Where it is.")],
    target: Annotated[str, Query(alias="to", max_length=600, description="Where it goes.")],
    message: Message = None,
) -> Response:
    """Move a file, or a folder with all that it holds, in one commit; nothing is replaced."""
    old, new = clean(source), clean(target)
    files = node.sync.files
    entries = await files.entries(right.tenant, namespace)
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
        changes[moved] = await files.stored(right.tenant, namespace, path)
    await files.put(
        right.tenant,
        namespace,
        changes,
        actor=right.actor,
        message=message or f"Move {old} to {new}",
        executable=[names[each.path] for each in inside if each.executable],
    )
    return nothing(200)


@router.delete("", status_code=204, summary="Delete a file or folder", responses=PROPOSED)
@needs(Permission.FILE_WRITE)
async def delete(
    right: Granted, namespace: Namespace, node: Node, path: FilePath, message: Message = None
) -> Response:
    """Delete a file, or a folder with all that it holds."""
    name = clean(path)
    entries = await node.sync.files.entries(right.tenant, namespace)
    gone = [each.path for each in entries if each.path == name or each.path.startswith(f"{name}/")]
    if not name or not gone:
        told = f"there is no file {path} in namespace {namespace}"
        raise NotFound(told)
    await node.sync.files.put(
        right.tenant,
        namespace,
        dict.fromkeys(gone),
        actor=right.actor,
        message=message or f"Delete {name}",
    )
    return nothing()
