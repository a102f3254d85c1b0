"""The executions in memory by their ids, counted by tenant."""

from collections import Counter
from collections.abc import Container, Iterator
from contextlib import contextmanager
from typing import Any

from app.engine.live import Live


class Household(dict[str, Live]):
    """A dictionary that counts, at every change, whose executions it holds."""

    def __init__(self) -> None:
        """Start with none."""
        super().__init__()
        self.tenants: Counter[str] = Counter()
        self._watching: dict[int, set[str]] = {}

    @contextmanager
    def watching(self) -> Iterator[Container[str]]:
        """Tell who comes in meanwhile: what was read of these before is old."""
        came: set[str] = set()
        self._watching[id(came)] = came
        try:
            yield came
        finally:
            del self._watching[id(came)]

    def __setitem__(self, execution_id: str, live: Live) -> None:
        """Take one in, in place of the one with its id."""
        if execution_id not in self:
            self.tenants[live.execution.tenant] += 1
        super().__setitem__(execution_id, live)
        for came in self._watching.values():
            came.add(execution_id)

    def __delitem__(self, execution_id: str) -> None:
        """Let one go."""
        self._gone(self[execution_id])
        super().__delitem__(execution_id)

    def pop(self, execution_id: str, *default: Any) -> Any:
        """Let one go and return it, if it is there."""
        if execution_id in self:
            self._gone(self[execution_id])
        return super().pop(execution_id, *default)

    def _gone(self, live: Live) -> None:
        tenant = live.execution.tenant
        self.tenants[tenant] -= 1
        if not self.tenants[tenant]:
            del self.tenants[tenant]
