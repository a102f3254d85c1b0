"""What the parts of the executor ask of it: the one who owns executions in memory."""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from app.engine.live import Live
from app.executions import Event


class Owner(Protocol):
    """Owns executions in memory, and the tasks of the loop that move them."""

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run something beside; it is cancelled with the executor."""
        ...

    def holding(self, execution_id: str) -> AbstractAsyncContextManager[Live]:
        """Have an execution in memory for the length of a block."""
        ...

    def end(self, live: Live, *events: Event) -> asyncio.Future[Any]:
        """Record the events that end an execution."""
        ...

    def end_now(self, live: Live, events: Sequence[Event]) -> asyncio.Future[Any]:
        """Record the events that end an execution from outside, and stop its work."""
        ...
