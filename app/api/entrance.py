"""The outermost layer of the application: request ids, limits, hot routes, the last resort.

Pure ASGI, because every request goes through it: FastAPI's middleware would cost more than the
hot routes themselves.
"""

import asyncio
import os
import re
import time
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import NoReturn

from prometheus_client import Histogram
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access.occasion import Occasion
from app.api.access import admit
from app.api.auditing import answered, begin
from app.api.authentication import identify
from app.api.headers import protecting
from app.api.paths import with_tenant
from app.api.problems import answer
from app.errors import BadRequest, Forbidden, TooLarge, TooSlow, UnsupportedMedia
from app.telemetry import METRICS

Handler = Callable[[Request], Awaitable[Response]]
Hot = Callable[[Scope], Handler | None]
"""Finds the handler of a hot route, None for all others; it may set `path_params`."""

PATIENCE = 30.0
"""Seconds that a body may let us wait, whatever its size."""
LEAST_RATE = 1024
"""Bytes a second with which it may take longer."""

_CUT_OFF = frozenset({TooLarge.status, TooSlow.status})
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_DENIED = frozenset({401, 403, 404})
_MAX_DIGITS = 18


class Entrance:
    """Wraps the application: what holds for every request, whatever its route."""

    def __init__(self, app: ASGIApp, hot: Hot, max_body_bytes: int) -> None:
        """Serve hot routes by `hot`, all others by `app`; bodies have at most `max_body_bytes`."""
        self._app = app
        self._hot = hot
        self._limit = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        exchange = _Exchange(receive, send, self._limit)
        try:
            exchange.read_headers(scope)
            await self._serve(scope, exchange)
        except Exception as error:
            if exchange.status and not exchange.complete:
                raise  # half an answer is out: only closing the connection is left
            if not exchange.complete:
                await answer(error, scope)(scope, receive, exchange.send)
        finally:
            exchange.end()
            _timer(scope["method"], exchange.status).observe(time.perf_counter() - started)

    async def _serve(self, scope: Scope, exchange: "_Exchange") -> None:
        scope["path"] = with_tenant(_checked(scope["path"]))
        scope["headwater.caller"] = await identify(scope)
        exchange.begin(scope)
        handler = self._hot(scope)
        if handler is None:
            await self._app(scope, exchange.receive, exchange.send)
            return
        scope["endpoint"] = handler
        admit(handler, scope)
        response = await handler(Request(scope, exchange.receive, exchange.send))
        await response(scope, exchange.receive, exchange.send)


def _checked(path: str) -> str:
    if "\0" in path:
        message = "the path holds a NUL character"
        raise BadRequest(message)
    return path


class _Exchange:
    """One request and its answer, on their way through the entrance."""

    __slots__ = (
        "_arrived",
        "_limit",
        "_occasion",
        "_read",
        "_receive",
        "_request_id",
        "_scope",
        "_secure",
        "_send",
        "_waited",
        "complete",
        "status",
    )

    def __init__(self, receive: Receive, send: Send, limit: int) -> None:
        self._receive = receive
        self._send = send
        self._limit = limit
        self._read = 0
        self._waited = 0.0
        self._arrived = False
        self._request_id = b""
        self._secure = False
        self._scope: Scope | None = None
        self._occasion: Occasion | None = None
        self.status = 0
        self.complete = False

    def read_headers(self, scope: Scope) -> None:
        """Take what matters out of the headers.

        Raises:
            TooLarge, UnsupportedMedia, Forbidden: when they say that the request is refused.
        """
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"")
        valid = _REQUEST_ID.fullmatch(given)
        self._request_id = given if valid else os.urandom(8).hex().encode()
        scope["request_id"] = self._request_id.decode()
        self._secure = scope["scheme"] == "https"
        if scope["method"] in _SAFE:
            return
        if headers.get(b"content-encoding", b"identity") != b"identity":
            message = "compressed request bodies are not accepted; send it as it is"
            raise UnsupportedMedia(message)
        self._refuse_large(headers.get(b"content-length", b""))
        _refuse_foreign(headers)

    def _refuse_large(self, length: bytes) -> None:
        if length.isdigit() and (len(length) > _MAX_DIGITS or int(length) > self._limit):
            self._too_large()

    def _count(self, size: int) -> None:
        self._read += size
        if self._read > self._limit:
            self._too_large()

    def _too_large(self) -> NoReturn:
        message = f"the body is larger than the limit of {self._limit} bytes"
        raise TooLarge(message)

    def begin(self, scope: Scope) -> None:
        """Say from now on for whom things are done: who calls is known."""
        self._scope = scope
        self._occasion = begin(scope)

    def end(self) -> None:
        """Say that nothing more is done for this request."""
        if self._occasion is not None:
            self._occasion.open = False

    async def _note(self, message: Message) -> None:
        """Note in the audit log what was changed or denied, before anybody hears of it."""
        if self._scope is not None and (self._occasion is not None or self.status in _DENIED):
            await answered(self._scope, self._occasion, self.status, message.get("headers", ()))

    async def receive(self) -> Message:
        """Pass on a part of the request, as long as the body is within the limits.

        Raises:
            TooLarge, TooSlow: when it is not.
        """
        if self._arrived:  # all that may come is that the client leaves
            return await self._receive()
        message = await self._part()
        if message["type"] == "http.request":
            self._count(len(message.get("body", b"")))
            self._arrived = not message.get("more_body", False)
        return message

    async def _part(self) -> Message:
        """Wait for a part of the body: for one byte a second nobody's patience suffices."""
        patience = PATIENCE + self._read / LEAST_RATE - self._waited
        began = time.perf_counter()
        try:
            async with asyncio.timeout(patience):
                return await self._receive()
        except TimeoutError:
            message = f"the body came slower than {LEAST_RATE} bytes a second"
            raise TooSlow(message) from None
        finally:
            self._waited += time.perf_counter() - began

    async def send(self, message: Message) -> None:
        """Pass on a part of the answer, with the headers that every answer has."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            await self._note(message)
            own = message.get("headers", ())
            extra = [(b"x-request-id", self._request_id), *protecting(own, secure=self._secure)]
            if self.status in _CUT_OFF:
                extra.append((b"connection", b"close"))  # the rest of the body is not wanted
            message["headers"] = [*own, *extra]
        await self._send(message)
        if message["type"] == "http.response.body":
            self.complete = not message.get("more_body", False)


def _refuse_foreign(headers: dict[bytes, bytes]) -> None:
    """Refuse a change that a page of another site sends from somebody's browser.

    Raises:
        Forbidden: when the browser says that the page is of another origin.
    """
    origin = headers.get(b"origin")
    if origin is not None and origin.partition(b"://")[2] != headers.get(b"host"):
        message = "this change comes from a page of another site"
        raise Forbidden(message)


@lru_cache(maxsize=256)
def _timer(method: str, status: int) -> Histogram:
    known = method if method in {"GET", "POST", "PUT", "DELETE", "HEAD"} else "OTHER"
    return METRICS.api_request_seconds.labels(method=known, status=str(status or 499))
