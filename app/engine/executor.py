"""The executor: owns the executions that move, drives them, parks those that wait, and brings
back after a crash what was interrupted (contract D5).
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import structlog

from app.engine.interpreter import Interpreter, Place
from app.engine.live import Listener, Live
from app.engine.logs import TaskRunLog
from app.engine.outputs import hydrated
from app.engine.parts import Parts
from app.engine.rendering import Renderer, reason
from app.engine.results import ending
from app.engine.scope import Scope
from app.engine.suspects import DEATHS, Stepping, Suspects
from app.engine.walker import Subflows, TaskWalker
from app.engine.worker import Worker
from app.errors import Conflict, HeadwaterError, NotFound
from app.executions import ROOT, Event, Execution, Kind, State
from app.expressions import Environment
from app.plugins.api import Flowable, Runnable
from app.ports import LoadedFlow

_LOG = structlog.get_logger(__name__)
_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class ExecutorLimits:
    """How the executor uses memory and time (seconds)."""

    park_after: float = 5.0
    """A wait longer than this leaves memory."""
    sweep: float = 2.0
    """How often the database is asked for executions that are due (contract D5)."""
    repair: float = 10.0
    """How often it is checked that what should run is in memory."""
    remembered: int = 2000
    """Ended executions kept for readers."""
    recovered_at_once: int = 500


class Executor:
    """Drives executions; the only owner of their tasks."""

    def __init__(
        self,
        parts: Parts,
        worker: Worker,
        environment: Callable[[Live], Environment],
        limits: ExecutorLimits | None = None,
        suspects: Suspects | None = None,
    ) -> None:
        """Drive executions over these ports; `environment` gives an execution its functions.

        `suspects` remembers at which execution the process died (contract D14).
        """
        self._suspects = suspects
        self._journal = parts.journal
        self._executions = parts.executions
        self._flows = parts.flows
        self._storage = parts.storage
        self._sink = parts.sink
        self._clock = parts.clock
        self._worker = worker
        self._environment = environment
        self._limits = limits or ExecutorLimits()
        self._live: dict[str, Live] = {}
        self._leaving: dict[str, asyncio.Future[Any]] = {}
        self._loading: dict[str, asyncio.Task[Live]] = {}
        self._wanted: Counter[str] = Counter()
        self._recent: OrderedDict[str, Execution] = OrderedDict()
        self._finished: dict[str, list[asyncio.Future[Execution]]] = {}
        self._loop: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._stopping = False
        self._wake_at: int | None = None
        self._repair_at = 0
        self._wake = asyncio.Event()
        self.listeners: dict[str, list[Listener]] = {}
        self.subflows: Subflows | None = None
        self.repairs = 0
        self.recovered = asyncio.Event()

    # -- life ---------------------------------------------------------------------------------

    async def start(self) -> None:
        """Take up what was interrupted, then keep watch over what is due."""
        self._loop = self._spawn(self._watch())

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
        self._sink.flush()

    def _spawn(self, work: Any) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _watch(self) -> None:
        await self._guarded(self._recover)
        self.recovered.set()
        while True:
            self._wake.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._until_wake()):
                    await self._wake.wait()
            await self._guarded(self._sweep)

    async def _guarded(self, work: Callable[[], Any]) -> None:
        try:
            await work()
        except HeadwaterError as error:
            _LOG.warning("the sweep failed, it is tried again", reason=error.message)

    def _until_wake(self) -> float:
        if self._wake_at is None:
            return self._limits.sweep
        delay = (self._wake_at - self._clock.now()) / _MICROSECONDS
        return min(max(delay, 0.001), self._limits.sweep)

    async def _recover(self) -> None:
        after = ""
        while ids := await self._executions.unfinished(after, self._limits.recovered_at_once):
            await self._take_up(ids)
            after = ids[-1]
        await self._take_up(await self._executions.parents_of_ended())
        self._repair_at = self._clock.now() + int(self._limits.repair * _MICROSECONDS)
        await self._sweep()

    async def _take_up(self, ids: Sequence[str]) -> None:
        for each in ids:
            with suppress(NotFound, Conflict):
                await self.load(each)

    async def _sweep(self) -> None:
        await self._take_up(await self._executions.due(self._clock.now()))
        self._wake_at = await self._executions.next_wake()
        await self._repair()

    async def _repair(self) -> None:
        """Bring back what should be in memory and is not, as after a refused write (D5)."""
        now = self._clock.now()
        if now < self._repair_at:
            return
        self._repair_at = now + int(self._limits.repair * _MICROSECONDS)
        known = self._live.keys() | self._leaving.keys() | self._loading.keys()
        lost = [each for each in await self._executions.unfinished() if each not in known]
        missing = [each for each in lost if each not in self._live and each not in self._recent]
        self.repairs += len(missing)
        await self._take_up(missing)

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
            self._journal,
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
        _LOG.warning("an execution was not written and is read again", execution=live.id)
        self._leave(live)

    def find(self, execution_id: str) -> Live | None:
        """Return the execution if it is in memory."""
        return self._live.get(execution_id)

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
        if live is not None:
            return live
        loading = self._loading.get(execution_id)
        if loading is None:
            loading = self._loading[execution_id] = self._spawn(self._bring_in(execution_id))
            loading.add_done_callback(lambda _: self._loading.pop(execution_id, None))
        return await asyncio.shield(loading)

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
        events = await self._journal.read(execution_id)
        if not events:
            message = f"there is no execution {execution_id}"
            raise NotFound(message)
        execution = Execution.fold(execution_id, events)
        if execution.state.terminal:
            message = f"execution {execution_id} has ended as {execution.state}"
            raise Conflict(message)
        await hydrated(execution, self._read_file)
        live = self.make(execution, await self._flow_of(execution), stored=True)
        if self._suspects is not None and self._suspects.poisonous(live.id, execution.version):
            await self._quarantine(live)
        self.begin(live)
        return live

    async def _quarantine(self, live: Live) -> None:
        """End an execution at which the process died again and again (contract D14).

        Raises:
            Conflict: always; the execution has ended.
        """
        message = f"quarantined: the process died {DEATHS} times at this step; restart it by hand"
        await live.record(*failure(live, message))
        _LOG.error("an execution is quarantined", execution=live.id)
        raise Conflict(message)

    async def _flow_of(self, execution: Execution) -> LoadedFlow:
        return await self._flows.at(
            execution.tenant, execution.namespace, execution.flow_id, revision=execution.revision
        )

    async def _read_file(self, uri: str) -> bytes:
        return b"".join([chunk async for chunk in self._storage.get(uri)])

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
        future = self._journal.append(live.execution, [], parked=True, wake_at=wake_at)
        self._leaving[live.id] = future
        future.add_done_callback(lambda _: self._leaving.pop(live.id, None))
        if wake_at is not None and (self._wake_at is None or wake_at < self._wake_at):
            self._wake_at = wake_at
            self._wake.set()

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
        scope = Scope(live)
        steps = _Steps(self, live, renderer)
        interpreter = steps.interpreter = Interpreter(live, scope, renderer, steps)
        if live.execution.state in (State.CREATED, State.RESTARTED):
            live.record(live.event(Kind.MOVED, ROOT, State.RUNNING))
        state = await interpreter.flow()
        await live.gate()
        live.record(await ending(live, state, scope, renderer))

    async def _fail(self, live: Live, error: Exception) -> None:
        """End an execution that the engine itself could not step (contract D14)."""
        if live.left or live.execution.state.terminal:
            return
        _LOG.exception("the engine could not step an execution", execution=live.id, exc_info=error)
        message = f"{type(error).__name__}: {reason(error)}"
        try:
            live.record(*failure(live, f"the engine could not go on: {message}"))
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
        execution = live.execution
        self._recent[live.id] = execution
        while len(self._recent) > self._limits.remembered:
            self._recent.popitem(last=False)
        for future in self._finished.pop(live.id, ()):
            if not future.done():
                future.set_result(execution)
        if execution.parent_id and not self._stopping:
            self._spawn(self._wake_parent(execution))

    async def _wake_parent(self, child: Execution) -> None:
        with suppress(NotFound, Conflict):
            async with self.holding(child.parent_id or "") as parent:
                parent.signal(child.id)

    # -- reading ------------------------------------------------------------------------------

    async def get(self, execution_id: str) -> Execution:
        """Return the execution as committed.

        Raises:
            NotFound: when there is none.
        """
        if (recent := self._recent.get(execution_id)) is not None:
            return recent
        events = await self._journal.read(execution_id)
        if not events:
            message = f"there is no execution {execution_id}"
            raise NotFound(message)
        execution = Execution.fold(execution_id, events)
        await hydrated(execution, self._read_file)
        return execution

    async def exists(self, execution_id: str) -> bool:
        """Whether there is such an execution, in memory or in the database."""
        known = execution_id in self._live or execution_id in self._recent
        return known or bool(await self._journal.read(execution_id))

    def finish(self, execution_id: str) -> asyncio.Future[Execution]:
        """Return a future that is done when the execution's end is durable."""
        future: asyncio.Future[Execution] = asyncio.get_running_loop().create_future()
        if (done := self._recent.get(execution_id)) is not None:
            future.set_result(done)
        else:
            self._finished.setdefault(execution_id, []).append(future)
        return future

    def forget_finish(self, execution_id: str, future: asyncio.Future[Execution]) -> None:
        """Stop waiting for an end."""
        waiting = self._finished.get(execution_id, [])
        if future in waiting:
            waiting.remove(future)
        if not waiting:
            self._finished.pop(execution_id, None)

    def end_now(self, live: Live, events: Sequence[Event]) -> asyncio.Future[Any]:
        """Record the events that end an execution from outside, and stop its work."""
        committed = live.record(*events)
        self._settle(live)  # the walk may not even have begun, and then cannot do it itself
        if live.root is not None:
            live.root.cancel()
        return committed


