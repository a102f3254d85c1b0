"""Residence: which executions are in memory, how they come in, how they leave."""

import asyncio
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import AsyncIterator, Container, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from app.engine.entry import Entry, ended_message
from app.engine.finished import Finished
from app.engine.household import Household
from app.engine.identity import Identity
from app.engine.live import Home, Listener, Live
from app.engine.parts import Parts
from app.engine.suspects import Suspects
from app.errors import Conflict, HeadwaterError, NotFound, Unavailable
from app.executions import Event, Execution
from app.ports import LoadedFlow, Share
from app.telemetry import METRICS, get_logger

_LOG = get_logger(__name__)
_MICROSECONDS = 1_000_000


class Residence(ABC):
    """Executions in memory; each is driven by one task as long as it is there."""

    counts: ClassVar[bool] = True
    """Whether executions are counted in the figures of this process."""

    def __init__(self, parts: Parts, suspects: Suspects | None) -> None:
        """House executions of these ports; `suspects` tells which of them kill the process."""
        self._parts = parts
        self.clock = parts.clock
        self._limits = parts.limits
        self._live = Household()
        self._leaving: dict[str, asyncio.Future[Any]] = {}
        self._loading: dict[str, asyncio.Task[Live]] = {}
        self._wanted: Counter[str] = Counter()
        self._stopping = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self.listeners: dict[str, list[Listener]] = {}
        self.finished = Finished(self._limits.remembered)
        self._entry = Entry(parts, self.finished, suspects)

    @abstractmethod
    async def _drive(self, live: Live) -> None:
        """Move an execution on, for as long as it is here."""

    @abstractmethod
    def _parked(self, wake_at: int | None) -> None:
        """Hear of an execution that was parked until a time (µs), or until somebody calls."""

    @abstractmethod
    def _put_off(self, live: Live) -> None:
        """Let an execution leave that cannot be driven now; the next sweep tries again."""

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run something beside; it is cancelled with the executor."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # -- coming in ----------------------------------------------------------------------------

    def begin(self, live: Live) -> None:
        """Drive an execution that has just been created."""
        self._live[live.id] = live
        live.root = self.spawn(self._drive(live))

    def make(self, execution: Execution, loaded: LoadedFlow, *, stored: bool = False) -> Live:
        """Make the in-memory form of an execution (not driven yet)."""
        home = Home(
            self._parts.journal,
            self.clock,
            self._idle,
            self._lost,
            self.listeners,
            self._parts.cipher,
        )
        return Live(execution, loaded, home, stored=stored)

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

    def count(self, tenant: str | None = None) -> int:
        """Return how many executions are in memory: of a tenant, or of all."""
        return len(self._live) if tenant is None else self._live.tenants[tenant]

    def share(self, tenant: str) -> Share:
        """Return how much a tenant may take of this node."""
        return self._parts.tenants.share(tenant)

    def identity(self, execution: Execution) -> Identity:
        """Return what an execution acts as: the service account of its namespace."""
        return Identity.of(self._parts.tenants, execution)

    def tenants(self) -> Iterable[str]:
        """Return the tenants that have executions in memory."""
        return list(self._live.tenants)

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

    async def load_all(self, ids: Sequence[str]) -> list[str]:
        """Bring in executions with one look at the journal (see `Loader`)."""
        missing = [each for each in ids if not self.known(each)]
        with self._live.watching() as came:
            journals = await self._entry.journals(missing)
            return [
                each
                for each, events in journals.items()
                if events and not self.known(each) and not await self._take_up(each, events, came)
            ]

    async def _take_up(
        self, execution_id: str, events: Sequence[Event], came: Container[str]
    ) -> bool:
        """Drive what a journal tells of; False: what that needs does not answer now.

        A poison one never keeps others from it (D14).
        """
        try:
            await self._start_at(await self._entry.folded(execution_id, events), came)
        except (NotFound, Conflict):
            pass  # it has ended meanwhile, or just now because it cannot go on
        except HeadwaterError as error:
            _LOG.warning("an execution waits", execution=execution_id, reason=error.message)
            return False
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, it is its own fault
            _LOG.exception("a journal cannot be read", execution=execution_id, exc_info=error)
        return True

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
                self._let_go(held)

    def _let_go(self, live: Live) -> None:
        """Let an execution leave that could not be driven, or has waited, while it was held."""
        if live.root is not None and live.root.done() and live.id not in self._wanted:
            self._put_off(live)
        else:
            live.check_idle()

    async def _bring_in(self, execution_id: str) -> Live:
        live = None
        while live is None:
            if leaving := self._leaving.get(execution_id):
                await leaving
            with self._live.watching() as came:
                live = await self._start_at(await self._entry.read(execution_id), came)
        return live

    async def _start_at(self, execution: Execution, came: Container[str]) -> Live | None:
        """Drive an execution as it was read; None if it `came` and went again since then."""
        loaded = await self._entry.admitted(execution)
        if (other := self._live.get(execution.id)) is not None:
            return other  # somebody else was faster while the flow was read
        if execution.id in came:
            return None
        if self._stopping:
            message = "the service stops: it takes nothing up any more"
            raise Unavailable(message)
        live = self.make(execution, loaded, stored=True)
        self.begin(live)
        return live

    # -- leaving ------------------------------------------------------------------------------

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
        self._parked(wake_at)

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
