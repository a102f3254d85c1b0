"""HTTP servers that misbehave, each in its own way; the path of a request says how."""

import asyncio
import contextlib
import gzip
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import unquote

import psutil

CHUNK = b"10000\r\n" + b"x" * 65536 + b"\r\n"


@dataclass
class Seen:
    """One request as it came over the wire."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name]

    def header(self, name: str) -> str | None:
        found = self.all(name)
        return found[0] if found else None


Writer = asyncio.StreamWriter
Behaviour = Callable[["Server", Seen, Writer], Awaitable[None]]


@dataclass
class Server:
    """A server on loopback with what it saw."""

    port: int = 0
    scheme: str = "http"
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0
    open: int = 0
    answering: int = 0
    most_answering: int = 0
    go: asyncio.Event = field(default_factory=asyncio.Event)
    sent_bytes: int = 0

    def url(self, path: str = "/ok") -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        self.connections += 1
        self.open += 1
        try:
            while (request := await _read_request(reader)) is not None:
                self.seen.append(request)
                name = request.target.partition("?")[0].rsplit("/", 1)[-1]
                self.answering += 1
                self.most_answering = max(self.answering, self.most_answering)
                try:
                    await BEHAVIOURS.get(name, ok)(self, request, writer)
                    await writer.drain()
                finally:
                    self.answering -= 1
                if writer.is_closing():
                    return
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            self.open -= 1
            writer.close()


async def _read_request(reader: asyncio.StreamReader) -> Seen | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("utf-8")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = [(line.partition(":")[0], line.partition(":")[2].strip()) for line in lines]
    request = Seen(method, target, headers, b"")
    if request.header("transfer-encoding") == "chunked":
        while size := int((await reader.readline()).strip(), 16):
            request.body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    elif length := request.header("content-length"):
        request.body = await reader.readexactly(int(length))
    return request


def answer(status: int, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def ok(server: Server, request: Seen, writer: Writer) -> None:
    status = int(request.target.rsplit("=", 1)[-1]) if "status=" in request.target else 200
    body = b"" if request.method == "HEAD" else b'{"done":true}'
    kind = "Content-Type: application/json"
    if request.method == "HEAD":
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n")
    elif status == 204:
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
    else:
        writer.write(answer(status, body, kind, "X-Twice: a", "x-twice: b"))


async def latin(server: Server, request: Seen, writer: Writer) -> None:
    body = "grün".encode("latin-1")
    writer.write(answer(200, body, "Content-Type: text/plain; charset=ISO-8859-1"))


async def hang(server: Server, request: Seen, writer: Writer) -> None:
    await server.go.wait()
    writer.write(answer(200, b"late"))


async def reset(server: Server, request: Seen, writer: Writer) -> None:
    _abort(writer)


async def closed(server: Server, request: Seen, writer: Writer) -> None:
    writer.close()


async def garbage(server: Server, request: Seen, writer: Writer) -> None:
    writer.write(b"SSH-2.0-nonsense\r\n\r\n")
    writer.close()


async def short(server: Server, request: Seen, writer: Writer) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this")
    writer.close()


async def broken500(server: Server, request: Seen, writer: Writer) -> None:
    writer.write(b"HTTP/1.1 500 Oops\r\nContent-Length: 1000\r\n\r\nonly this")
    writer.close()


async def cut(server: Server, request: Seen, writer: Writer) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
    await writer.drain()
    _abort(writer)


async def slow(server: Server, request: Seen, writer: Writer) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while not server.go.is_set():
        writer.write(b"x")
        await writer.drain()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(server.go.wait(), 0.02)


async def endless(server: Server, request: Seen, writer: Writer) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not server.go.is_set():
        writer.write(CHUNK)
        server.sent_bytes += len(CHUNK)
        await writer.drain()


async def big(server: Server, request: Seen, writer: Writer) -> None:
    size = int(request.target.rpartition("=")[2])
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
    for start in range(0, size, 65536):
        writer.write(b"x" * min(65536, size - start))
        await writer.drain()


async def bomb(server: Server, request: Seen, writer: Writer) -> None:
    packed = gzip.compress(b"\0" * 200 * 1024 * 1024, 9, mtime=0)
    writer.write(answer(200, packed, "Content-Encoding: gzip"))


async def zipped(server: Server, request: Seen, writer: Writer) -> None:
    body = gzip.compress(b"hello ") + gzip.compress(b"world")
    writer.write(answer(200, body, "Content-Encoding: gzip"))


async def halfzip(server: Server, request: Seen, writer: Writer) -> None:
    body = gzip.compress(bytes(range(256)) * 100)
    writer.write(answer(200, body[: len(body) // 2], "Content-Encoding: gzip"))


async def redirect(server: Server, request: Seen, writer: Writer) -> None:
    """`/redirect?status&location`."""
    status, location = request.target.partition("?")[2].split("&", 1)
    writer.write(answer(int(status), b"moved", f"Location: {location}"))


async def loop(server: Server, request: Seen, writer: Writer) -> None:
    writer.write(answer(302, b"", "Location: /loop"))


async def named(server: Server, request: Seen, writer: Writer) -> None:
    """`/named?value` answers with that `Content-Disposition`."""
    value = unquote(request.target.partition("?")[2])
    writer.write(answer(200, b"content", f"Content-Disposition: {value}"))


async def empty(server: Server, request: Seen, writer: Writer) -> None:
    writer.write(answer(200))


async def events(server: Server, request: Seen, writer: Writer) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
    for piece in (
        b'\xef\xbb\xbf: hello\n\nid: 7\r\nevent: part\r\ndata: {"c":[{"t":"Gr"}]}\r\n\r',
        b'\ndata:{"c":[{"t":"\xc3', b'\xbc\xc3\x9fe"}]}\n\n',
        b"data: [DONE]\n\ndata: one\ndata: two",
    ):  # fmt: skip
        writer.write(piece)
        await writer.drain()
    writer.close()


def _abort(writer: Writer) -> None:
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


BEHAVIOURS: dict[str, Behaviour] = {
    behaviour.__name__: behaviour
    for behaviour in (
        ok, latin, hang, reset, closed, garbage, short, broken500, cut, slow, endless, big, bomb,
        zipped, halfzip, redirect, loop, named, empty, events,
    )
}  # fmt: skip


@contextlib.asynccontextmanager
async def serving(tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """Run a server for the length of the block."""
    server = Server(scheme="https" if tls else "http")
    handlers: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: Writer) -> None:
        handlers.add(asyncio.current_task())
        with contextlib.suppress(asyncio.CancelledError):
            await server.serve(reader, writer)

    listener = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        server.go.set()
        listener.close()
        for handler in handlers:
            handler.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)
        await listener.wait_closed()
        if tls:  # a handshake that failed is cleaned up in its own time, and has no handler
            await until(lambda: not _sockets(server.port))


def _sockets(port: int) -> list[object]:
    """Return the connections of this process that the server on `port` has."""
    found = psutil.Process().net_connections("tcp4")
    return [each for each in found if each.laddr and each.laddr.port == port]


async def until(true: Callable[[], bool], seconds: float = 5) -> None:
    """Wait until something is true."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.005)
