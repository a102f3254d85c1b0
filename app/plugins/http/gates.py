"""At most so many calls to one host at once, so that a slow host does not take all connections."""

import asyncio
from collections import deque


class Gate:
    """Lets `limit` callers in at once, the others in the order they came."""

    __slots__ = ("_free", "_limit", "_waiting")

    def __init__(self, limit: int) -> None:
        """Let `limit` in."""
        self._limit = limit
        self._free = limit
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def idle(self) -> bool:
        """Whether nobody is in and nobody waits."""
        return self._free == self._limit and not self._waiting

    async def enter(self, timeout: float) -> None:
        """Wait until there is a place.

        Raises:
            TimeoutError: there was none in time (seconds).
        """
        if self._free and not self._waiting:
            self._free -= 1
            return
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        try:
            async with asyncio.timeout(timeout):
                await future
        except BaseException:
            if future.done() and not future.cancelled():
                self.leave()  # the place was handed over at the very moment of giving up
            else:
                self._waiting.remove(future)
            raise

    def leave(self) -> None:
        """Give the place back, to the first who waits."""
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(None)
                return
        self._free += 1
