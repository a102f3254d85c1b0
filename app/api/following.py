"""`GET …/follow`: an execution, and its log, as they go on."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from typing import Self

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from app.access import Permission
from app.api.access import caller_of, needs
from app.api.answers import encoded
from app.api.documents import problems_of, text_answer
from app.api.execution_json import execution_json
from app.api.feeds import COMMENT, Feeds, Pace, event, stream, woken
from app.api.granted import Granted, Right, holds_still
from app.api.log_json import log_json
from app.api.logs import MinLevel, number_of
from app.api.paths import PREFIX, ExecutionId
from app.api.query import known_keys
from app.api.routing import Router
from app.api.services import Node, Services, stopping
from app.api.status import owned
from app.executions import Event, Execution
from app.ports import LogEntry

_LAST_LINES = 0.1
"""Seconds within which the last lines of an execution that ran on another node are durable."""

router = Router(
    prefix=f"{PREFIX}/{{tenant}}",
    dependencies=[Depends(known_keys)],
    responses={**problems_of(404, 429), **text_answer("Events", "text/event-stream")},
)


@router.get("/executions/{execution_id}/follow", tags=["Executions"], summary="Follow an execution")
@needs(Permission.EXECUTION_READ)
async def follow(
    request: Request, right: Granted, execution_id: ExecutionId, node: Node
) -> Response:
    """Send the execution each time it moves (`progress`), and when it has ended (`end`)."""
    feeds: Feeds = request.app.state.feeds
    feeds.check(caller_of(request.scope))
    execution = await owned(node, right, execution_id)
    return stream(_progress(request, node, right, execution))


@router.get("/logs/{execution_id}/follow", tags=["Logs"], summary="Follow the log of an execution")
@needs(Permission.LOG_READ)
async def follow_log(
    request: Request,
    right: Granted,
    execution_id: ExecutionId,
    node: Node,
    least: MinLevel = None,
) -> Response:
    """Send the lines that are there, and further ones as tasks write them."""
    feeds: Feeds = request.app.state.feeds
    feeds.check(caller_of(request.scope))
    execution = await owned(node, right, execution_id)
    return stream(_lines(request, node, right, execution, number_of(least)))


async def _progress(
    request: Request, node: Services, right: Right, execution: Execution
) -> AsyncIterator[bytes]:
    origin = await request.app.state.origins.of(node, execution)
    feeds: Feeds = request.app.state.feeds
    stop, pace, data = stopping(request), Pace(), right.data(execution.namespace)
    # Who loses the right to outputs asks anew, and gets the execution without them.
    rights = [right, right.to(Permission.OUTPUT_READ)] if data else [right]
    with feeds.one(caller_of(request.scope)), Moves(node, execution) as moves:
        await moves.read()
        while not stop.is_set():
            pace.begins()
            ended = moves.execution.over
            body = encoded(execution_json(moves.execution, origin, node.clock.now(), data=data))
            yield event("end" if ended else "progress", body)
            if ended:
                return
            await pace.rest()
            while not stop.is_set() and not await moves.moved():
                if not await _hold_still(request, rights, execution):
                    return
                if pace.alive_is_due():
                    yield COMMENT
            if not await _hold_still(request, rights, execution):
                return


async def _hold_still(request: Request, rights: Sequence[Right], execution: Execution) -> bool:
    """Whether all rights hold that a stream began with."""
    return all([await holds_still(request.scope, each, execution.namespace) for each in rights])


class Moves:
    """An execution as it is committed: read once, then moved on by the events that are heard of."""

    def __init__(self, node: Services, execution: Execution) -> None:
        """Follow `execution`; nothing is heard outside a `with` block."""
        self._node = node
        self._heard: list[tuple[int, Sequence[Event]]] = []
        self._wake = asyncio.Event()
        self.execution = execution

    def __enter__(self) -> Self:
        """Begin to listen."""
        self._node.executor.listeners.setdefault(self.execution.id, []).append(self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening."""
        listeners = self._node.executor.listeners.get(self.execution.id, [])
        if self._hear in listeners:
            listeners.remove(self._hear)
        if not listeners:
            self._node.executor.listeners.pop(self.execution.id, None)

    def _hear(self, first: int, events: Sequence[Event]) -> None:
        self._heard.append((first, events))
        self._wake.set()

    async def read(self) -> None:
        """Read the execution: from here on nothing is missed."""
        self.execution = await self._node.executor.get(self.execution.id)

    async def moved(self) -> bool:
        """Wait a moment for the execution to move; return whether it did."""
        if not self._heard and not await woken(self._wake):
            return False
        self._wake.clear()
        before = self.execution.version
        heard, self._heard = self._heard, []
        for first, events in heard:
            if first > self.execution.version:  # something was missed: read it all again
                await self.read()
            self._apply(events[max(0, self.execution.version - first) :])
        return self.execution.version > before

    def _apply(self, events: Sequence[Event]) -> None:
        for each in events:
            self.execution.apply(each)


async def _lines(
    request: Request, node: Services, right: Right, execution: Execution, least: int
) -> AsyncIterator[bytes]:
    feeds: Feeds = request.app.state.feeds
    stop, pace = stopping(request), Pace()
    last, ended = -1, False
    with feeds.one(caller_of(request.scope)), _writing(node, execution.id) as wake:
        while not stop.is_set() and await holds_still(request.scope, right, execution.namespace):
            pace.begins()
            rows = await node.logs.lines(execution.id, least=least, after=last)
            for row in rows:
                last = row.seq
                yield event("progress", encoded(log_json(row, execution)))
            if ended and not rows:
                return
            ended = (await node.executor.get(execution.id)).over
            await pace.rest()
            # After the end the last lines are still on their way to the database.
            if not ended and not await woken(wake) and pace.alive_is_due():
                yield COMMENT
            elif ended:
                await node.sink.settled()
                await asyncio.sleep(_LAST_LINES)


@contextmanager
def _writing(node: Services, execution_id: str) -> Iterator[asyncio.Event]:
    """Give an event that is set whenever a task of the execution writes to its log."""
    wake = asyncio.Event()

    def hear(_: LogEntry) -> None:
        wake.set()

    listeners = node.sink.listeners.setdefault(execution_id, [])
    listeners.append(hear)
    try:
        yield wake
    finally:
        listeners.remove(hear)
        if not listeners:
            node.sink.listeners.pop(execution_id, None)
