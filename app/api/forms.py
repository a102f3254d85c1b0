"""Inputs as a request carries them: form fields as texts, files put into storage as they arrive."""

import hashlib
import re
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from starlette.requests import Request

from app.api.multipart import MAX_PARTS, MultipartReader, Part, boundary_of
from app.errors import BadRequest, UnsupportedMedia
from app.ports import Storage

FILES_PART = "files"
"""The part name under which older clients send files; the file's name is then the input's id."""

UPLOADED = ".upl"
"""The extension of a file whose own name is not known."""

_MULTIPART = "multipart/form-data"
_URLENCODED = "application/x-www-form-urlencoded"
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_MAX_NAME = 150


@dataclass(slots=True)
class Form:
    """What a form holds: texts and URIs of files by input id."""

    inputs: dict[str, str] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    """SHA-256 of each file, by input id."""

    def canonical(self) -> bytes:
        """Return bytes that are equal for equal forms, whatever their boundaries and order."""
        parts = [f"{name}={self.digests.get(name, value)}" for name, value in self.inputs.items()]
        return "\0".join(sorted(parts)).encode("utf-8", "replace")


async def read_form(
    request: Request, storage: Storage, folder: str, declared: Collection[str] = ()
) -> Form:
    """Read the inputs of a request; its files go below the URI `folder`.

    `declared` are the inputs there are, which tells an input called `files` from files of inputs;
    as a map it says which extension the file of an input gets, "" for its own.

    Raises:
        BadRequest, TooLarge: when the body is malformed or too large.
        UnsupportedMedia: when it is neither a form nor empty.
    """
    content_type = request.headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    if kind == _MULTIPART:
        return await _multipart(request, storage, folder, declared, boundary_of(content_type))
    body = await request.body()
    if kind == _URLENCODED:
        return Form(_urlencoded(body))
    if body:
        message = f"send inputs as {_MULTIPART}, not as {kind or 'a bare body'}"
        raise UnsupportedMedia(message)
    return Form()


def _urlencoded(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            body.decode("utf-8"), keep_blank_values=True, max_num_fields=MAX_PARTS, errors="strict"
        )
    except (ValueError, UnicodeDecodeError):
        message = "the form is malformed, or not UTF-8"
        raise BadRequest(message) from None
    return dict(pairs)


async def _multipart(
    request: Request, storage: Storage, folder: str, declared: Collection[str], boundary: bytes
) -> Form:
    form = Form()
    async for part in MultipartReader(request.stream(), boundary).parts():
        if part.filename is None:
            form.inputs[part.name] = await part.text()
        else:
            name = _input_of(part, part.filename, declared)
            file_name = safe_name(part.filename or name)
            wanted = declared.get(name, "") if isinstance(declared, Mapping) else ""
            if name == part.filename and not wanted:
                wanted = UPLOADED
            if wanted and not file_name.lower().endswith(wanted.lower()):
                file_name += wanted
            await _store(form, name, part, storage, f"{folder}/{safe_name(name)}/{file_name}")
    return form


def _input_of(part: Part, filename: str, declared: Collection[str]) -> str:
    """Return the id of the input that a file is for."""
    old_style = part.name == FILES_PART and FILES_PART not in declared
    return filename if old_style else part.name


async def _store(form: Form, name: str, part: Part, storage: Storage, uri: str) -> None:
    digest = hashlib.sha256()

    async def counted() -> AsyncIterator[bytes]:
        async for chunk in part.chunks():
            digest.update(chunk)
            yield chunk

    await storage.put(uri, counted())
    form.inputs[name] = uri
    form.digests[name] = digest.hexdigest()


def safe_name(name: str) -> str:
    """Return a name that can be the last part of a URI: no folders, no odd characters."""
    base = name.replace("\\", "/").rpartition("/")[2]
    return _UNSAFE.sub("_", base).lstrip(".")[-_MAX_NAME:] or "file"
