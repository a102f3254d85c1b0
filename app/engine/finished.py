"""Executions that ended a short while ago, and who waits for an end."""

import asyncio
from collections import OrderedDict

from app.executions import Execution


class Finished:
    """Remembers the last executions that ended, as committed."""

    def __init__(self, remembered: int) -> None:
        """Keep as many as `remembered`."""
        self._remembered = remembered
        self._recent: OrderedDict[str, Execution] = OrderedDict()
        self._waiting: dict[str, list[asyncio.Future[Execution]]] = {}

    def __contains__(self, execution_id: object) -> bool:
        """Whether it is remembered."""
        return execution_id in self._recent

    def get(self, execution_id: str) -> Execution | None:
        """Return the execution if it is remembered."""
        return self._recent.get(execution_id)

    def add(self, execution: Execution) -> None:
        """Remember an execution whose end is durable; tell who waits for it."""
        self._recent[execution.id] = execution
        while len(self._recent) > self._remembered:
            self._recent.popitem(last=False)
        for future in self._waiting.pop(execution.id, ()):
            if not future.done():
                future.set_result(execution)

    def future(self, execution_id: str) -> asyncio.Future[Execution]:
        """Return a future that is done when the execution's end is durable."""
        future: asyncio.Future[Execution] = asyncio.get_running_loop().create_future()
        if (done := self._recent.get(execution_id)) is not None:
            future.set_result(done)
        else:
            self._waiting.setdefault(execution_id, []).append(future)
        return future

    def forget(self, execution_id: str, future: asyncio.Future[Execution]) -> None:
        """Stop waiting for an end."""
        waiting = self._waiting.get(execution_id, [])
        if future in waiting:
            waiting.remove(future)
        if not waiting:
            self._waiting.pop(execution_id, None)
