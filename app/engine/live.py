"""An execution while it is in memory: its fold, its outputs, and what it waits for.

All of it belongs to the event loop; `record` is the only place where an execution changes.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from app.engine.outputs import OutputTree
from app.engine.sealing import protect
from app.engine.secrecy import Secrets
from app.errors import Conflict
from app.executions import Event, Execution, Kind, State, TaskRun, TaskRunPath
from app.flows.encryption import Cipher, opened, veiled
from app.ports import Claim, Clock, Journal, LoadedFlow

_MICROSECONDS = 1_000_000


Listener = Callable[[int, Sequence[Event]], None]
"""Hears of committed events: the version of the first one, and the events."""


class Home(NamedTuple):
    """What the executions of a node have in common."""

    journal: Journal
    clock: Clock
    on_idle: Callable[["Live", int | None], None]
    on_lost: Callable[["Live"], None]
    listeners: Mapping[str, Sequence[Listener]]
    cipher: Cipher | None


class Live:
    """One execution in memory.

    `strands` counts the lines of work of the walk, `idle` those of them that wait. When all wait
    and nothing is due soon, `on_idle` is called with the time (µs) of the nearest due wait.
    """

    def __init__(
        self,
        execution: Execution,
        loaded: LoadedFlow,
        home: "Home",
        *,
        stored: bool = False,
    ) -> None:
        """Take over `execution`, which runs `loaded`; `stored` says that its row exists already."""
        self.execution = execution
        self.loaded = loaded
        self.journal = home.journal
        self.clock = home.clock
        self.secrets = Secrets()
        self._cipher = home.cipher
        # No method of this object: what left memory is not left to the collector.
        self.revealed: Callable[[Any], Any] = _plain
        if home.cipher is not None:
            self.revealed = partial(opened, cipher=home.cipher, found=self.secrets)
        """Returns a structure for expressions: sealed texts opened, and masked in logs from now."""
        self.outputs = OutputTree(execution, self.revealed)
        self.surroundings: Mapping[str, Any] = {}
        """What expressions see around the flow: see `surround`."""
        self.root: asyncio.Task[None] | None = None
        self.committed: asyncio.Future[Any] | None = None
        self.left = False
        self.barrier: Exception | None = None
        """Raised instead of recording anything, while what ends by an exit unwinds."""
        self.deadline: int | None = None
        """When (µs) a service level is violated, whatever the walk waits for."""
        self.watch: Callable[[], None] | None = None
        """Is told of every change."""
        self.strands = 1
        self.idle = 0
        self._on_idle = home.on_idle
        self._on_lost = home.on_lost
        self._listeners = home.listeners
        self._touch = stored
        flow = loaded.flow
        self._goes_on = bool(flow.after_execution or flow.listeners)
        self._waiters: dict[str, asyncio.Future[None]] = {}
        self._signals: set[str] = set()
        self._dues: dict[str, int | None] = {}

    @property
    def place(self) -> tuple[str, str, str]:
        """Tenant, namespace and commit of what expressions ask for: those of the flow.

        A flow trigger sees another execution than one of its own flow; its secrets, pairs and
        variables stay those of its own namespace.
        """
        revision, execution = self.loaded.revision, self.execution
        if revision.key[:2] == (execution.tenant, execution.namespace):
            return execution.tenant, execution.namespace, execution.commit
        return revision.tenant, revision.namespace, revision.snapshot or revision.commit

    def veil(self) -> None:
        """Let expressions see what people see: asterisks where something is sealed."""
        self.revealed = veiled
        self.outputs = OutputTree(self.execution, veiled)

    @property
    def id(self) -> str:
        """The execution's id."""
        return self.execution.id

    def record(self, *events: Event) -> asyncio.Future[Any]:
        """Apply events and queue them for the journal; the future is done when they are durable.

        Raises:
            Conflict: when the execution has ended or left memory: nothing may follow.
        """
        self.refuse_if_left()
        if self._goes_on:
            events = self._around_the_end(events)
        first = self.execution.version
        for event in events:
            if self.secrets and event.kept is None:
                protect(event.data, self.secrets, self._cipher)
            self.execution.apply(event)
            self._follow(event)
        if self.watch is not None:
            self.watch()
        return self._append(first, events)

    def refuse_if_left(self) -> None:
        """Raise `Conflict` once it ends or has left memory: its tasks start nothing any more."""
        if self.barrier is not None:
            raise self.barrier
        if self.left:
            message = f"execution {self.id} is not in memory any more"
            raise Conflict(message)

    def _around_the_end(self, events: Sequence[Event]) -> tuple[Event, ...]:
        """Mark the end as one after which tasks run; what these do leaves its state alone."""
        for event in events:
            if _ends(event) and not event.data.get("forced"):
                event.data.setdefault("after", True)
        if not self.execution.after:
            return tuple(events)
        return tuple(event for event in events if not _moves(event))

    async def protect(self, event: Event) -> None:
        """Seal and mask what an event with much data tells of secrets, before it is stored."""
        if self.secrets:
            await asyncio.to_thread(protect, event.data, self.secrets, self._cipher)

    def create(
        self, event: Event, claim: Claim | None = None, starter: Execution | None = None
    ) -> asyncio.Future[Any]:
        """Queue the event that made the execution (applied already).

        It is refused if what its `starter` recorded until now is.
        """
        return self._append(0, [event], claim, starter)

    def adopt(self, events: Sequence[Event]) -> asyncio.Future[Any]:
        """Queue the whole journal of a copy (applied already)."""
        return self._append(0, events)

    def _append(
        self,
        first: int,
        events: Sequence[Event],
        claim: Claim | None = None,
        follows: Execution | None = None,
    ) -> asyncio.Future[Any]:
        # The first write after a time in the database says that it is in memory again.
        touch, self._touch = self._touch, False
        future = self.journal.append(
            self.execution, events, claim=claim, touch=touch, follows=follows
        )
        future.add_done_callback(lambda done: self._committed(done, first, events))
        self.committed = future
        return future

    def _follow(self, event: Event) -> None:
        if event.path and (event.kind is Kind.ENDED or "outputs" in event.data):
            run = self.execution.task_runs[event.path]
            self.outputs.add(run, event.data.get("outputs"))

    def _committed(self, done: asyncio.Future[Any], first: int, events: Sequence[Event]) -> None:
        if done.cancelled():
            return
        if done.exception() is not None:
            self._on_lost(self)
            return
        for listener in tuple(self._listeners.get(self.id, ())):
            listener(first, events)

    def event(self, kind: Kind, path: TaskRunPath, to: State | None = None, **data: Any) -> Event:
        """Make an event of now."""
        return Event(kind, self.clock.now(), path, to, data=data)

    def run(self, path: TaskRunPath) -> TaskRun | None:
        """Return the task run at a path, if there is one yet."""
        return self.execution.task_runs.get(path)

    def signal(self, key: str) -> None:
        """Wake the line of work that waits for `key`, now or when it comes to wait."""
        waiter = self._waiters.get(key)
        if waiter is None:
            self._signals.add(key)
        elif not waiter.done():
            waiter.set_result(None)

    async def wait(self, key: str, due: int | None = None) -> None:
        """Wait for `signal(key)`, or until `due` (µs since the epoch)."""
        if key in self._signals:
            self._signals.discard(key)
            return
        waiter = self._waiters[key] = asyncio.get_running_loop().create_future()
        self._dues[key] = due
        self.idle += 1
        self.check_idle()
        try:
            await self._until(waiter, due)
        finally:
            self.idle -= 1
            del self._waiters[key], self._dues[key]

    async def _until(self, waiter: asyncio.Future[None], due: int | None) -> None:
        if due is None:
            await waiter
            return
        delay = max(0.0, (due - self.clock.now()) / _MICROSECONDS)
        with suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await waiter

    def check_idle(self) -> None:
        """Tell the executor when every line of work waits."""
        if self.idle == self.strands and self.root is not None:
            dues = [due for due in self._dues.values() if due is not None]
            asyncio.get_running_loop().call_soon(self._tell_idle, min(dues, default=None))

    def _tell_idle(self, due: int | None) -> None:
        ready = any(waiter.done() for waiter in self._waiters.values())
        if self.idle == self.strands and not ready and not self.left:
            self._on_idle(self, due)

    async def durable(self) -> None:
        """Wait until all that was recorded so far is durable, or was refused."""
        if self.committed is not None:
            await asyncio.wait([self.committed])

    def succeed(self, before: "Live") -> None:
        """Take the place of another in memory; what that one recorded last is waited for here."""
        before.left = True
        self.committed = before.committed
        if self.committed is not None:
            self.committed.add_done_callback(self._refused)

    def _refused(self, done: asyncio.Future[Any]) -> None:
        if not done.cancelled() and done.exception() is not None:
            self._on_lost(self)

    async def gate(self) -> None:
        """Wait while the execution is paused: nothing new starts meanwhile (Kestra's rule)."""
        while self.execution.state is State.PAUSED:
            await self.wait(f"gate:{id(asyncio.current_task())}")

    def open_gate(self) -> None:
        """Let go on what waits at the gate."""
        for key in [key for key in self._waiters if key.startswith("gate:")]:
            self.signal(key)


def _plain(value: Any) -> Any:
    return value


def _moves(event: Event) -> bool:
    """Whether an event changes the state of the execution without restarting it."""
    return event.kind is Kind.MOVED and event.to is not None and not event.data.get("forced")


def _ends(event: Event) -> bool:
    return event.kind is Kind.MOVED and event.to is not None and event.to.terminal
