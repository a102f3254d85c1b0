"""Multipart bodies part by part, as they arrive: a file never has to be in memory (RFC 7578)."""

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from app.errors import BadRequest, TooLarge

MAX_PARTS = 1_000
MAX_TEXT = 1024 * 1024

_BEGIN, _DATA, _END = "begin", "data", "end"

_Event = tuple[str, bytes]
"""What the parser met: a part with its Content-Disposition, some of its content, its end."""


@dataclass(slots=True)
class Part:
    """One part: its name, its file name if it is a file, and its content as it comes."""

    name: str
    filename: str | None
    reader: "MultipartReader" = field(repr=False)

    async def text(self) -> str:
        """Return the whole content of a small part.

        Raises:
            TooLarge: when it is longer than 1 MiB.
            BadRequest: when it is not UTF-8.
        """
        content = bytearray()
        async for chunk in self.chunks():
            content += chunk
            if len(content) > MAX_TEXT:
                message = f"the part {self.name!r} is larger than {MAX_TEXT} bytes; send it as file"
                raise TooLarge(message)
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError:
            message = f"the part {self.name!r} is not UTF-8"
            raise BadRequest(message) from None

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the content; it must be read before the next part is asked for."""
        async for chunk in self.reader.content():
            yield chunk


class MultipartReader:
    """Reads a body of multipart/form-data."""

    def __init__(self, stream: AsyncIterator[bytes], boundary: bytes) -> None:
        """Read `stream`; its parts are divided by `boundary`."""
        self._stream = stream
        self._events: deque[_Event] = deque()
        self._disposition = b""
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._parts = 0
        self._begun = False
        self._finished = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._part_begins,
                "on_header_field": self._header_field,
                "on_header_value": self._header_field_value,
                "on_header_end": self._header_ends,
                "on_headers_finished": self._headers_end,
                "on_part_data": self._part_data,
                "on_part_end": self._part_ends,
                "on_end": self._body_ends,
            },
        )

    async def parts(self) -> AsyncIterator[Part]:
        """Yield the parts in order.

        Raises:
            BadRequest: when the body is malformed or ends early.
        """
        while (event := await self._next()) is not None:
            if event[0] == _BEGIN:
                yield self._part(event[1])

    def _part(self, disposition: bytes) -> Part:
        _, options = parse_options_header(disposition)
        name = options.get(b"name")
        if name is None:
            message = "a part of the body has no name"
            raise BadRequest(message)
        filename = options.get(b"filename")
        return Part(
            name.decode("utf-8", "replace"),
            None if filename is None else filename.decode("utf-8", "replace"),
            self,
        )

    async def content(self) -> AsyncIterator[bytes]:
        """Yield what is left of the part that is open."""
        while (event := await self._next()) is not None and event[0] == _DATA:
            yield event[1]

    async def _next(self) -> _Event | None:
        while not self._events:
            chunk = await anext(self._stream, None)
            if chunk is None:
                self._check_end()
                return None
            if chunk:
                self._feed(chunk)
        return self._events.popleft()

    def _feed(self, chunk: bytes) -> None:
        self._begun = True
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            message = f"the multipart body is malformed: {error}"
            raise BadRequest(message) from None

    def _check_end(self) -> None:
        if self._begun and not self._finished:
            message = "the multipart body ends before its last boundary"
            raise BadRequest(message)

    # -- callbacks of the parser ------------------------------------------------------------

    def _part_begins(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            message = f"the body has more than {MAX_PARTS} parts"
            raise TooLarge(message)
        self._disposition = b""

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _header_field_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _header_ends(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = bytes(self._header_value)
        self._header_name.clear()
        self._header_value.clear()

    def _headers_end(self) -> None:
        self._events.append((_BEGIN, self._disposition))

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        self._events.append((_DATA, data[start:end]))

    def _part_ends(self) -> None:
        self._events.append((_END, b""))

    def _body_ends(self) -> None:
        self._finished = True


def boundary_of(content_type: str) -> bytes:
    """Return the boundary that a content type names.

    Raises:
        BadRequest: when there is none.
    """
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if not boundary:
        message = "multipart/form-data needs a boundary"
        raise BadRequest(message)
    return boundary
