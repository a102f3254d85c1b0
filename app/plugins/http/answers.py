"""The answer to a call, read as it comes."""

import zlib
from collections.abc import AsyncIterator, Sequence

from pyreqwest.exceptions import PyreqwestError
from pyreqwest.response import Response

from app.plugins.http.content import CODINGS, PIECE, Inflater
from app.plugins.http.failure import HttpFailure
from app.plugins.http.limits import Limits
from app.plugins.http.reasons import failure_of


class ReqwestAnswer:
    """Status, headers, and the body in bounded pieces (implements `ports.HttpAnswer`)."""

    __slots__ = ("_inflater", "_left", "_limits", "_place", "_reader", "_room", "headers", "status")

    def __init__(self, response: Response, limits: Limits, place: str, *, head: bool) -> None:
        """Take over a response whose body was not read; `head`: it has none."""
        self.status: int = response.status
        self.headers: Sequence[tuple[str, str]] = list(response.headers.items())
        self._reader = response.body_reader
        self._limits = limits
        self._room = limits.body_bytes
        self._place = place
        self._inflater: Inflater | None = None
        self._left = 0 if head else -1
        for name, value in self.headers:  # in lower case: the library makes them so
            if name == "content-length" and self._left < 0 and value.isdecimal():
                self._left = int(value)
            elif name == "content-encoding" and value.strip().lower() in CODINGS:
                self._inflater = Inflater()

    async def read(self, limit: int) -> bytes:
        """Return up to `limit` bytes; fewer only at the end of the body.

        Raises:
            HttpFailure: the body breaks off, is damaged, or does not come in time.
        """
        first = await self._next(limit)
        if len(first) == limit or (self._left == 0 and self._inflater is None):
            return first
        parts, have = [first], len(first)
        while have < limit and (piece := await self._next(limit - have)):
            parts.append(piece)
            have += len(piece)
        return b"".join(parts)

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield the rest of the body; raises as `read` does."""
        while piece := await self._next(256 * 1024):
            yield piece

    async def _next(self, limit: int) -> bytes:
        """Return some bytes, at most `limit`; empty at the end."""
        if self._inflater is None:
            piece = await self._raw(limit)
        else:
            piece = await self._unpacked(self._inflater, limit)
        self._room -= len(piece)
        if self._room < 0:
            most = self._limits.body_bytes
            reason = f"{self._place} answered with more than {most} bytes, the limit of an answer"
            raise HttpFailure(reason, host=self._place, sent=True, definite=True)
        return piece

    async def _unpacked(self, inflater: Inflater, limit: int) -> bytes:
        try:
            while not (piece := inflater.take(limit)):
                packed = await self._raw(PIECE)
                if not packed and inflater.complete:
                    return b""
                inflater.feed(packed)
        except zlib.error as error:
            reason = f"{self._place} sent a compressed body that is damaged: {error}"
            raise HttpFailure(reason, host=self._place, sent=True) from None
        return piece

    async def _raw(self, limit: int) -> bytes:
        if self._left == 0:  # spares a turn of the event loop
            return b""
        try:
            piece = await self._reader.read(limit)
        except PyreqwestError as error:
            raise failure_of(error, self._limits, self._place, answered=True) from None
        if piece is None:
            self._left = 0
            return b""
        data = piece.to_bytes()
        if self._left > 0:
            self._left = max(0, self._left - len(data))
        return data
