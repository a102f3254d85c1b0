"""The output of a program as lines: bounded in length and number, in small turns of the loop."""

import asyncio
import os
from collections.abc import Callable
from typing import IO, Self

LONGEST = 1 << 20
"""Bytes of a line; the rest of a longer one is dropped."""

_LAST_WORDS = 3.0
"""Seconds that the ends of the pipes are waited for when the program has ended."""

_TURN = 256
"""Lines that are handed out before the loop gets its turn."""


class Allowance:
    """How many bytes of output are handed on; shared by the streams of one program."""

    def __init__(self, size: int) -> None:
        """Allow `size` bytes."""
        self._left = size
        self.dropped = 0

    def take(self, size: int) -> bool:
        """Whether `size` bytes more may be handed on; counts them either way."""
        if size > self._left:
            self._left = 0
            self.dropped += size
            return False
        self._left -= size
        return True


class LineReader(asyncio.Protocol):
    """Hands out the lines of a pipe; `ended` is done when there is no more to come.

    It is made of callbacks, so that a program is heard until its end though whoever waits for it
    was cancelled.
    """

    def __init__(self, line: Callable[[str], None], allowance: Allowance) -> None:
        """Call `line` with each line, without its end."""
        self._line = line
        self._allowance = allowance
        self._buffer = bytearray()
        self._searched = 0
        self._skipping = False
        self._eof = False
        self._transport: asyncio.ReadTransport | None = None
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to read."""
        self._transport = transport  # type: ignore[assignment]  # uvloop's is of no such class

    def data_received(self, data: bytes) -> None:
        """Take in a piece."""
        self._buffer += data
        if self._transport is not None:
            self._transport.pause_reading()
        self._turn()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that nothing more comes."""
        del exc
        self._eof = True
        self._turn()

    def close(self) -> None:
        """Stop to read; what is there already is handed out."""
        if self._transport is not None:
            self._transport.close()

    def _turn(self) -> None:
        """Hand out some lines, the rest later."""
        if self.ended.done():
            return
        for _ in range(_TURN):
            if not self._next():
                self._rest()
                return
        self._loop.call_soon(self._turn)

    def _rest(self) -> None:
        if self._eof:
            self._finish()
        elif self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def _next(self) -> bool:
        """Hand out the next line; return whether there was a whole one."""
        end = self._buffer.find(b"\n", self._searched)
        if end < 0:
            if len(self._buffer) > LONGEST:
                self._give(bytes(self._buffer[:LONGEST]))
                self._skipping = True
                self._buffer.clear()
            self._searched = len(self._buffer)
            return False
        found = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        self._searched = 0
        self._give(found)
        self._skipping = False
        return True

    def _give(self, data: bytes) -> None:
        if self._skipping or not self._allowance.take(len(data) + 1):
            return
        self._line(data[:LONGEST].decode("utf-8", "replace").removesuffix("\r"))

    def _finish(self) -> None:
        if self.ended.done():
            return
        if self._buffer:
            self._give(bytes(self._buffer))
            self._buffer.clear()
        self.ended.set_result(None)


class Output:
    """The two pipes of a program, read line by line while the context lasts."""

    def __init__(self, line: Callable[[str, str], None], allowance: Allowance) -> None:
        """Call `line(stream, text)` with each line."""
        self._line = line
        self._allowance = allowance
        self._readers: list[LineReader] = []
        self._writers: dict[str, int] = {}

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for stream in ("stdout", "stderr"):
            read, write = os.pipe()
            file: IO[bytes] = os.fdopen(read, "rb", buffering=0)
            self._writers[stream] = write
            reader = LineReader(_tagged(self._line, stream), self._allowance)
            await loop.connect_read_pipe(_given(reader), file)
            self._readers.append(reader)
        return self

    def take_writers(self) -> dict[str, int]:
        """Return the ends for the program by stream; whoever takes them closes them."""
        writers, self._writers = self._writers, {}
        return writers

    async def __aexit__(self, *_: object) -> None:
        for each in self.take_writers().values():
            os.close(each)
        try:
            async with asyncio.timeout(_LAST_WORDS):  # all writers are dead, so the ends are near
                for reader in self._readers:
                    await asyncio.shield(reader.ended)
        except TimeoutError:
            pass
        finally:
            for reader in self._readers:
                reader.close()
        if self._allowance.dropped:
            message = f"{self._allowance.dropped} bytes of output beyond the limit were dropped"
            self._line("stderr", message)


def _tagged(line: Callable[[str, str], None], stream: str) -> Callable[[str], None]:
    return lambda text: line(stream, text)


def _given(reader: LineReader) -> Callable[[], LineReader]:
    return lambda: reader
