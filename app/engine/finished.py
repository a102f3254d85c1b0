"""Executions that ended a short while ago, and who waits for an end."""

import asyncio
from collections import OrderedDict

from app.executions import Execution


class Finished:
    """Remembers the last executions that ended, as committed.

    Memory is bounded by their task runs, and by leaving out those with large outputs.
    """

    def __init__(self, remembered: int) -> None:
        """Keep executions of `remembered` task runs in all (each counts one more for itself)."""
        self._remembered = remembered
        self._weight = 0
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
        if not execution.large:
            self._remember(execution)
        for future in self._waiting.pop(execution.id, ()):
            if not future.done():
                future.set_result(execution)

    def _remember(self, execution: Execution) -> None:
        self._recent[execution.id] = execution
        self._weight += _weight(execution)
        while self._weight > self._remembered and len(self._recent) > 1:
            _, oldest = self._recent.popitem(last=False)
            self._weight -= _weight(oldest)

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


def _weight(execution: Execution) -> int:
    return 1 + len(execution.task_runs)
