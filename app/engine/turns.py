"""Turns: which task run of which tenant begins next, when not all of them can be at work at once.

Weighted fair queueing. A free place goes to a tenant that has less than its part of the places, by
weight; of several to the one whose turn it is, again by weight. So a tenant with ten thousand task
runs in the queue delays one with a single one by one turn, not by ten thousand, and with task runs
that take hours it holds its part of the places, not all of them. Inside a tenant it is first come,
first served. Places that nobody else wants are anybody's.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from app.ports import Share

_REMEMBERED = 1_000


class _Line:
    """The task runs of one tenant: how many are at work, and which wait."""

    __slots__ = ("at", "running", "waiting")

    def __init__(self, at: float) -> None:
        self.at = at
        """The virtual time of its next turn."""
        self.running = 0
        self.waiting: deque[asyncio.Future[None]] = deque()


class Turns:
    """The places of a node."""

    def __init__(self, places: int, share: Callable[[str], Share]) -> None:
        """Give out `places`; `share` says what a tenant may take now."""
        self._places = self._free = places
        self._share = share
        self._lines: dict[str, _Line] = {}
        self._waiting = 0
        self._now = 0.0
        """The virtual time: that of the turn which was given last."""

    def running(self, tenant: str) -> int:
        """Return how many places a tenant has."""
        line = self._lines.get(tenant)
        return line.running if line is not None else 0

    async def take(self, tenant: str) -> None:
        """Return once the tenant has one place more."""
        line = self._lines.get(tenant)
        if line is None:
            line = self._lines[tenant] = _Line(self._now)
        share = self._share(tenant)
        if self._free and not line.waiting and line.running < share.task_runs:
            self._grant(line, share)
            return
        turn = asyncio.get_running_loop().create_future()
        line.waiting.append(turn)
        self._waiting += 1
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give(tenant)  # it was given a place that it does not take
            else:
                with suppress(ValueError):  # it was passed over already
                    line.waiting.remove(turn)
                    self._waiting -= 1
            raise

    def give(self, tenant: str) -> None:
        """Give a place back; whoever is next gets it."""
        line = self._lines[tenant]
        line.running -= 1
        self._free += 1
        if self._waiting:
            self._next()
        elif len(self._lines) > _REMEMBERED:
            self._tidy()

    def _tidy(self) -> None:
        """Forget tenants that are idle: they owe nothing, and are owed nothing."""
        self._lines = {
            tenant: line for tenant, line in self._lines.items() if line.running or line.waiting
        }

    def _grant(self, line: _Line, share: Share) -> None:
        self._free -= 1
        line.running += 1
        # Who was idle does not catch up on the turns that he did not want.
        start = max(line.at, self._now)
        self._now = start
        line.at = start + 1 / share.weight

    def _next(self) -> None:
        if len(self._lines) == 1:
            self._next_of_one()
            return
        while self._free:
            shares = {
                tenant: self._share(tenant)
                for tenant, line in self._lines.items()
                if line.running or line.waiting
            }
            whole = sum(share.weight for share in shares.values())
            ready = [
                (self._rank(line, share.weight / whole), line, share)
                for tenant, share in shares.items()
                if self._first(line := self._lines[tenant]) and line.running < share.task_runs
            ]
            if not ready:
                return
            _, line, share = min(ready, key=lambda each: each[0])
            self._grant(line, share)
            line.waiting.popleft().set_result(None)
            self._waiting -= 1

    def _next_of_one(self) -> None:
        """Give places to the only tenant there is: nobody's share is to be looked at."""
        ((tenant, line),) = self._lines.items()
        share = self._share(tenant)
        while self._free and line.running < share.task_runs and self._first(line):
            self._grant(line, share)
            line.waiting.popleft().set_result(None)
            self._waiting -= 1

    def _rank(self, line: _Line, part: float) -> tuple[bool, float]:
        """Return what is compared: whether it has more than its part, and when its turn is."""
        return line.running > part * self._places, max(line.at, self._now)

    def _first(self, line: _Line) -> bool:
        """Whether anything waits; what was cancelled meanwhile does not count."""
        while line.waiting and line.waiting[0].done():
            line.waiting.popleft()
            self._waiting -= 1
        return bool(line.waiting)
