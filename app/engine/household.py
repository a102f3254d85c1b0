"""The executions in memory by their ids, counted by tenant."""

from collections import Counter
from typing import Any

from app.engine.live import Live


class Household(dict[str, Live]):
    """A dictionary that counts, at every change, whose executions it holds."""

    def __init__(self) -> None:
        """Start with none."""
        super().__init__()
        self.tenants: Counter[str] = Counter()

    def __setitem__(self, execution_id: str, live: Live) -> None:
        """Take one in, in place of the one with its id."""
        if execution_id not in self:
            self.tenants[live.execution.tenant] += 1
        super().__setitem__(execution_id, live)

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
