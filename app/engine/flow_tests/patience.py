"""Waiting without waiting: when nothing else moves, time jumps to what is due next."""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from app.engine.executor import Executor
from app.engine.live import Live
from app.engine.parts import Parts
from app.engine.resolver import InputResolver
from app.engine.worker import Worker
from app.executions import Execution
from app.expressions import Environment
from app.ports import LoadedFlow

_SOON = 0.002
"""Seconds between two looks while something beside the executions still goes on."""


class JumpingClock:
    """The `Clock` port: goes like any other, and can be set forward."""

    def __init__(self, now: int) -> None:
        """Begin at a time (µs since the epoch)."""
        self._offset = now - time.monotonic_ns() // 1000

    def now(self) -> int:
        """Return the time."""
        return self._offset + time.monotonic_ns() // 1000

    def jump(self, to: int) -> None:
        """Go on from a later time."""
        self._offset += max(0, to - self.now())


class SealedInputs(InputResolver):
    """Makes inputs whose expressions see nothing of the environment of this process."""

    def variables(self, loaded: LoadedFlow) -> dict[str, Any]:
        """Return what expressions of inputs see of the flow."""
        return {**super().variables(loaded), "envs": {}}


class PatientExecutor(Executor):
    """Drives the executions of one case; their sleeps, retries and pauses take no time.

    `stuck` is set when all of them wait for somebody, and nobody is there.
    """

    clock: JumpingClock
    counts: ClassVar[bool] = False

    def __init__(
        self, parts: Parts, worker: Worker, environment: Callable[[Live], Environment]
    ) -> None:
        """Drive executions over these ports."""
        super().__init__(parts, worker, environment)
        self.inputs = SealedInputs(parts, self.make, environment)
        self.stuck = asyncio.Event()
        self._dues: dict[str, int | None] = {}
        self._looking: asyncio.TimerHandle | None = None

    def make(self, execution: Execution, loaded: LoadedFlow, *, stored: bool = False) -> Live:
        """Make the in-memory form of an execution, which sees nothing of this process."""
        execution.variables = {"envs": {}, **execution.variables}
        return super().make(execution, loaded, stored=stored)

    async def stop(self, drain: float = 30.0) -> None:
        """Let go of everything."""
        await super().stop(drain)
        if self._looking is not None:
            self._looking.cancel()

    def _idle(self, live: Live, due: int | None) -> None:
        """Hear that every line of work of an execution waits, until `due` or for somebody."""
        if live.left or live.execution.over:
            return
        times = [each for each in (due, live.deadline) if each is not None]
        self._dues[live.id] = min(times, default=None)
        if self._looking is not None:
            self._looking.cancel()
        self._look()

    def _look(self, *, sure: bool = False) -> None:
        """Wake what is due next if nothing moves any more; be `sure` that it is so."""
        self._looking = None
        here = list(self._live.values())
        if not here:
            return
        if self._goes_on() or any(each.idle < each.strands for each in here):
            self._look_again()
            return
        dues = [(due, each) for each in here if (due := self._dues.get(each.id)) is not None]
        if not dues:
            self.stuck.set() if sure else self._look_again(sure=True)
            return
        due, live = min(dues, key=lambda pair: pair[0])
        self.clock.jump(due)
        self._take_anew(live, due)

    def _look_again(self, *, sure: bool = False) -> None:
        if self._looking is None:
            look = partial(self._look, sure=sure)
            self._looking = asyncio.get_running_loop().call_later(_SOON, look)

    def _goes_on(self) -> bool:
        """Whether something beside the executions moves: one leaves, a parent is being woken."""
        roots = {each.root for each in self._live.values()}
        return bool(self._leaving or self._loading or self._wanted or self._tasks - roots)

    def _take_anew(self, live: Live, due: int) -> None:
        """Let an execution go and bring it in again: what was due by now goes on."""
        del self._dues[live.id]
        self._leave(live, parked=True, wake_at=due)
        self.spawn(self._bring_back(live.id))

    async def _bring_back(self, execution_id: str) -> None:
        await self.load(execution_id)
