"""Items of a blocking generator, drawn in threads.

A generator cannot be closed while a thread is inside it: then that thread closes it when it comes
out. So a task that is cancelled while it draws leaves no Git process behind, and waits for none.
"""

import asyncio
import threading
from collections.abc import Generator
from itertools import islice
from typing import Generic, Self, TypeVar

T = TypeVar("T")


class Drawing(Generic[T]):
    """Draws from one generator; use as a context manager."""

    def __init__(self, generator: Generator[T, None, None]) -> None:
        """Nothing is drawn yet."""
        self._generator = generator
        self._inside = threading.Lock()
        self._ended = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self._close()

    async def some(self, count: int) -> list[T]:
        """Return the next items, at most `count`; none at the end."""
        return await asyncio.to_thread(self._some, count)

    def _some(self, count: int) -> list[T]:
        with self._inside:
            items = [] if self._ended else list(islice(self._generator, count))
        if self._ended:
            self._close()
        return items

    def _close(self) -> None:
        if self._inside.acquire(blocking=False):
            try:
                self._generator.close()
            finally:
                self._inside.release()
