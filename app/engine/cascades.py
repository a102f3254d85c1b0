"""Cascades: a kill reaches what the execution has started (contract D6)."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from app.engine.executor import Executor
from app.engine.live import Live
from app.engine.renewal import renewed_id
from app.errors import Conflict, Fenced, NotFound
from app.executions import ROOT, Execution, Kind, State
from app.ports import Executions
from app.telemetry import get_logger

_LOG = get_logger(__name__)
_AT_ONCE = 100
"""Executions that are killed at once."""
_PATIENCE = 0.1
"""Seconds after which the end of an execution is looked for again."""
Kill = Callable[[str, str], Awaitable[Execution]]
"""Kills an execution of a tenant, by its id."""


class Cascades:
    """Kills what executions have started."""

    def __init__(self, executor: Executor, executions: Executions, kill: Kill) -> None:
        """Find what was started in `executions`; `kill` kills one and what that has started."""
        self._executor = executor
        self._executions = executions
        self._kill = kill

    async def reach(self, parent: Execution) -> None:
        """Kill what an execution that was killed has started until then.

        What a flow trigger started because of it goes on, and so does what runs after its end.
        """
        children = await self._executions.children(parent.id)
        for start in range(0, len(children), _AT_ONCE):  # so that they share their commits
            batch = children[start : start + _AT_ONCE]
            await asyncio.gather(*(self._reach_called(parent, child) for child in batch))

    async def _reach_called(self, parent: Execution, child: str) -> None:
        try:
            if _called(parent, await self._executor.get(child)):
                await self._reach(parent.tenant, child)
        except NotFound:
            pass
        except Conflict as error:  # its journal cannot be read: that keeps no others alive
            _LOG.error("a kill cannot reach an execution", execution=child, reason=error.message)

    async def _reach(self, tenant: str, child: str) -> None:
        while True:
            with suppress(Fenced):  # it goes on, as after an outage
                if await self._killed(tenant, child):
                    return
            await asyncio.sleep(_PATIENCE)

    async def _killed(self, tenant: str, child: str) -> bool:
        """Kill an execution; return whether it has ended, durably."""
        try:
            await self._kill(tenant, child)
        except Conflict:  # it has ended meanwhile, or is about to
            await self._ended(child)
            ended = await self._executor.get(child)
            if not ended.state.terminal:
                return False
            await self._stop_renewal(ended)
            await self.settled(child)
        return True

    async def _stop_renewal(self, execution: Execution) -> None:
        """Let nothing take the place of an execution that is to be retried; kill what has."""
        if execution.anew is None:
            return
        renewed = renewed_id(execution)
        with suppress(Conflict):  # it is over: nothing is due any more
            async with self._executor.holding(execution.id) as live:
                await live.record(live.event(Kind.MOVED, ROOT, None, anew=None))
                live.signal("anew")
        with suppress(NotFound):
            await self._reach(execution.tenant, renewed)

    async def _ended(self, child: str) -> None:
        """Wait until the end of an execution is durable, whatever is due after it."""
        future = self._executor.finished.future(child)
        try:
            while _ends(self._executor.find(child)) and not future.done():
                if (await self._executor.get(child)).state.terminal:
                    return
                await asyncio.wait([future], timeout=_PATIENCE)
        finally:
            self._executor.finished.forget(child, future)

    async def settled(self, wanted: str) -> None:
        """Wait until the end of an execution is durable, and over if no tasks run after it."""
        live = self._executor.find(wanted)
        if live is None:
            return
        flow = live.loaded.flow
        if live.root is not None and not (flow.after_execution or flow.listeners):
            await asyncio.wait([live.root])
        await live.durable()


def _ends(live: Live | None) -> bool:
    """Whether an execution has ended in memory, or is about to because of an exit."""
    return live is not None and (live.execution.state.terminal or live.barrier is not None)


def _called(parent: Execution, child: Execution) -> bool:
    """Whether a task of `parent` started `child` before the kill."""
    killed = [at for state, at in parent.histories if state is State.KILLED]
    return child.chain <= parent.chain and child.created_at <= max(killed)
