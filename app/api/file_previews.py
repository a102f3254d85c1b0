"""`GET …/file/preview`: the beginning of a file, as a table, a text or a picture."""

import asyncio
import base64
import codecs
import itertools
from typing import Annotated, Any

from fastapi import Depends, Query
from starlette.responses import Response

from app.access import Permission
from app.api.access import needs
from app.api.answers import Json
from app.api.documents import answers_with, problems_of
from app.api.execution_files import readable
from app.api.executions import FilePath
from app.api.granted import Granted
from app.api.paths import PREFIX, ExecutionId
from app.api.query import known_keys
from app.api.result_documents import PreviewDocument
from app.api.routing import Router
from app.api.services import Node, Services
from app.api.status import owned
from app.errors import HeadwaterError, Invalid
from app.expressions.budget import Budget, Meter
from app.expressions.ion_reading import read_ion

MAX_ROWS = 5_000
MAX_BYTES = 8 * 1024 * 1024
"""So much of a file is read at most."""

_PICTURES = frozenset({"png", "jpg", "jpeg", "gif", "svg", "webp", "bmp"})

router = Router(
    prefix=f"{PREFIX}/{{tenant}}/executions",
    tags=["Executions"],
    dependencies=[Depends(known_keys)],
    responses={**problems_of(404, 422), **answers_with(PreviewDocument)},
)


@router.get("/{execution_id}/file/preview", summary="The beginning of a file of an execution")
@needs(Permission.OUTPUT_READ)
async def preview(
    right: Granted,
    execution_id: ExecutionId,
    uri: FilePath,
    node: Node,
    rows: Annotated[int, Query(alias="maxRows", ge=1, le=MAX_ROWS)] = 100,
    encoding: Annotated[str, Query(max_length=40)] = "UTF-8",
) -> Response:
    """Answer with rows of a file of data, else with lines, or with a picture in base64."""
    charset = _charset(encoding)
    readable_uri = readable(await owned(node, right, execution_id), uri)
    data, whole = await _beginning(node, readable_uri)
    extension = readable_uri.rpartition("/")[2].rpartition(".")[2].lower()
    shown = await asyncio.to_thread(_shown, extension, data, rows, charset)
    shown["truncated"] = shown["truncated"] or not whole
    return Json({"extension": extension, **shown})


def _charset(name: str) -> str:
    try:
        info = codecs.lookup(name)
    except (LookupError, ValueError):
        info = None
    if info is None or not info._is_text_encoding:  # noqa: SLF001 - nothing else tells it
        message = f"encoding: {name!r} is no character set that is known here"
        raise Invalid(message)
    return info.name


async def _beginning(node: Services, uri: str) -> tuple[bytes, bool]:
    """Return the first bytes of a file, and whether they are all of it."""
    size = await node.storage.size(uri)
    chunks = node.storage.get(uri, length=MAX_BYTES)
    return b"".join([chunk async for chunk in chunks]), size <= MAX_BYTES


def _shown(extension: str, data: bytes, rows: int, charset: str) -> dict[str, Any]:
    if extension in _PICTURES or extension == "pdf":
        kind = "PDF" if extension == "pdf" else "IMAGE"
        return {"type": kind, "content": base64.b64encode(data).decode(), "truncated": False}
    lines = data.decode(charset, "replace").splitlines()
    if extension == "ion" and (table := _table("\n".join(lines), rows)) is not None:
        return table
    kind = "MARKDOWN" if extension == "md" else "TEXT"
    return {"type": kind, "content": "\n".join(lines[:rows]), "truncated": len(lines) > rows}


def _table(text: str, rows: int) -> dict[str, Any] | None:
    """Return the first values of an ION text, None when they are not values."""
    try:
        values = list(itertools.islice(read_ion(text, Meter(Budget())), rows + 1))
    except (HeadwaterError, ValueError):
        return None
    return {"type": "LIST", "content": values[:rows], "truncated": len(values) > rows}
