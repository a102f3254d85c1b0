"""The executor: owns the executions that move; drives them, and parks those that wait."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Any

from app.engine.admission import Admission
from app.engine.calls import Subflows
from app.engine.checks import FailedCheck
from app.engine.driving import Driver
from app.engine.live import Live
from app.engine.parts import Parts
from app.engine.recovery import Recovery
from app.engine.rendering import reason
from app.engine.residence import Residence
from app.engine.resolver import InputResolver
from app.engine.results import complain, failure
from app.engine.sealing import protect
from app.engine.secrecy import Secrets
from app.engine.surroundings import surround
from app.engine.suspects import Suspects
from app.engine.worker import Worker
from app.errors import Conflict, Fenced, HeadwaterError, NotFound, Unavailable
from app.executions import Event, Execution, Kind
from app.expressions import Environment
from app.ports import LoadedFlow
from app.telemetry import METRICS, get_logger

_LOG = get_logger(__name__)

Revival = Callable[[Execution, LoadedFlow], Sequence[Event]]
"""Makes the events that change an execution after its end; raises what refuses to."""


class Executor(Residence):
    """Drives executions; the only owner of their tasks."""

    def __init__(
        self,
        parts: Parts,
        worker: Worker,
        environment: Callable[[Live], Environment],
        suspects: Suspects | None = None,
    ) -> None:
        """Drive executions over these ports; `environment` gives an execution its functions.

        `suspects` remembers at which execution the process died (contract D14).
        """
        super().__init__(parts, suspects)
        self._loop: asyncio.Task[None] | None = None
        self.admission = Admission(parts, self)
        self._driver = Driver(parts, worker, environment, suspects, self.admission)
        self.inputs = InputResolver(parts, self.make, environment)
        self.recovery = Recovery(parts.executions, parts.clock, self, parts.limits)
        self.finished.heard += [self._let_next_in, self._tell_caller]

    def call_through(self, subflows: Subflows) -> None:
        """Let executions start others through this."""
        self._driver.subflows = subflows

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

    async def repair(self) -> None:
        """Mend what holds up executions that wait for their turn."""
        await self.admission.repair()

    def _parked(self, wake_at: int | None) -> None:
        self.recovery.due_at(wake_at)

    def _put_off(self, live: Live) -> None:
        if not live.left:
            self._leave(live)
            self.recovery.later(live.id)

    # -- driving ------------------------------------------------------------------------------

    async def _drive(self, live: Live) -> None:
        try:
            await self._driver.walk(live, self)
        except asyncio.CancelledError:
            # Raised again, it would hold all frames of the walk until the collector comes round.
            if not live.left:
                if not live.execution.over:
                    self._leave(live)
                raise
        except Unavailable as error:  # no fault of its own: the sweep brings it back (D17)
            _LOG.warning("an execution is read again", execution=live.id, reason=error.message)
            if live.id not in self._wanted:  # else whoever holds it lets it go
                self._put_off(live)
        except Exception as error:  # noqa: BLE001 - a poison execution never stops the loop (D14)
            self._fail(live, error)
        finally:
            if live.execution.over:
                self._settle(live)

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
            if live.execution.state.terminal:  # it failed at what comes after its end
                live.record(*events)
            else:
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
        anew = self.make(live.execution, live.loaded)
        anew.succeed(live)
        if live.root is not None:
            live.root.cancel()
        self.begin(anew)

    def _ended(self, live: Live, done: asyncio.Future[Any]) -> None:
        """Tell of an end, once it is durable."""
        if done.cancelled() or done.exception() is not None:
            return
        if not live.execution.over:
            self.finished.tell(live.execution)
        if self.counts:
            METRICS.executions_ended.labels(live.execution.state.value).inc()

    def _let_next_in(self, ended: Execution) -> None:
        """Wake who waited for the slot of an execution, whatever ended it."""
        if ended.slot and not self._stopping:
            self.spawn(self.admission.wake(ended.flow_key))

    def _tell_caller(self, ended: Execution) -> None:
        """Wake who started it, whatever ended it: also once nothing takes its place any more."""
        if ended.caller_id and not self._stopping:
            self.spawn(self._wake_parent(ended))

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
        """Wake the caller of an execution; an outage delays that, no more (contract D17)."""
        while not self._stopping:
            try:
                async with self.holding(child.caller_id or "") as parent:
                    parent.signal(child.original_id or child.id)
            except (NotFound, Conflict):  # it has ended
                return
            except HeadwaterError as error:
                _LOG.warning("a caller is woken later", execution=child.id, reason=error.message)
                await asyncio.sleep(self._limits.sweep)
            else:
                return

    # -- changes from outside -----------------------------------------------------------------

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
        self.finished.forget_execution(live.id)
        if not was_driven:
            self._live[live.id] = live
        self._go_on(live, events, driven=was_driven)
        try:
            await committed
        except Fenced:
            message = f"execution {execution_id} was changed by somebody else meanwhile"
            raise Conflict(message) from None
        return live.execution

    def _go_on(self, live: Live, events: Sequence[Event], *, driven: bool) -> None:
        if live.execution.over:
            self._settle(live)
        elif not driven:
            self.begin(live)
        elif any(event.kind is Kind.RESTARTED for event in events):
            self._anew(live)

    # -- for those who create -----------------------------------------------------------------

    async def render(
        self, execution: Execution, value: Any, reader: Live, *, as_there: bool
    ) -> Any:
        """Render every text of a structure as an execution that has ended sees it, for `reader`.

        Functions answer it as they answer the reader, or (`as_there`) as they did there.

        Raises:
            HeadwaterError: when its flow cannot be read, or a template not be evaluated.
        """
        live = self.make(execution, await self._entry.flow(execution))
        try:
            return await self._driver.render(live, value, live if as_there else reader)
        finally:  # what was opened there is a secret here, too
            reader.secrets.update(live.secrets.whole)

    def protect(self, data: dict[str, Any], known: Collection[str]) -> None:
        """Seal what a new execution is made with, where it holds secrets that are known."""
        if known:
            secrets = Secrets()
            secrets.update(known)
            protect(data, secrets, self._parts.cipher)

    async def surrounded(self, live: Live) -> Live:
        """Give an execution that nobody drives what is around its flow; return it."""
        return await surround(live, self._parts)

    async def failed_checks(self, live: Live) -> list[FailedCheck]:
        """Return the checks of its flow that an execution does not hold before it is created."""
        return await self._driver.failed_checks(live)
