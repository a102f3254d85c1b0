"""Strands: lines of work side by side, within a limit, until one of them fails.

What waits in a strand counts as idle, so that an execution of which all strands wait can leave
memory. After a failure nothing new begins; what a crash has interrupted goes on all the same.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from app.engine.frames import Halt
from app.engine.live import Live
from app.executions import State
from app.executions.states import Worst

STOPS = frozenset({State.FAILED, State.KILLED})
"""States of a task run after which its siblings do not start."""


class Piece(NamedTuple):
    """A piece of work: whether it has begun before, and how to do it."""

    begun: Callable[[], bool]
    make: Callable[[], Awaitable[State]]


class Strands:
    """The strands of one flowable."""

    def __init__(self, live: Live, halt: Halt) -> None:
        """Share `halt` between all strands."""
        self._live = live
        self._halt = halt
        self._worst = Worst()

    async def run(self, pieces: Iterator[Piece], width: int) -> State:
        """Do the pieces in order on `width` strands; return the worst of their states."""
        if width <= 1:
            await self._strand(pieces)
        else:
            await self._side_by_side(list(islice(pieces, width)), pieces)
        return self._worst.state

    async def _side_by_side(self, firsts: Sequence[Piece], others: Iterator[Piece]) -> None:
        """Begin the first pieces together, a strand each; the strands share the others."""
        live = self._live
        live.strands += len(firsts) - 1
        left = len(firsts)

        async def strand(first: Piece) -> None:
            nonlocal left
            await self._do(first, first=True)
            await self._strand(others)
            left -= 1
            if left:  # the last one goes on as the line of work that waited here
                live.strands -= 1
                live.check_idle()

        async with asyncio.TaskGroup() as group:
            for first in firsts:
                group.create_task(strand(first))

    async def _strand(self, pieces: Iterator[Piece]) -> None:
        for piece in pieces:
            await self._do(piece)

    async def _do(self, piece: Piece, *, first: bool = False) -> None:
        if self._halt.stops(begins=first) and not piece.begun():
            return
        state = await piece.make()
        self._worst.add(state)
        if state in STOPS:
            self._halt.halt()

    async def graph(
        self, pieces: Mapping[str, Piece], needs: Mapping[str, Sequence[str]], limit: int
    ) -> State:
        """Do each piece once all that it needs are over, at most `limit` at a time (0: all)."""
        if pieces:
            await _Graph(self._live, self._do, pieces, needs, limit).run()
        return self._worst.state


class _Graph:
    """Pieces that wait for each other: each runs in a strand of its own while it runs."""

    def __init__(
        self,
        live: Live,
        do: Callable[..., Awaitable[None]],
        pieces: Mapping[str, Piece],
        needs: Mapping[str, Sequence[str]],
        limit: int,
    ) -> None:
        self._live = live
        self._do = do
        self._waiting = dict(pieces)
        self._needs = {name: set(needs.get(name, ())) & set(pieces) for name in pieces}
        self._limit = limit or len(pieces)
        self._running = 0

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            self._start(group, first=True)
            self._live.strands -= 1  # this line itself only waits for the others

    def _start(self, group: asyncio.TaskGroup, *, first: bool = False) -> None:
        for name in [name for name in self._waiting if not self._needs[name]]:
            if self._running >= self._limit:
                return
            self._running += 1
            self._live.strands += 1
            group.create_task(self._one(group, name, self._waiting.pop(name), first=first))

    async def _one(self, group: asyncio.TaskGroup, name: str, piece: Piece, *, first: bool) -> None:
        await self._do(piece, first=first)
        self._running -= 1
        for needed in self._needs.values():
            needed.discard(name)
        self._start(group)
        if self._running:  # the last one goes on as the line of work that waited here
            self._live.strands -= 1
            self._live.check_idle()
