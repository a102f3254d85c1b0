"""Executions that ended a short while ago, and who waits for an end."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable

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
        self._told: dict[str, Execution] = {}
        self._waiting: dict[str, list[asyncio.Future[Execution]]] = {}
        self.heard: list[Callable[[Execution], None]] = []
        """Who hears of every durable end, maybe twice: before and after what runs after it."""

    def __contains__(self, execution_id: object) -> bool:
        """Whether it is remembered."""
        return execution_id in self._recent

    def get(self, execution_id: str) -> Execution | None:
        """Return the execution if it is remembered."""
        return self._recent.get(execution_id)

    def add(self, execution: Execution) -> None:
        """Remember an execution that is over, durably; tell who waits for its end."""
        self._told.pop(execution.id, None)
        if not execution.large:
            self._remember(execution)
        self._tell(execution)

    def tell(self, execution: Execution) -> None:
        """Tell of an end, durable, after which tasks still run."""
        self._told[execution.id] = execution
        self._tell(execution)

    def _tell(self, execution: Execution) -> None:
        for hear in self.heard:
            hear(execution)
        for future in self._waiting.pop(execution.id, ()):
            if not future.done():
                future.set_result(execution)

    def _remember(self, execution: Execution) -> None:
        self._drop(execution.id)
        self._recent[execution.id] = execution
        self._weight += _weight(execution)
        while self._weight > self._remembered and len(self._recent) > 1:
            self._drop(next(iter(self._recent)))

    def _drop(self, execution_id: str) -> None:
        dropped = self._recent.pop(execution_id, None)
        if dropped is not None:
            self._weight -= _weight(dropped)

    def forget_execution(self, execution_id: str) -> None:
        """Forget an execution: it changes again, leaves memory, or is deleted."""
        self._drop(execution_id)
        self._told.pop(execution_id, None)

    def future(self, execution_id: str) -> asyncio.Future[Execution]:
        """Return a future that is done when the execution's end is durable."""
        future: asyncio.Future[Execution] = asyncio.get_running_loop().create_future()
        done = self._recent.get(execution_id) or self._told.get(execution_id)
        if done is not None:
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
