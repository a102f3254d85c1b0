"""Server-sent events (WHATWG HTML, 9.2): how an execution or its log is followed.

A feed ends with its subject, with the service, or when the client leaves. Its events are what is
committed; a follower that is slow misses intermediate states, never the last one.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from starlette.responses import StreamingResponse

from app.access import OWNER, Caller
from app.errors import TooMany

MAX_FEEDS = 1_000
"""Most clients that follow something on this node (security case 113)."""

MAX_OF_ONE = 100
"""Most things that one caller follows at once."""

ALIVE_EVERY = 15.0
"""Seconds after which a comment is sent, so that proxies keep the connection."""

SHARE = 10
"""A feed waits this many times as long as it took to make its last event."""

_LOOK_UP = 1.0

_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


class Feeds:
    """Counts who follows."""

    def __init__(self, limit: int = MAX_FEEDS, of_one: int = MAX_OF_ONE) -> None:
        """Allow `limit` followers at once, `of_one` by one caller."""
        self._limit = limit
        self._of_one = of_one
        self._count = 0
        self._by_caller: Counter[str] = Counter()

    @property
    def count(self) -> int:
        """How many follow."""
        return self._count

    @contextmanager
    def one(self, caller: Caller = OWNER) -> Iterator[None]:
        """Take part for the length of a `with` block."""
        self._count += 1
        self._by_caller[caller.id] += 1
        try:
            yield
        finally:
            self._count -= 1
            self._by_caller[caller.id] -= 1
            if not self._by_caller[caller.id]:
                del self._by_caller[caller.id]

    def check(self, caller: Caller = OWNER) -> None:
        """Refuse one more follower when there are too many, of all or of one caller.

        Where nobody logs in all callers are one; then only the number of all counts.

        Raises:
            TooMany: when there are.
        """
        if self._count >= self._limit:
            message = f"{self._limit} clients follow something already; try again later"
            raise TooMany(message, retry_after=10)
        if caller != OWNER and self._by_caller[caller.id] >= self._of_one:
            message = f"you follow {self._of_one} things already; close one of them"
            raise TooMany(message, retry_after=10)


class Pace:
    """Keeps what follows a subject from taking more than a tenth of the loop."""

    def __init__(self) -> None:
        """Begin at once."""
        self._began = 0.0
        self._alive_at = time.monotonic() + ALIVE_EVERY

    def begins(self) -> None:
        """Note that an event is being made."""
        self._began = time.monotonic()

    async def rest(self) -> None:
        """Wait as long as the last event deserves."""
        now = time.monotonic()
        self._alive_at = now + ALIVE_EVERY
        await asyncio.sleep(min(1.0, (now - self._began) * SHARE))

    def alive_is_due(self) -> bool:
        """Whether it is time for a comment, so that nobody takes the connection for dead."""
        now = time.monotonic()
        if now < self._alive_at:
            return False
        self._alive_at = now + ALIVE_EVERY
        return True


async def woken(wake: asyncio.Event) -> bool:
    """Wait for `wake` a moment; return whether it came."""
    try:
        async with asyncio.timeout(_LOOK_UP):
            await wake.wait()
    except TimeoutError:
        return False
    wake.clear()
    return True


def event(name: str, data: bytes) -> bytes:
    """Return an event as Kestra sends it: its name is its id, its data one line of JSON."""
    return b"id: %b\ndata: %b\n\n" % (name.encode(), data)


COMMENT = b": alive\n\n"


def stream(events: AsyncIterator[bytes]) -> StreamingResponse:
    """Answer with a feed."""
    return StreamingResponse(events, media_type="text/event-stream", headers=_HEADERS)