class _Steps:
    """Runs and walks single tasks of one execution, for its interpreter."""

    def __init__(self, executor: Executor, live: Live, renderer: Renderer) -> None:
        self._executor = executor
        self._live = live
        self._renderer = renderer
        self.interpreter: Interpreter

    async def run(self, place: Place, task: Runnable) -> State:
        worker = self._executor._worker  # noqa: SLF001 - one object in two classes
        return await worker.run(place, task, self._renderer, self.interpreter.variables)

    async def walk(self, place: Place, task: Flowable) -> State:
        executor = self._executor
        live = self._live
        log = TaskRunLog(
            executor._sink,  # noqa: SLF001 - as above
            live.clock,
            live.execution,
            live.secrets,
            task=task.id,
            run=place.run_id,
            attempt=0,
            least=task.log_level,
        )
        subflows = executor.subflows
        if subflows is None:
            message = "subflows cannot be started here"
            raise Conflict(message)
        return await task.walk(TaskWalker(self.interpreter, place, self._renderer, subflows, log))


def failure(live: Live, message: str) -> list[Event]:
    """Return the events that fail an execution: its open task runs and itself."""
    events = [
        live.event(Kind.ENDED, run.path, State.FAILED, error=message)
        for run in live.execution.task_runs.values()
        if not run.ended
    ]
    return [*events, live.event(Kind.MOVED, ROOT, State.FAILED, reason=message)]
