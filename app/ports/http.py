"""HTTP calls."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class HttpCall:
    """One HTTP request; a body of bytes is sent with its length, an iterator in chunks.

    Times are seconds; None leaves them to the client's settings. The total is for all redirects and
    the whole answer.
    """

    method: str
    url: str
    headers: Sequence[tuple[str, str]] = ()
    body: bytes | AsyncIterator[bytes] | None = None
    connect_timeout: float | None = None
    read_timeout: float = 10.0
    total_timeout: float | None = None
    follow_redirects: bool = True
    verify: bool = True
    proxy: str | None = None
    tenant: str = ""
    """Who calls: what a tenant may call may be less. "": the service itself."""


class HttpAnswer(Protocol):
    """The answer to a call: status and headers at once, the body as it comes."""

    status: int
    headers: Sequence[tuple[str, str]]

    async def read(self, limit: int) -> bytes:
        """Return the body's first `limit` bytes (all of it when it is shorter)."""
        ...

    def stream(self) -> AsyncIterator[bytes]:
        """Yield the rest of the body."""
        ...


class HttpClient(Protocol):
    """Calls HTTP services; keeps connections open between calls.

    Raises `HttpFailure` of `plugins.http`, never a library's error.
    """

    inline_bytes: int
    """Answers up to this size may be kept in memory; larger ones belong into the storage."""

    def send(self, call: HttpCall) -> AbstractAsyncContextManager[HttpAnswer]:
        """Send the request; the connection is free again when the context ends."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...
