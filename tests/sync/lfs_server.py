"""A Git server with a Git LFS server beside it: the batch API and basic transfers, over HTTP."""

import contextlib
import hashlib
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from tests.git.server import GitServer, Receive, Send

Headers = dict[str, str]


@dataclass
class LfsServer(GitServer):
    files: dict[str, bytes] = field(default_factory=dict)
    """What is stored, by SHA-256."""
    asked: list[tuple[str, str, Headers]] = field(default_factory=list)
    """Method, path and headers of every request for LFS."""
    place: Callable[[str], str] | None = None
    """SHA-256 -> where a batch answer says that the file is; None: here."""
    header: Headers | None = None
    """What a batch answer wants to be sent with it."""
    batch: tuple[int, bytes] | None = None
    """Answer batches with this status and body."""
    media: tuple[int, bytes] | None = None
    """Answer downloads with this status and body."""
    moved: str | None = None
    """Redirect downloads there."""
    floods: bool = False
    """Send a body that does not end."""
    is_open: bool = False
    """Give files to everybody, as a storage with signed addresses does."""

    def add(self, data: bytes) -> bytes:
        """Store a file; return its pointer."""
        oid = hashlib.sha256(data).hexdigest()
        self.files[oid] = data
        return pointer(oid, len(data))

    def downloads(self) -> list[Headers]:
        return [headers for method, _, headers in self.asked if method == "GET"]

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if "/info/lfs/" not in path and not path.startswith("/media/"):
            await super().__call__(scope, receive, send)
            return
        headers = {key.decode().lower(): value.decode() for key, value in scope["headers"]}
        self.asked.append((scope["method"], path, headers))
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        is_media = path.startswith("/media/")
        if not (is_media and self.is_open) and self._user(headers.get("authorization", "")) is None:
            await _answer(send, 401, b"")
        elif is_media:
            await self._give(path.rpartition("/")[2], send)
        else:
            await _answer(send, *(self.batch or (200, self._told(orjson.loads(body)))))

    def _told(self, wanted: dict[str, Any]) -> bytes:
        assert (wanted["operation"], wanted["transfers"]) == ("download", ["basic"])
        objects = []
        for each in wanted["objects"]:
            if each["oid"] not in self.files:
                missing = {"code": 404, "message": "Object does not exist"}
                objects.append({**each, "error": missing})
                continue
            href = self.place(each["oid"]) if self.place else self.url(f"media/{each['oid']}")
            action = {"href": href, **({"header": self.header} if self.header else {})}
            objects.append({**each, "actions": {"download": action}})
        return orjson.dumps({"transfer": "basic", "objects": objects})

    async def _give(self, oid: str, send: Send) -> None:
        if self.moved is not None:
            await _answer(send, 302, b"", [(b"location", self.moved.encode())])
        elif self.floods:
            await self._flood(send)
        elif self.media is not None:
            await _answer(send, *self.media)
        elif oid in self.files:
            await _answer(send, 200, self.files[oid])
        else:
            await _answer(send, 404, b"")

    async def _flood(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        with contextlib.suppress(Exception):
            for _ in range(10_000):
                await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})


def pointer(oid: str, size: int) -> bytes:
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size}\n".encode()


async def _answer(
    send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    every = [*(headers or []), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": every})
    await send({"type": "http.response.body", "body": body})


def lfs_server(root: Path) -> LfsServer:
    return LfsServer(root)
