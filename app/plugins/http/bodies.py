"""Bodies of requests: forms, URL-encoded or multipart, with files that are streamed."""

import json
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

from app.flows.values import scalar_text

MULTIPART = "multipart/form-data"
URL_ENCODED = "application/x-www-form-urlencoded"
FILE_SCHEME = "kestra://"

SENT_WHOLE = 1024 * 1024
"""Bodies with files are sent with their length up to this size, in chunks beyond."""

# How browsers write names into a multipart head (HTML standard, §4.10.21.8).
_NAME = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})

OpenFile = Callable[[str], AsyncIterator[bytes]]
Body = bytes | AsyncIterator[bytes] | None


class Form(NamedTuple):
    """A form that is ready to be sent."""

    body: bytes | AsyncIterator[bytes]
    content_type: str


def essence(content_type: str) -> str:
    """Return a content type without its parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def as_text(value: Any) -> str:
    """Return the text of a form value or parameter: JSON for maps and lists."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping | list):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return scalar_text(value)


def pairs(fields: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield name and value; a list gives one pair for each item, null none."""
    for name, value in fields.items():
        for item in value if isinstance(value, list) else (value,):
            if item is not None:
                yield str(name), item


def url_encoded(fields: Mapping[str, Any]) -> str:
    """Return fields as they stand in a query or in a URL-encoded form."""
    return urlencode([(name, as_text(value)) for name, value in pairs(fields)])


async def build_form(fields: Mapping[str, Any], content_type: str, open_file: OpenFile) -> Form:
    """Build the body of a form.

    Args:
        fields: the values. In a multipart form a text `kestra://…` is sent as the file that it
            names, and a map with `name` and `content` as a file with this name.
        content_type: multipart/form-data for a multipart form, anything else for a URL-encoded one.
        open_file: yields the bytes of a file of the internal storage.
    """
    if essence(content_type) != MULTIPART:
        return Form(url_encoded(fields).encode(), content_type or URL_ENCODED)
    boundary = secrets.token_hex(16)
    pieces = _pieces(fields, boundary)
    full_type = f"{MULTIPART}; boundary={boundary}"
    if len(pieces) == 1 and isinstance(pieces[0], bytes):
        return Form(pieces[0], full_type)
    return Form(await _whole_if_small(_stream(pieces, open_file)), full_type)


class _File(NamedTuple):
    uri: str


def _pieces(fields: Mapping[str, Any], boundary: str) -> list[bytes | _File]:
    """Return the multipart body: bytes, and files where their bytes belong (RFC 7578)."""
    pieces: list[bytes | _File] = []
    text: list[str] = []
    for name, value in pairs(fields):
        text.append(f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}"')
        file_name, content, kind = _part(value)
        if file_name is not None:
            text.append(f'; filename="{_quoted(file_name)}"\r\nContent-Type: {kind}')
        text.append("\r\n\r\n")
        if content.startswith(FILE_SCHEME):
            pieces += ("".join(text).encode(), _File(content))
            text.clear()
        else:
            text.append(content)
        text.append("\r\n")
    text.append(f"--{boundary}--\r\n")
    pieces.append("".join(text).encode())
    return pieces


def _quoted(name: str) -> str:
    return name if name.isalnum() else name.translate(_NAME)


def _part(value: Any) -> tuple[str | None, str, str]:
    """Return file name (None: no file), content or URI of the content, and content type."""
    kind = "application/octet-stream"
    if isinstance(value, Mapping) and "name" in value and "content" in value:
        # A line break in the content type would start another header.
        kind = " ".join(as_text(value.get("contentType") or kind).split())
        return as_text(value["name"]), as_text(value["content"]), kind
    text = as_text(value)
    return (text.rpartition("/")[2] if text.startswith(FILE_SCHEME) else None), text, kind


async def _stream(pieces: list[bytes | _File], open_file: OpenFile) -> AsyncIterator[bytes]:
    for piece in pieces:
        if isinstance(piece, _File):
            async for chunk in open_file(piece.uri):
                yield chunk
        else:
            yield piece


async def _whole_if_small(stream: AsyncIterator[bytes]) -> bytes | AsyncIterator[bytes]:
    """Return a small body whole: some servers do not take chunks."""
    start: list[bytes] = []
    size = 0
    async for chunk in stream:
        start.append(chunk)
        size += len(chunk)
        if size > SENT_WHOLE:
            return chained(start, stream)
    return b"".join(start)


async def chained(start: list[bytes], rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield what was read already, then the rest."""
    for chunk in start:
        yield chunk
    async for chunk in rest:
        yield chunk
