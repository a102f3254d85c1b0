"""The triggers of a node: the loop that follows flows, fires what is due, hears of executions."""

import asyncio
from collections.abc import Callable, Collection, Iterable
from contextlib import AsyncExitStack

from app.db.outbox import UpstreamEvent, waiting
from app.db.trigger_records import FlowKey, TriggerKey, TriggerState
from app.errors import HeadwaterError, TooMany, Unavailable
from app.executions import Execution, State
from app.telemetry import get_logger
from app.triggers.evaluating import Evaluator
from app.triggers.listening import Listeners
from app.triggers.parts import Alarm, TriggerParts
from app.triggers.reconciling import Reconciler
from app.triggers.recovery import caught_up
from app.triggers.upstream import Upstreams
from app.triggers.waiting import Waiting

_LOG = get_logger(__name__)
_SECOND = 1_000_000
_SWEEP = 30 * _SECOND
"""At the latest after so long (µs) the table is looked at, whatever rang."""
_MANY = 16
"""Flows that are looked at one by one."""
_AT_ONCE = 32
"""Triggers that are evaluated side by side; their executions share commits."""
_CHUNK = 200
_LATER = 1_000
"""States in the outbox that have to wait; beyond them, so do all others."""


class Triggers:
    """Starts flows by time and by events."""

    def __init__(self, parts: TriggerParts, alarm: Alarm) -> None:
        """Nothing is looked at yet; `alarm` must call `wake` when it rings.

        From now on every state of an execution is kept until it is known who listens: what a dead
        process left may end before `start`.
        """
        self._parts = parts
        self._alarm = alarm
        self.reconciler = Reconciler(parts)
        self.listeners = Listeners()
        self._upstreams = Upstreams(parts)
        self._waiting = Waiting(parts, self.wake)
        self._evaluator = Evaluator(parts, self.reconciler, self._waiting)
        self._pending: set[FlowKey] = set()
        self._all = True
        self._behind: set[TriggerKey] | None = None
        self._settling = asyncio.Lock()
        self._woken = asyncio.Event()
        self._heard = asyncio.Event()
        self._polled: set[TriggerKey] = set()
        self._polls: set[asyncio.Task[None]] = set()
        self._stack = AsyncExitStack()
        self._group: asyncio.TaskGroup | None = None
        self._tasks: list[asyncio.Task[None]] = []
        parts.outbox.listens = self._listens
        parts.outbox.stored = self._heard.set

    # -- life ----------------------------------------------------------------------------------

    async def start(self) -> None:
        """Take up what is stored, and go on from there."""
        await self.open()
        self._group = await self._stack.enter_async_context(asyncio.TaskGroup())
        self._tasks += [
            self._group.create_task(self._forever(self._woken, self.step), name="triggers"),
            self._group.create_task(self._forever(self._heard, self.listen), name="upstream"),
        ]

    async def open(self) -> None:
        """Hear of flows and executions from now on; look at what happened before."""
        await self._waiting.open()
        self._parts.flows.heard.append(self._changed)
        self._parts.executor.finished.heard.append(self._waiting.ended)
        self.wake()
        self._heard.set()

    async def stop(self) -> None:
        """Fire nothing any more; what is being evaluated is evaluated again after the start."""
        self._alarm.set(None)
        for task in (*self._tasks, *self._polls):
            task.cancel()
        self._tasks.clear()
        self._group = None
        await self._stack.aclose()

    def wake(self) -> None:
        """Look at what is due."""
        self._woken.set()

    def _changed(self, flows: Iterable[FlowKey] | None) -> None:
        if flows is None:
            self._all = True
        else:
            self._pending.update(flows)
        self.wake()

    def _listens(self, execution: Execution, state: State) -> bool:
        """Whether anybody wants to hear of a state; while flows change, that may be anybody."""
        unsettled = self._all or self._pending or self._settling.locked()
        return bool(unsettled) or self.listeners.listens(execution, state)

    async def _forever(self, event: asyncio.Event, work: Callable[[], object]) -> None:
        while True:
            await event.wait()
            event.clear()
            try:
                await work()  # type: ignore[misc]  # both are coroutine functions
            except HeadwaterError as error:
                _LOG.warning("triggers have to wait", reason=error.message)
                asyncio.get_running_loop().call_later(1.0, event.set)
            except Exception as error:  # noqa: BLE001 - the loop goes on, whatever one trigger does
                _LOG.exception("the triggers' loop failed", exc_info=error)
                asyncio.get_running_loop().call_later(5.0, event.set)

    # -- what is due -----------------------------------------------------------------------------

    async def step(self) -> None:
        """Do all that is to be done now, and set the alarm for the next time."""
        await self.settled()
        later = await self._catch_up()
        await self._waiting.release()
        while due := await self._due(later):
            later |= await self._evaluate_all(due)
            await self._waiting.release()
        now = self._parts.clock.now()
        upcoming = await self._parts.store.next_due(now)
        limit = now + (_SECOND if later or self._pending else _SWEEP)
        self._alarm.set(limit if upcoming is None else min(upcoming, limit))

    async def _due(self, later: set[TriggerKey]) -> list[TriggerState]:
        busy = self._polled | later
        due = await self._parts.store.due(self._parts.clock.now(), _CHUNK + len(busy))
        return [state for state in due if state.key not in busy]

    async def _evaluate_all(self, due: list[TriggerState]) -> set[TriggerKey]:
        """Evaluate triggers; return those that have to be tried again later."""
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(state: TriggerState) -> bool:
            async with gate:
                return await self._evaluator.evaluate(state)

        async with asyncio.TaskGroup() as group:
            tasks = {e.key: group.create_task(one(e)) for e in due if not self._poll(e)}
        return {key for key, task in tasks.items() if task.result()}

    def _poll(self, state: TriggerState) -> bool:
        """Begin a poll, which may take long and holds up nobody; False for any other trigger."""
        if self._group is None or not state.type.endswith("http.Trigger"):
            return False
        self._polled.add(state.key)
        task = self._group.create_task(self._polling(state))
        self._polls.add(task)
        task.add_done_callback(self._polls.discard)
        return True

    async def _polling(self, state: TriggerState) -> None:
        try:
            if await self._evaluator.evaluate(state):
                await asyncio.sleep(1.0)
        except HeadwaterError as error:
            _LOG.warning("a poll has to wait", trigger=state.name, reason=error.message)
            await asyncio.sleep(1.0)
        finally:
            self._polled.discard(state.key)
            self.wake()

    async def _catch_up(self) -> set[TriggerKey]:
        """Decide about the dates that were missed while the service was down.

        Returns the triggers for which that has to wait until their flows can be read.
        """
        if self._behind == set():
            return set()
        now = self._parts.clock.now()
        due = await self._parts.store.due(now, 100_000)
        behind = {each.key for each in due} if self._behind is None else self._behind
        left = {e.key for e in due if e.key in behind and not await self._is_caught_up(e, now)}
        if self._behind is None:
            await self._waiting.open()
        self._behind = left
        return set(left)

    async def _is_caught_up(self, state: TriggerState, now: int) -> bool:
        try:
            found = await self.reconciler.found(state)
        except Unavailable as error:
            _LOG.warning("missed dates have to wait", trigger=state.name, reason=error.message)
            return False
        if found is not None:
            new = await caught_up(self._parts, state, *found)
            if new != state:
                await self._parts.store.move(state, new, now)
        return True

    # -- flows and executions ----------------------------------------------------------------------

    async def settled(self) -> None:
        """Wait until the triggers are what the active flows say, of those that can be read."""
        async with self._settling:
            if self._all:
                await self._look_at_all()
            if len(self._pending) > _MANY:
                await self._dismiss()
            later: set[FlowKey] = set()
            while some := list(self._pending - later)[:_AT_ONCE]:
                self._pending.difference_update(some)
                async with asyncio.TaskGroup() as group:
                    tasks = [group.create_task(self._reconcile(flow)) for flow in some]
                for error in (task.result() for task in tasks):
                    if error is not None and not isinstance(error, Unavailable):
                        raise error
                later |= self._pending.intersection(some)

    async def _dismiss(self) -> None:
        """Leave out the flows that have no triggers; what changes meanwhile is looked at again."""
        asked, self._pending = self._pending, set()
        none: set[FlowKey] = set()
        try:
            none = await self.reconciler.dismissed(asked)
        finally:
            self._pending |= asked - none

    async def _look_at_all(self) -> None:
        """Find the flows that have changed; take in all flow triggers, whoever stored them."""
        self._all = False
        try:
            self._pending |= await self.reconciler.outdated()
            for state in await self._parts.store.listening():
                self.listeners.put(state)
        except HeadwaterError:
            self._all = True
            raise

    async def _reconcile(self, flow: FlowKey) -> HeadwaterError | None:
        try:
            self.relisten(flow, await self.reconciler.reconcile(flow))
        except HeadwaterError as error:
            self._pending.add(flow)
            return error
        return None

    def relisten(self, flow: FlowKey, states: Iterable[TriggerState]) -> None:
        """Let the index of listeners be what is stored of a flow."""
        for key in self.listeners.of_flow(flow):
            self.listeners.drop(key)
        for state in states:
            self.listeners.put(state)

    async def listen(self) -> None:
        """Deal with what is in the outbox; what has to wait holds up no other.

        Raises:
            TooMany, Unavailable: when something has to be tried again later.
        """
        later: dict[UpstreamEvent, TooMany | Unavailable] = {}
        while events := await self._untold(later):
            await self.settled()  # also while somebody else is at it: the index may be empty still
            if self._pending:
                raise Unavailable("a flow that may listen cannot be read now")
            for event in events:
                try:
                    await self._upstreams.tell(event, self.listeners)
                except (TooMany, Unavailable) as error:
                    later[event] = error
        if later:
            raise next(iter(later.values()))

    async def _untold(self, later: Collection[UpstreamEvent]) -> list[UpstreamEvent]:
        if len(later) >= _LATER:
            return []
        stored = await waiting(self._parts.database, _CHUNK + len(later))
        return [event for event in stored if event not in later]
