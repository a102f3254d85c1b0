"""The executor: owns the executions that move; drives them, and parks those that wait."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Container, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from app.engine.finished import Finished
from app.engine.live import Listener, Live
from app.engine.outputs import hydrated
from app.engine.parts import Parts
from app.engine.recovery import Recovery
from app.engine.rendering import Renderer, reason
from app.engine.results import ending
from app.engine.steps import ExecutionSteps
from app.engine.suspects import DEATHS, Stepping, Suspects
from app.engine.walker import Subflows
from app.engine.worker import Worker
from app.errors import Conflict, HeadwaterError, NotFound
from app.executions import ROOT, Event, Execution, Kind, State
from app.expressions import Environment
from app.ports import Clock, LoadedFlow
from app.telemetry import METRICS, get_logger

_LOG = get_logger(__name__)
_MICROSECONDS = 1_000_000


class Executor:
    """Drives executions; the only owner of their tasks."""

    def __init__(
        self,
        parts: Parts,
        worker: Worker,
        environment: Callable[[Live], Environment],
        suspects: Suspects | None = None,
    ) -> None:
        """Drive executions over these ports; `environment` gives an execution its functions.

        `suspects` remembers at which execution the process died (contract D14). The seam
        `subflows` is set by whoever creates executions.
        """
        self._parts = parts
        self._clock = parts.clock
        self._worker = worker
        self._environment = environment
        self._limits = parts.limits
        self._suspects = suspects
        self._live: dict[str, Live] = {}
        self._leaving: dict[str, asyncio.Future[Any]] = {}
        self._loading: dict[str, asyncio.Task[Live]] = {}
        self._wanted: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._loop: asyncio.Task[None] | None = None
        self._stopping = False
        self.subflows: Subflows
        self.listeners: dict[str, list[Listener]] = {}
        self.finished = Finished(self._limits.remembered)
        self.recovery = Recovery(parts.executions, parts.clock, self, parts.limits)

    # -- life ---------------------------------------------------------------------------------

    async def start(self) -> None:
        """Take up what was interrupted, then keep watch over what is due."""
        self._loop = self._spawn(self.recovery.watch())

    async def stop(self, drain: float = 30.0) -> None:
        """Let running tasks go on for `drain` seconds at most, then let go (contract D10)."""
        self._stopping = True
        if self._loop is not None:
            self._loop.cancel()
        roots = [live.root for live in self._live.values() if live.root is not None]
        if roots and drain > 0:
            await asyncio.wait(roots, timeout=drain)
        for live in list(self._live.values()):
            self._leave(live)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5.0)
        self._parts.sink.flush()

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # -- loading and leaving ------------------------------------------------------------------

    def begin(self, live: Live) -> None:
        """Drive an execution that has just been created."""
        self._live[live.id] = live
        live.root = self._spawn(self._drive(live))

    def make(self, execution: Execution, loaded: LoadedFlow, *, stored: bool = False) -> Live:
        """Make the in-memory form of an execution (not driven yet)."""
        return Live(
            execution,
            loaded,
            self._parts.journal,
            self._clock,
            self._idle,
            self._lost,
            self.listeners,
            stored=stored,
        )

    def _lost(self, live: Live) -> None:
        """Let go of an execution whose events were refused; the sweep brings it back."""
        if live.left:
            return
        METRICS.late_results.inc()
        _LOG.warning("an execution was not written and is read again", execution=live.id)
        self._leave(live)

    def find(self, execution_id: str) -> Live | None:
        """Return the execution if it is in memory."""
        return self._live.get(execution_id)

    def known(self, execution_id: str) -> bool:
        """Whether it is in memory, on its way in or out, or has just ended."""
        places: tuple[Container[str], ...] = (
            self._live, self._leaving, self._loading, self.finished,
        )  # fmt: skip
        return any(execution_id in place for place in places)

    def count(self) -> int:
        """Return how many executions are in memory."""
        return len(self._live)

    async def load(self, execution_id: str) -> Live:
        """Return the execution in memory, bringing it in and driving it if need be.

        Raises:
            NotFound: when there is none.
            Conflict: when it has ended.
        """
        live = self._live.get(execution_id)
        if live is not None and live.execution.state.terminal:
            raise Conflict(_ended_message(live.execution))
        if live is not None:
            return live
        loading = self._loading.get(execution_id)
        if loading is None:
            loading = self._loading[execution_id] = self._spawn(self._bring_in(execution_id))
            loading.add_done_callback(lambda _: self._loading.pop(execution_id, None))
        return await asyncio.shield(loading)

    async def load_all(self, ids: Sequence[str]) -> None:
        """Bring in executions with one look at the journal (see `Loader`)."""
        missing = [each for each in ids if not self.known(each)]
        journals = await self._parts.journal.read_many(missing)
        for each, events in journals.items():
            if events and not self.known(each):
                with suppress(NotFound, Conflict):
                    await self._start_at(await self._folded(each, events))

    @asynccontextmanager
    async def holding(self, execution_id: str) -> AsyncIterator[Live]:
        """Have the execution in memory for as long as the block lasts: it does not park meanwhile.

        Raises:
            NotFound: when there is none.
            Conflict: when it has ended.
        """
        self._wanted[execution_id] += 1
        try:
            live = await self.load(execution_id)
            while live.left:  # it was just leaving
                live = await self.load(execution_id)
            yield live
        finally:
            self._wanted[execution_id] -= 1
            if not self._wanted[execution_id]:
                del self._wanted[execution_id]
            if (held := self._live.get(execution_id)) is not None:
                held.check_idle()

    async def _bring_in(self, execution_id: str) -> Live:
        if leaving := self._leaving.get(execution_id):
            await leaving
        return await self._start_at(await self._read(execution_id))

    async def _start_at(self, execution: Execution) -> Live:
        if execution.state.terminal:
            raise Conflict(_ended_message(execution))
        loaded = await self._flow_of(execution)
        if self._suspects is not None and self._suspects.poisonous(execution.id, execution.version):
            await self._condemn(
                execution, f"quarantined: the process died {DEATHS} times at this step"
            )
        if (other := self._live.get(execution.id)) is not None:
            return other  # somebody else was faster while the flow was read
        live = self.make(execution, loaded, stored=True)
        self.begin(live)
        return live

    async def _flow_of(self, execution: Execution) -> LoadedFlow:
        where = (execution.tenant, execution.namespace, execution.flow_id)
        try:
            return await self._parts.flows.at(*where, revision=execution.revision)
        except (NotFound, Conflict) as error:
            return await self._condemn(execution, f"its flow cannot be read: {error.message}")

    async def _condemn(self, execution: Execution, message: str) -> LoadedFlow:
        """End an execution that cannot be brought in, instead of trying for ever (contract D14).

        Raises:
            Conflict: always; the execution has ended.
        """
        _LOG.error("an execution cannot go on", execution=execution.id, reason=message)
        events = failure(execution, self._clock, message)
        for event in events:
            execution.apply(event)
        await self._parts.journal.append(execution, events)
        self.finished.add(execution)
        raise Conflict(message)

    def _idle(self, live: Live, due: int | None) -> None:
        """Park an execution of which every line of work waits for long (the engine's 4th idea)."""
        soon = self._clock.now() + int(self._limits.park_after * _MICROSECONDS)
        if live.left or live.execution.state.terminal or live.id in self._wanted:
            return
        if due is not None and due <= soon:
            return
        self._leave(live, parked=True, wake_at=due)

    def _leave(self, live: Live, *, parked: bool = False, wake_at: int | None = None) -> None:
        if live.left:
            return
        live.left = True
        self._live.pop(live.id, None)
        if live.root is not None:
            live.root.cancel()
        if not parked:
            return
        future = self._parts.journal.append(live.execution, [], parked=True, wake_at=wake_at)
        self._leaving[live.id] = future
        future.add_done_callback(lambda _: self._leaving.pop(live.id, None))
        self.recovery.due_at(wake_at)

    # -- driving ------------------------------------------------------------------------------

    async def _drive(self, live: Live) -> None:
        try:
            await self._walk(live)
        except asyncio.CancelledError:
            if not live.left and not live.execution.state.terminal:
                self._leave(live)
            raise
        except Exception as error:  # noqa: BLE001 - a poison execution never stops the loop (D14)
            await self._fail(live, error)
        finally:
            if live.execution.state.terminal:
                self._settle(live)

    async def _walk(self, live: Live) -> None:
        stepping = Stepping(self._suspects, live)
        renderer = Renderer(self._environment(live), live.loaded.plans, stepping)
        steps = ExecutionSteps(live, renderer, self._worker, self.subflows, self._parts)
        if live.execution.state in (State.CREATED, State.RESTARTED):
            live.record(live.event(Kind.MOVED, ROOT, State.RUNNING))
        state = await steps.interpreter.flow()
        await live.gate()
        live.record(await ending(live, state, steps.scope, renderer, self._parts))

    async def _fail(self, live: Live, error: Exception) -> None:
        """End an execution that the engine itself could not step (contract D14)."""
        if live.left or live.execution.state.terminal:
            return
        _LOG.exception("the engine could not step an execution", execution=live.id, exc_info=error)
        message = f"{type(error).__name__}: {reason(error)}"
        try:
            events = failure(live.execution, self._clock, f"the engine could not go on: {message}")
            live.record(*events)
        except HeadwaterError:
            self._leave(live)

    def _settle(self, live: Live) -> None:
        """Forget an execution that has ended, once that is durable; wake who waits for it."""
        if live.left:
            return
        live.left = True
        committed = live.committed
        if committed is not None:
            committed.add_done_callback(lambda done: self._ended(live, done))

    def _ended(self, live: Live, done: asyncio.Future[Any]) -> None:
        self._live.pop(live.id, None)
        if done.cancelled() or done.exception() is not None:
            return
        self.finished.add(live.execution)
        METRICS.executions_ended.labels(live.execution.state.value).inc()
        if live.execution.caller_id and not self._stopping:
            self._spawn(self._wake_parent(live.execution))

    async def _wake_parent(self, child: Execution) -> None:
        with suppress(NotFound, Conflict):
            async with self.holding(child.caller_id or "") as parent:
                parent.signal(child.id)

    # -- reading ------------------------------------------------------------------------------

    async def get(self, execution_id: str) -> Execution:
        """Return the execution as committed.

        Raises:
            NotFound: when there is none.
        """
        if (recent := self.finished.get(execution_id)) is not None:
            return recent
        return await self._read(execution_id)

    async def exists(self, execution_id: str) -> bool:
        """Whether there is such an execution, in memory or in the database."""
        if execution_id in self._live or execution_id in self.finished:
            return True
        return bool(await self._parts.journal.read(execution_id))

    async def _read(self, execution_id: str) -> Execution:
        events = await self._parts.journal.read(execution_id)
        if not events:
            message = f"there is no execution {execution_id}"
            raise NotFound(message)
        return await self._folded(execution_id, events)

    async def _folded(self, execution_id: str, events: Sequence[Event]) -> Execution:
        execution = Execution.fold(execution_id, events)
        await hydrated(execution, self._read_file)
        return execution

    async def _read_file(self, uri: str) -> bytes:
        return b"".join([chunk async for chunk in self._parts.storage.get(uri)])

    def end_now(self, live: Live, events: Sequence[Event]) -> asyncio.Future[Any]:
        """Record the events that end an execution from outside, and stop its work."""
        committed = live.record(*events)
        self._settle(live)  # the walk may not even have begun, and then cannot do it itself
        if live.root is not None:
            live.root.cancel()
        return committed


def failure(execution: Execution, clock: Clock, message: str) -> list[Event]:
    """Return the events that fail an execution: its open task runs and itself."""
    now = clock.now()
    events = [
        Event(Kind.ENDED, now, run.path, State.FAILED, data={"error": message})
        for run in execution.task_runs.values()
        if not run.ended
    ]
    return [*events, Event(Kind.MOVED, now, ROOT, State.FAILED, data={"reason": message})]


def _ended_message(execution: Execution) -> str:
    return f"execution {execution.id} has ended as {execution.state}"
