"""jq in child processes: where a program can be stopped and sees nothing of the server.

A few children are kept warm, the first started by the first program. Questions are written to a
child as they come and answered in order; the time of each counts from when its turn comes. A child
that takes too long is killed, one that needs too much memory dies: the program in turn fails, those
behind it are asked again elsewhere.
"""

import asyncio
import re
import sys
from collections import deque
from pathlib import Path
from typing import Any, Final, cast

import orjson

from app.errors import BadRequest, Unavailable
from app.runners.jq_child import HEAD, LENGTHS, OK

_CHILD: Final = Path(__file__).with_name("jq_child.py")
_START_SECONDS = 10.0
_CLOSE_SECONDS = 5.0
_LINE: Final = re.compile(r"\bline (\d+)")
_MAX_MESSAGE = 500


class _Lost(Exception):
    """The child ended before it was this question's turn."""


class _Child(asyncio.SubprocessProtocol):
    """One child, and the futures of the questions that it has been sent."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._transport: asyncio.SubprocessTransport
        self._buffer = bytearray()
        self._timer: asyncio.TimerHandle | None = None
        self._late = False
        self.ended = False
        self.gone = asyncio.get_running_loop().create_future()
        # The child answers once without being asked, when it has started.
        self.ready: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._asked: deque[asyncio.Future[bytes]] = deque([self.ready])

    @property
    def waiting(self) -> int:
        """How many questions it has not answered yet."""
        return len(self._asked)

    def ask(self, frame: bytes) -> asyncio.Future[bytes]:
        """Send a question; the future gives the JSON of the results, or `BadRequest` or `_Lost`."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bytes] = loop.create_future()
        if self.ended:
            answer.set_exception(_Lost())
            return answer
        self._asked.append(answer)
        if self._timer is None:
            self._start_timer()
        stdin = self._transport.get_pipe_transport(0)
        cast("asyncio.WriteTransport", stdin).write(frame)
        return answer

    def kill(self) -> None:
        """End it; `gone` is done when it has."""
        self.ended = True
        if self._transport.get_returncode() is None:
            self._transport.kill()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transport is none by its type.
        self._transport = cast("asyncio.SubprocessTransport", transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:  # noqa: ARG002 - only one is read
        self._buffer += data
        while len(self._buffer) >= HEAD.size:
            kind, length = HEAD.unpack_from(self._buffer)
            end = HEAD.size + length
            if len(self._buffer) < end:
                break
            content = bytes(self._buffer[HEAD.size : end])
            del self._buffer[:end]
            self._answer(kind, content)

    def process_exited(self) -> None:
        self.ended = True
        self._stop_timer()
        self._transport.close()
        for place, answer in enumerate(self._asked):
            if not answer.done():
                answer.set_exception(self._reason() if place == 0 else _Lost())
                answer.exception()  # nobody may be waiting any more
        self._asked.clear()
        if not self.gone.done():
            self.gone.set_result(None)

    def _reason(self) -> Exception:
        if self._late:
            return BadRequest(f"the jq program takes longer than {self._seconds:g} seconds")
        return BadRequest("the jq program needs too much memory or is nested too deeply")

    def _answer(self, kind: bytes, content: bytes) -> None:
        answer = self._asked.popleft()
        self._stop_timer()
        if self._asked:
            self._start_timer()
        if answer.done():
            return
        if kind == OK:
            answer.set_result(content)
        else:
            answer.set_exception(BadRequest(_message(content.decode("utf-8", "replace"))))

    def _start_timer(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._seconds, self._too_late)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_late(self) -> None:
        self._late = True
        self.kill()


class JqChildren:
    """Implements `Jq` with `children` processes at most."""

    def __init__(
        self,
        *,
        children: int = 2,
        seconds: float = 2.0,
        memory_bytes: int = 256 * 1024 * 1024,
        result_bytes: int = 10 * 1024 * 1024,
    ) -> None:
        """Set the limits: of each program, except that a child's memory holds all that it keeps."""
        self._most = children
        self._seconds = seconds
        self._limits = (str(memory_bytes), str(result_bytes))
        self._children: list[_Child] = []
        self._starting = asyncio.Lock()
        self._closed = False

    async def run(self, program: str, document: str) -> list[Any]:
        """Return all results of a program on a JSON text (see the port)."""
        try:
            source, data = program.encode(), document.encode()
        except UnicodeEncodeError:
            raise BadRequest("a lone surrogate cannot be given to jq") from None
        frame = LENGTHS.pack(len(source), len(data)) + source + data
        while True:
            child = await self._child()
            try:
                content = await child.ask(frame)
            except _Lost:
                continue
            return _results(content)

    async def close(self) -> None:
        """End all children."""
        self._closed = True
        for child in self._children:
            child.kill()
        if self._children:
            await asyncio.wait([child.gone for child in self._children], timeout=_CLOSE_SECONDS)
        self._children.clear()

    async def _child(self) -> _Child:
        """Return a child with nothing to do, else a new one, else the one with the least to do."""
        least = self._least()
        if least is not None and (not least.waiting or len(self._children) >= self._most):
            return least
        async with self._starting:
            least = self._least()
            if least is None or (least.waiting and len(self._children) < self._most):
                least = await self._start()
            return least

    def _least(self) -> _Child | None:
        self._children = [child for child in self._children if not child.ended]
        return min(self._children, key=lambda child: child.waiting, default=None)

    async def _start(self) -> _Child:
        if self._closed:
            raise Unavailable("jq is not available: the service is stopping")
        loop = asyncio.get_running_loop()
        try:
            _, child = await loop.subprocess_exec(
                lambda: _Child(self._seconds),
                sys.executable, "-I", str(_CHILD), *self._limits,
                env={}, cwd="/", stderr=asyncio.subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise Unavailable(f"jq cannot be started: {error}") from error
        try:
            async with asyncio.timeout(_START_SECONDS):
                await child.ready
        except (TimeoutError, BadRequest, asyncio.CancelledError) as error:
            child.kill()
            if isinstance(error, asyncio.CancelledError):
                raise
            raise Unavailable("jq does not start") from error
        self._children.append(child)
        return child


def _results(content: bytes) -> list[Any]:
    try:
        return list(orjson.loads(content))
    except orjson.JSONDecodeError:
        raise BadRequest("a result of the jq program is nested too deeply") from None


def _message(text: str) -> str:
    """Return what jq says, with the lines of the program as its author counts them."""
    if "unexpected import" in text or "unexpected include" in text:
        return "jq: modules cannot be used here"
    told = text.removeprefix("jq: error: ").split("\njq: 1 compile error")[0]
    told = _LINE.sub(lambda match: f"line {max(1, int(match[1]) - 1)}", told)
    return f"jq: {told.strip()[:_MAX_MESSAGE]}"
