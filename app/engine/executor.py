"""The executor: owns the executions that move; drives them, and parks those that wait."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Container, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from app.engine.admission import Admission
from app.engine.afterwards import Afterwards
from app.engine.checks import FailedCheck, failed_checks
from app.engine.entry import Entry, ended_message
from app.engine.finished import Finished
from app.engine.levels import Levels
from app.engine.live import Listener, Live
from app.engine.parts import Parts
from app.engine.recovery import Recovery
from app.engine.rendering import Renderer, reason
from app.engine.resolver import InputResolver
from app.engine.results import complain, ending, failure
from app.engine.scope import Scope
from app.engine.steps import ExecutionSteps
from app.engine.suspects import Stepping, Suspects
from app.engine.walker import Subflows
from app.engine.worker import Worker
from app.errors import Conflict, Fenced, HeadwaterError, NotFound
from app.executions import Event, Execution, Kind, State
from app.expressions import Environment
from app.ports import LoadedFlow
from app.telemetry import METRICS, get_logger

_LOG = get_logger(__name__)

Revival = Callable[[Execution, LoadedFlow], Sequence[Event]]
"""Makes the events that change an execution after its end; raises what refuses to."""

_MICROSECONDS = 1_000_000
_OUTSIDE = frozenset({State.CREATED, State.QUEUED, State.RESTARTED})
"""States in which an execution waits to be let in."""


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
        self.clock = parts.clock
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
        self._entry = Entry(parts, self.finished, suspects)
        self.admission = Admission(parts, self)
        self.inputs = InputResolver(parts, self.make, environment)
        self.recovery = Recovery(parts.executions, parts.clock, self, parts.limits)

    # -- life ---------------------------------------------------------------------------------

    async def start(self) -> None:
        """Take up what was interrupted, then keep watch over what is due."""
        self._loop = self.spawn(self.recovery.watch())

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

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run something beside; it is cancelled with the executor."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # -- loading and leaving ------------------------------------------------------------------

    def begin(self, live: Live) -> None:
        """Drive an execution that has just been created."""
        self._live[live.id] = live
        live.root = self.spawn(self._drive(live))

    def make(self, execution: Execution, loaded: LoadedFlow, *, stored: bool = False) -> Live:
        """Make the in-memory form of an execution (not driven yet)."""
        return Live(
            execution,
            loaded,
            self._parts.journal,
            self.clock,
            self._idle,
            self._lost,
            self.listeners,
            stored=stored,
            cipher=self._parts.cipher,
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
        if live is not None and live.execution.over:
            raise Conflict(ended_message(live.execution))
        if live is not None:
            return live
        loading = self._loading.get(execution_id)
        if loading is None:
            loading = self._loading[execution_id] = self.spawn(self._bring_in(execution_id))
            loading.add_done_callback(lambda _: self._loading.pop(execution_id, None))
        return await asyncio.shield(loading)

    async def load_all(self, ids: Sequence[str]) -> None:
        """Bring in executions with one look at the journal (see `Loader`)."""
        missing = [each for each in ids if not self.known(each)]
        journals = await self._parts.journal.read_many(missing)
        for each, events in journals.items():
            if events and not self.known(each):
                with suppress(NotFound, Conflict):
                    await self._start_at(await self._entry.folded(each, events))

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
        return await self._start_at(await self._entry.read(execution_id))

    async def _start_at(self, execution: Execution) -> Live:
        loaded = await self._entry.admitted(execution)
        if (other := self._live.get(execution.id)) is not None:
            return other  # somebody else was faster while the flow was read
        live = self.make(execution, loaded, stored=True)
        self.begin(live)
        return live

    def _idle(self, live: Live, due: int | None) -> None:
        """Park an execution of which every line of work waits for long (the engine's 4th idea)."""
        soon = self.clock.now() + int(self._limits.park_after * _MICROSECONDS)
        if live.left or live.execution.over or live.id in self._wanted:
            return
        if live.deadline is not None:
            due = live.deadline if due is None else min(due, live.deadline)
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
        self.finished.forget_execution(live.id)
        future = self._parts.journal.append(live.execution, [], parked=True, wake_at=wake_at)
        self._leaving[live.id] = future
        future.add_done_callback(lambda _: self._leaving.pop(live.id, None))
        self.recovery.due_at(wake_at)

    async def repair(self) -> None:
        """Mend what holds up executions that wait for their turn."""
        await self.admission.repair()

    # -- driving ------------------------------------------------------------------------------

    async def _drive(self, live: Live) -> None:
        try:
            await self._walk(live)
        except asyncio.CancelledError:
            # Raised again, it would hold all frames of the walk until the collector comes round.
            if not live.left:
                if not live.execution.over:
                    self._leave(live)
                raise
        except Exception as error:  # noqa: BLE001 - a poison execution never stops the loop (D14)
            self._fail(live, error)
        finally:
            if live.execution.over:
                self._settle(live)

    async def _walk(self, live: Live) -> None:
        renderer = self._renderer(live)
        steps = ExecutionSteps(live, renderer, self._worker, self.subflows, self._parts)
        try:
            if not live.execution.state.terminal:
                await self._run(live, steps, renderer)
            if live.execution.after:
                await Afterwards(live, steps, renderer, self.subflows.renew).run()
        finally:
            steps.close()

    async def _run(self, live: Live, steps: ExecutionSteps, renderer: Renderer) -> None:
        levels = Levels(live, steps.scope, renderer, self) if live.loaded.flow.sla else None
        if levels is not None:
            levels.start()
        try:
            if live.execution.state in _OUTSIDE:
                await self.admission.admit(live)
            if not live.execution.state.terminal:
                await self._through(live, steps, renderer, levels)
        finally:
            if levels is not None:
                levels.stop()

    async def _through(
        self, live: Live, steps: ExecutionSteps, renderer: Renderer, levels: Levels | None
    ) -> None:
        state = await steps.interpreter.flow()
        await live.gate()
        if levels is not None:
            await levels.check()
        event = await ending(live, state, steps.scope, renderer, self._parts)
        if not live.execution.state.terminal:
            self.end(live, event)

    def _fail(self, live: Live, error: Exception) -> None:
        """End an execution that the engine itself could not step (contract D14)."""
        if live.left or live.execution.over:
            return
        _LOG.exception("the engine could not step an execution", execution=live.id, exc_info=error)
        message = f"{type(error).__name__}: {reason(error)}"
        message = f"the engine could not go on: {message}"
        complain(live, self._parts, message)
        events = failure(live.execution, self.clock, message)
        try:
            self.end_now(live, events)
        except HeadwaterError:
            self._leave(live)

    # -- ends ---------------------------------------------------------------------------------

    def end(self, live: Live, *events: Event) -> asyncio.Future[Any]:
        """Record the events that end an execution; who waits for it hears once that is durable."""
        committed = live.record(*events)
        committed.add_done_callback(lambda done: self._ended(live, done))
        return committed

    def end_now(self, live: Live, events: Sequence[Event]) -> asyncio.Future[Any]:
        """Record the events that end an execution from outside, and stop its work."""
        committed = self.end(live, *events)
        if live.execution.over:
            self._settle(live)  # the walk may not even have begun, and then cannot do it itself
            if live.root is not None:
                live.root.cancel()
        else:
            self._anew(live)
        return committed

    def _anew(self, live: Live) -> None:
        """Walk an execution from its top: what it waited for is not what it waits for now."""
        live.left = True
        if live.root is not None:
            live.root.cancel()
        self.begin(self.make(live.execution, live.loaded))

    def _ended(self, live: Live, done: asyncio.Future[Any]) -> None:
        """Tell of an end, once it is durable."""
        if done.cancelled() or done.exception() is not None:
            return
        if not live.execution.over:
            self.finished.tell(live.execution)
        METRICS.executions_ended.labels(live.execution.state.value).inc()
        if live.execution.slot and not self._stopping:
            self.spawn(self.admission.wake(live.execution.flow_key))
        if live.execution.caller_id and not self._stopping:
            self.spawn(self._wake_parent(live.execution))

    def _settle(self, live: Live) -> None:
        """Forget an execution that is over, once that is durable."""
        if live.left:
            return
        live.left = True
        committed = live.committed
        if committed is not None:
            committed.add_done_callback(lambda done: self._over(live, done))

    def _over(self, live: Live, done: asyncio.Future[Any]) -> None:
        if self._live.get(live.id) is live:
            del self._live[live.id]
        if not done.cancelled() and done.exception() is None:
            self.finished.add(live.execution)

    async def _wake_parent(self, child: Execution) -> None:
        with suppress(NotFound, Conflict):
            async with self.holding(child.caller_id or "") as parent:
                parent.signal(child.original_id or child.id)

    # -- after the end ------------------------------------------------------------------------

    async def revive(self, execution_id: str, make: Revival) -> Execution:
        """Change an execution that has ended, or pauses, by the events that `make` returns for it.

        They are durable when this returns; if it is not over by then, it is walked from its top
        (as after RESTARTED). Of several who do this at once, one wins.

        Raises:
            NotFound: when there is none.
            Conflict: when somebody else changed it meanwhile.
        """
        live = await self._still(execution_id)
        was_driven = live.root is not None
        events = make(live.execution, live.loaded)
        if not events:
            return live.execution
        committed = live.record(*events)
        if not was_driven:
            self._live[live.id] = live
            self.finished.forget_execution(live.id)
        self._go_on(live, events, driven=was_driven)
        try:
            await committed
        except Fenced:
            message = f"execution {execution_id} was changed by somebody else meanwhile"
            raise Conflict(message) from None
        return live.execution

    async def journal(self, execution_id: str) -> Sequence[Event]:
        """Return the committed events of an execution."""
        return await self._parts.journal.read(execution_id)

    async def folded(self, execution_id: str, events: Sequence[Event]) -> Execution:
        """Return the execution that a journal tells of, with outputs that storage keeps."""
        return await self._entry.folded(execution_id, events)

    async def adopt(
        self, execution: Execution, loaded: LoadedFlow, events: Sequence[Event]
    ) -> None:
        """Take in a copy of another execution, which `events` have made; it is durable then."""
        live = self.make(execution, loaded)
        committed = live.adopt(events)
        self.begin(live)
        await committed

    def _go_on(self, live: Live, events: Sequence[Event], *, driven: bool) -> None:
        if live.execution.over:
            self._settle(live)
        elif not driven:
            self.begin(live)
        elif any(event.kind is Kind.RESTARTED for event in events):
            self._anew(live)

    async def _still(self, execution_id: str) -> Live:
        """Return an execution that is not on its way in or out, driven or not."""
        while True:
            await self._at_rest(execution_id)
            if (live := self._live.get(execution_id)) is not None and not live.left:
                return live
            if live is not None:
                continue
            execution = await self._entry.read(execution_id)
            loaded = await self._entry.flow(execution)
            if execution_id not in self._live and execution_id not in self._loading:
                return self.make(execution, loaded, stored=True)

    async def _at_rest(self, execution_id: str) -> None:
        waits: list[asyncio.Future[Any]] = []
        if (leaving := self._leaving.get(execution_id)) is not None:
            waits.append(leaving)
        if (loading := self._loading.get(execution_id)) is not None:
            waits.append(loading)
        live = self._live.get(execution_id)
        if live is not None and live.left and live.committed is not None:
            waits.append(live.committed)
        if waits:
            await asyncio.wait(waits)
        await asyncio.sleep(0)  # what hears of it besides us comes first

    # -- reading ------------------------------------------------------------------------------

    async def render(self, execution: Execution, value: Any) -> Any:
        """Render every text of a structure as an execution that has ended sees it.

        Raises:
            HeadwaterError: when its flow cannot be read, or a template not be evaluated.
        """
        live = self.make(execution, await self._entry.flow(execution))
        return await self._renderer(live).deep(value, Scope(live).variables())

    async def failed_checks(self, live: Live) -> list[FailedCheck]:
        """Return the checks of its flow that an execution does not hold before it is created."""
        checks = live.loaded.flow.checks
        return await failed_checks(checks, Scope(live).variables(), self._renderer(live))

    def _renderer(self, live: Live) -> Renderer:
        stepping = Stepping(self._suspects, live)
        return Renderer(self._environment(live), live.loaded.plans, stepping)

    async def get(self, execution_id: str) -> Execution:
        """Return the execution as committed.

        Raises:
            NotFound: when there is none.
        """
        if (recent := self.finished.get(execution_id)) is not None:
            return recent
        return await self._entry.read(execution_id)

    async def exists(self, execution_id: str) -> bool:
        """Whether there is such an execution, in memory or in the database."""
        if execution_id in self._live or execution_id in self.finished:
            return True
        return bool(await self._parts.journal.read(execution_id))
