"""Triggers that wait for an execution which they started: its end lets them go on."""

from collections.abc import Callable
from dataclasses import replace

from app.db.trigger_records import TriggerKey, TriggerState
from app.errors import HeadwaterError, NotFound
from app.executions import Execution
from app.triggers.parts import TriggerParts


class Waiting:
    """Which executions are waited for, and which of them have ended."""

    def __init__(self, parts: TriggerParts, wake: Callable[[], None]) -> None:
        """Nothing is waited for yet; `wake` is called when something has ended."""
        self._parts = parts
        self._wake = wake
        self._keys: dict[str, TriggerKey] = {}
        self._ended: dict[str, str] = {}

    async def open(self) -> None:
        """Find out what is waited for, and what has ended while nobody listened."""
        for state in await self._parts.store.waiting():
            await self.watch(state.execution_id or "", state.key)

    async def watch(self, execution_id: str, key: TriggerKey) -> None:
        """Wait for an execution on behalf of a trigger; it may have ended before."""
        self.add(execution_id, key)
        try:
            execution = await self._parts.executor.get(execution_id)
        except NotFound:
            self._ended[execution_id] = ""
        else:
            if execution.state.terminal:
                self.ended(execution)

    def add(self, execution_id: str, key: TriggerKey) -> None:
        """Wait for an execution on behalf of a trigger."""
        self._keys[execution_id] = key

    def ended(self, execution: Execution) -> None:
        """Hear that an execution has ended, durably."""
        if execution.id in self._keys:
            self._ended[execution.id] = execution.state.value
            self._wake()

    async def release(self) -> None:
        """Let the triggers go on whose executions have ended."""
        for execution_id, end in list(self._ended.items()):
            del self._ended[execution_id]
            key = self._keys.pop(execution_id, None)
            if key is None:
                continue
            try:
                await self._release(key, execution_id, end)
            except HeadwaterError:  # it is tried again
                self._keys[execution_id], self._ended[execution_id] = key, end
                raise

    async def _release(self, key: TriggerKey, execution_id: str, end: str) -> None:
        while (state := await self._parts.store.get(key)) is not None:
            new = _released(state, execution_id, end)
            if new == state or await self._parts.store.move(state, new, self._parts.clock.now()):
                return


def _released(state: TriggerState, execution_id: str, end: str) -> TriggerState:
    """Return the state after the end of an execution; `stopAfter` decides on what follows."""
    new = state
    if state.execution_id == execution_id:
        new = replace(new, execution_id=None)
    if state.stop_after and end:
        new = replace(new, disabled=end in state.stop_after)
    return new
