"""Triggers on a real database and a real engine; flows as YAML, and a clock that tests move."""

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from typing import Any

from app.config import TriggerSettings
from app.db.database import Database
from app.db.executions import ExecutionFilter, SqlExecutions
from app.db.journal import SqlJournal
from app.db.overrides import Overrides
from app.db.slots import SqlSlots
from app.db.trigger_records import FlowKey, TriggerKey, TriggerState
from app.db.triggers import TriggerStore
from app.db.windows import WindowStore
from app.engine.host import ExecutionHost
from app.engine.preview import Previews
from app.errors import NotFound
from app.executions import Execution
from app.expressions import Environment
from app.flows.schedule_dates import micros
from app.ports import FlowRevision, LoadedFlow
from app.triggers.parts import TriggerParts
from app.triggers.service import Triggers
from app.triggers.verbs import TriggerVerbs
from app.triggers.webhooks import Webhooks
from tests.engine.fakes import FakeClock, MemoryFlows
from tests.engine.harness import PATIENCE, Engine, flow


class RigJournal(SqlJournal):
    """The real journal, and the other ports that the harness takes from it."""

    def __init__(self, database: Database, epoch: int) -> None:
        super().__init__(database, epoch)
        self.slots = SqlSlots(database)
        self.sql = SqlExecutions(database, self)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sql, name)


class RigFlows(MemoryFlows):
    """Active flows, as `FlowStore` tells of them; each new source is a revision."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Callable[[Iterable[FlowKey] | None], None]] = []
        self.overrides = Overrides()

    def put(self, source: str) -> FlowKey:
        loaded = flow(source)
        revision = loaded.revision
        blob = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()
        known = self.flows.get((revision.namespace, revision.flow_id))
        number = known.revision.revision + 1 if known else 1
        new = replace(revision, blob=blob, revision=number)
        self.flows[revision.namespace, revision.flow_id] = replace(loaded, revision=new)
        return self._tell((new.tenant, new.namespace, new.flow_id))

    def remove(self, namespace: str, flow_id: str) -> None:
        del self.flows[namespace, flow_id]
        self._tell(("main", namespace, flow_id))

    def _tell(self, key: FlowKey) -> FlowKey:
        for hear in self.heard:
            hear({key})
        return key

    def active(self, tenant: str | None = None) -> list[FlowRevision]:
        return [each.revision for each in self.flows.values()]

    def effective(self, tenant: str, namespace: str, flow_id: str) -> FlowRevision:
        if (namespace, flow_id) not in self.flows:
            raise NotFound
        return self.flows[namespace, flow_id].revision

    async def source(self, revision: FlowRevision) -> str:
        return self.flows[revision.namespace, revision.flow_id].source

    async def sources(self, revisions: Sequence[FlowRevision]) -> dict[str, str]:
        return {each.blob: await self.source(each) for each in revisions}

    async def load(self, revision: FlowRevision) -> LoadedFlow:
        return self.flows[revision.namespace, revision.flow_id]


class FakeAlarm:
    """Remembers when it is to ring."""

    def __init__(self) -> None:
        self.at: int | None = None

    def set(self, at: int | None) -> None:
        self.at = at


class Rig:
    """One life of a node's triggers; the database may outlive it."""

    def __init__(
        self,
        database: Database,
        clock: FakeClock | None = None,
        flows: RigFlows | None = None,
        *,
        epoch: int = 1,
        zone: tzinfo = UTC,
        sweeps: bool = True,
        http: Any = None,
        **settings: Any,
    ) -> None:
        self.database = database
        self._sweeps = sweeps
        self.clock = clock or FakeClock()
        self.flows = flows or RigFlows()
        self.journal = RigJournal(database, epoch)
        harness: Any = Engine(journal=self.journal, clock=self.clock, http=http)  # type: ignore[arg-type]  # the real one
        self.engine = harness
        harness.flows.flows = self.flows.flows  # the same flows, whoever asks
        engine_parts = harness.parts

        def environment(live: Any) -> Environment:
            return Environment(host=ExecutionHost(live, engine_parts))

        self.store = TriggerStore(database)
        self.parts = TriggerParts(
            database=database,
            flows=self.flows,  # type: ignore[arg-type]  # as much of it as triggers need
            store=self.store,
            windows=WindowStore(database),
            outbox=self.journal.outbox,
            commands=harness.commands,
            executor=harness.executor,
            executions=self.journal.sql,
            previews=Previews(harness.executor, environment, self.clock),
            sink=engine_parts.sink,
            http=engine_parts.http,
            clock=self.clock,
            zone=zone,
            settings=TriggerSettings(**settings),
        )
        self.alarm = FakeAlarm()
        self.triggers = Triggers(self.parts, self.alarm)
        self.verbs = TriggerVerbs(self.parts, self.triggers)
        self.webhooks = Webhooks(self.parts, self.triggers.reconciler, 10)

    async def __aenter__(self) -> "Rig":
        if self._sweeps:
            await self.engine.executor.start()
        await self.triggers.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.triggers.stop()
        await self.engine.executor.stop(drain=0)

    def at(self, text: str) -> int:
        """µs of an ISO date."""
        return micros(datetime.fromisoformat(text))

    def go_to(self, text: str) -> None:
        """Move the clock to just after a date."""
        self.clock.advance((self.at(text) - self.clock.now()) / 1_000_000 + 0.001)

    async def step(self) -> None:
        """Let the triggers do all that is to be done now."""
        await self.triggers.step()
        await self.triggers.listen()

    async def state(self, flow_id: str, trigger_id: str = "t") -> TriggerState:
        """The stored state of a trigger."""
        state = await self.store.get(self.key(flow_id, trigger_id))
        assert state is not None
        return state

    def key(self, flow_id: str, trigger_id: str = "t") -> TriggerKey:
        return "main", "tests", flow_id, trigger_id

    async def executions(self, flow_id: str) -> list[Execution]:
        """All executions of a flow, oldest first, as committed."""
        found, _ = await self.journal.sql.search(
            ExecutionFilter("main", "tests", flow_id), size=1_000
        )
        return sorted(found, key=lambda each: each.id)

    async def ended(
        self, flow_id: str, count: int = 1, timeout: float = PATIENCE
    ) -> list[Execution]:
        """The executions of a flow, once there are so many and all have ended."""
        async with asyncio.timeout(timeout):
            while True:
                found = await self.executions(flow_id)
                if len(found) >= count and all(each.state.terminal for each in found):
                    return found
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.01):
                        await self.triggers._heard.wait()
                await self.step()


def clock_at(text: str) -> FakeClock:
    """A clock that shows a date."""
    return FakeClock(micros(datetime.fromisoformat(text)))
