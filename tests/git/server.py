"""A real smart-HTTP Git server: stock `git http-backend` behind uvicorn, with what a forge adds.

Basic authentication, users who may not push, protected branches by a real `pre-receive` hook, and a
switch that makes the server answer any status, cut a pack short, or stop answering.
"""

import asyncio
import base64
import contextlib
import os
import sys
import threading
import zlib
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import uvicorn

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


Served = TypeVar("Served", bound="GitServer")


@dataclass
class User:
    password: str
    can_push: bool = True


@dataclass
class GitServer:
    root: Path
    users: dict[str, User] = field(default_factory=lambda: {"ann": User("s3cret-token")})
    status: int | None = None
    """Answer every request with this status."""
    location: str | None = None
    """With a 30x status: where to."""
    cut_after: int | None = None
    """Break the connection after so many bytes of a pack."""
    silent: bool = False
    """Take requests and never answer."""
    endless: bool = False
    """Send a pack that does not end."""
    requests: list[str] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)
    port: int = 0

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/{name}"

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = {key.decode().lower(): value.decode() for key, value in scope["headers"]}
        query = scope["query_string"].decode()
        self.requests.append(f"{scope['method']} {scope['path']}?{query}")
        self.authorizations.append(headers.get("authorization", ""))
        if self.silent:
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        if self.status:
            extra = [(b"location", self.location.encode())] if self.location else []
            await _reply(send, self.status, extra)
            return
        name = self._user(headers.get("authorization", ""))
        if name is None:
            await _reply(send, 401, [(b"www-authenticate", b'Basic realm="git"')])
            return
        writes = "git-receive-pack" in scope["path"] + query
        if writes and not self.users[name].can_push:
            await _reply(send, 403, [])
            return
        first = await receive()
        if self.endless and b"command=fetch" in first.get("body", b""):
            await _endless(send)
            return
        waiting = [first]

        async def again() -> Message:
            return waiting.pop() if waiting else await receive()

        await self._backend(scope, headers, name, again, send)

    def _user(self, authorization: str) -> str | None:
        if authorization == "Bearer bearer-token":
            return "ann"
        if not authorization.startswith("Basic "):
            return None
        name, _, password = base64.b64decode(authorization[6:]).decode().partition(":")
        user = self.users.get(name)
        return name if user and user.password == password else None

    async def _backend(
        self,
        scope: MutableMapping[str, Any],
        headers: dict[str, str],
        user: str,
        receive: Receive,
        send: Send,
    ) -> None:
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": scope["method"],
            "PATH_INFO": scope["path"],
            "QUERY_STRING": scope["query_string"].decode(),
            "CONTENT_TYPE": headers.get("content-type", ""),
            "REMOTE_USER": user,
            "REMOTE_ADDR": "127.0.0.1",
            "GIT_PROTOCOL": headers.get("git-protocol", ""),
            "HTTP_CONTENT_ENCODING": headers.get("content-encoding", ""),
        }
        if "content-length" in headers:
            environment["CONTENT_LENGTH"] = headers["content-length"]
        process = await asyncio.create_subprocess_exec(
            "git", "http-backend", stdin=-1, stdout=-1, stderr=sys.stderr, env=environment
        )
        async with asyncio.TaskGroup() as group:
            feeding = group.create_task(_feed(process, receive))
            await self._answer(process, scope["method"], send)
            await process.wait()
            feeding.cancel()

    async def _answer(self, process: asyncio.subprocess.Process, method: str, send: Send) -> None:
        assert process.stdout is not None
        status, headers = 200, []
        while line := (await process.stdout.readline()).strip():
            key, _, value = line.partition(b":")
            if key.lower() == b"status":
                status = int(value.split()[0])
            else:
                headers.append((key.lower(), value.strip()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        sent = 0
        while data := await process.stdout.read(1 << 16):
            sent += len(data)
            if method == "POST" and self.cut_after is not None and sent > self.cut_after:
                process.kill()
                return  # uvicorn closes a connection whose answer is not complete
            await send({"type": "http.response.body", "body": data, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def _reply(send: Send, status: int, headers: list[tuple[bytes, bytes]]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


async def _endless(send: Send) -> None:
    """Answer a fetch (protocol 2) with a pack whose one blob never ends."""
    kind = (b"content-type", b"application/x-git-upload-pack-result")
    await send({"type": "http.response.start", "status": 200, "headers": [kind]})
    squeeze = zlib.compressobj(0)
    size, head = 1 << 50, bytearray()
    first, size = (3 << 4) | (size & 15), size >> 4
    while size:
        head.append(first | 128)
        first, size = size & 127, size >> 7
    head.append(first)
    pieces = [b"packfile\n", b"\1PACK\0\0\0\2\0\0\0\1" + bytes(head)]
    noise = os.urandom(60_000)
    with contextlib.suppress(Exception):
        for _ in range(4_000):
            pieces.append(b"\1" + squeeze.compress(noise) + squeeze.flush(zlib.Z_SYNC_FLUSH))
            body = b"".join(b"%04x%s" % (len(piece) + 4, piece) for piece in pieces)
            await send({"type": "http.response.body", "body": body, "more_body": True})
            pieces = []


async def _feed(process: asyncio.subprocess.Process, receive: Receive) -> None:
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                break
            if body := message.get("body"):
                process.stdin.write(body)
                await process.stdin.drain()
            if not message.get("more_body"):
                break
    process.stdin.close()


@contextlib.contextmanager
def serving(root: Path, kind: Callable[[Path], Served] = GitServer) -> Iterator[Served]:  # type: ignore[assignment]
    """Serve the repositories below `root` from a thread, on a free loopback port."""
    app = kind(root)
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_level="critical", lifespan="off", ws="none",
        timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        for _ in range(1000):
            if server.started:
                break
            thread.join(0.01)
        app.port = server.servers[0].sockets[0].getsockname()[1]
        yield app
    finally:
        server.should_exit = True
        thread.join(10)
