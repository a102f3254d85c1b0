"""An engine on fakes: flows as YAML, services as scripted tasks, crashes at any event."""

import asyncio
import re
import tempfile
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from app.engine.actions import Actions
from app.engine.commands import Commands, NewExecution
from app.engine.deletion import Deletion
from app.engine.executor import Executor
from app.engine.limits import Limits
from app.engine.logs import LogSink
from app.engine.parts import Parts
from app.engine.suspects import Suspects
from app.engine.worker import Worker
from app.executions import Execution, State
from app.expressions import Environment
from app.flows.encryption import Cipher
from app.flows.parse import parse_flow
from app.flows.values import Dynamic, Text
from app.plugins.api import Finished, RunContext, Runnable, TaskFailed
from app.plugins.registry import Registry
from app.ports import LoadedFlow, NoRules, TenantRules
from tests.engine.archives import MemoryArchive, MemoryLogs, MemoryTriggers
from tests.engine.fakes import (
    Absent,
    FakeClock,
    MemoryCache,
    MemoryFiles,
    MemoryFlows,
    MemoryJournal,
    MemoryKeyValues,
    MemoryStorage,
    revision,
)

PATIENCE = 20.0
"""Seconds that tests wait for what takes none on an idle machine; nothing is repaired meanwhile."""


class Service:
    """The world that effects happen in; it outlives crashes of the engine."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, int]] = []
        self.failures: Counter[str] = Counter()
        self.running = 0
        self.most = 0
        self.folders: list[Path] = []

    def keys(self, name: str) -> list[str]:
        return [key for called, key, _ in self.calls if called == name]


SERVICE = Service()


class Effect(Runnable):
    """Does something to the world; fails as often as told."""

    type_name = "test.Effect"
    effects: ClassVar[bool] = True

    name: Dynamic[Text]
    fail: int = 0
    unknown: bool = False
    hang: bool = False

    async def run(self, ctx: RunContext) -> Mapping[str, Any] | None:
        key = ctx.headers["Idempotency-Key"]
        SERVICE.calls.append((self.name, key, ctx.delivery))
        SERVICE.running += 1
        SERVICE.most = max(SERVICE.most, SERVICE.running)
        try:
            await asyncio.sleep(0)
            if self.hang:
                await asyncio.Event().wait()
        finally:
            SERVICE.running -= 1
        if SERVICE.failures[self.name] < self.fail:
            SERVICE.failures[self.name] += 1
            raise TaskFailed(f"{self.name} failed", definite=not self.unknown)
        return {"name": self.name, "call": len(SERVICE.keys(self.name))}


class Broken(Runnable):
    """A task type with a fault."""

    type_name = "test.Broken"

    async def run(self, ctx: RunContext) -> Mapping[str, Any] | None:
        raise ZeroDivisionError("oh")


class Leave(Runnable):
    """Ends the whole execution."""

    type_name = "test.Leave"

    state: State

    async def run(self, ctx: RunContext) -> Mapping[str, Any] | None:
        ctx.exit(self.state)
        return None


class Says(Runnable):
    """Ends in the state it is told to."""

    type_name = "test.Says"

    state: State

    async def run(self, ctx: RunContext) -> Finished:
        return Finished({"said": self.state.value}, self.state)


class Writes(Runnable):
    """Writes a file in its working directory."""

    type_name = "test.Writes"

    fail: bool = False
    hang: bool = False

    async def run(self, ctx: RunContext) -> Mapping[str, Any] | None:
        folder = await ctx.directory()
        SERVICE.folders.append(folder)
        (folder / "file").write_text("x")
        if self.fail:
            raise TaskFailed("told to")
        if self.hang:
            await asyncio.Event().wait()
        return None


class NoHttp:
    async def close(self) -> None: ...


class TestTypes:
    """The real registry and the types of these tests."""

    __test__ = False

    def __init__(self) -> None:
        self._registry = Registry.load()
        self._own = {each.type_name: each for each in (Effect, Broken, Leave, Says, Writes)}

    def task(self, name: str) -> Any:
        return self._own.get(name) or self._registry.task(name)

    def trigger(self, name: str) -> Any:
        return self._registry.trigger(name)

    def condition(self, name: str) -> Any:
        return self._registry.condition(name)

    def runner(self, name: str) -> Any:
        return self._registry.runner(name)

    def names(self) -> Iterable[str]:
        return [*self._own, *self._registry.names()]


TYPES = TestTypes()


def flow(source: str) -> LoadedFlow:
    """Parse a flow; a problem is a fault of the test."""
    text = textwrap.dedent(source)
    if not re.search(r"(?m)^namespace:", text):
        text = "namespace: tests\n" + text
    parsed = parse_flow(text, types=TYPES)
    assert parsed.flow is not None, parsed.problems
    return LoadedFlow(revision(parsed.flow.namespace, parsed.flow.id), parsed.flow, text)


class Engine:
    """One life of the engine over a journal that may outlive it."""

    def __init__(
        self,
        *flows: LoadedFlow,
        journal: MemoryJournal | None = None,
        clock: FakeClock | None = None,
        storage: MemoryStorage | None = None,
        suspects: Suspects | None = None,
        http: Any = None,
        runners: Any = None,
        work: Path | None = None,
        cipher: Cipher | None = None,
        tenants: TenantRules | None = None,
        **limits: Any,
    ) -> None:
        self.journal = journal or MemoryJournal()
        self.clock = clock or FakeClock()
        self.storage = storage or MemoryStorage()
        self.flows = MemoryFlows(flows)
        self.key_values = MemoryKeyValues(self.clock)
        self.logs = MemoryLogs(self.journal)
        self.triggers = MemoryTriggers(("tests", "f", "every"))
        sink = LogSink(self.journal)
        actions = Actions(
            archive=MemoryArchive(self.journal),
            logs=self.logs,
            storage=self.storage,
            flows=self.flows,
            triggers=self.triggers,
            sink=sink,
            tenants=tenants or NoRules(),
        )
        parts = Parts(
            journal=self.journal,
            executions=self.journal,
            flows=self.flows,
            slots=self.journal.slots,
            storage=self.storage,
            http=http or NoHttp(),
            clock=self.clock,
            sink=sink,
            fence=1,
            limits=Limits(**{"sweep": 0.01, "repair": 3600.0, **limits}),
            kv=self.key_values,
            files=MemoryFiles(),
            runners=runners or Absent(),
            jq=Absent(),
            logs=self.logs,
            cache=MemoryCache(),
            actions=actions,
            types=TYPES,
            work=work or Path(tempfile.gettempdir()) / "headwater-tests",
            cipher=cipher,
            tenants=tenants or NoRules(),
        )
        self.parts = parts
        self.executor = Executor(parts, Worker(parts), lambda _: Environment(), suspects)
        self.commands = Commands(self.executor, self.flows, self.journal, self.clock, parts.limits)
        actions.commands, actions.executor = self.commands, self.executor
        self.commands.deletion = Deletion(actions.archive, self.storage, self.executor.finished)

    async def __aenter__(self) -> "Engine":
        await self.executor.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.executor.stop(drain=0)

    async def create(self, name: str | None = None, **new: Any) -> str:
        if name is None:
            name = next(iter(self.flows.flows))[1]
        new.setdefault("namespace", "tests")
        made = await self.commands.create(NewExecution("main", flow_id=name, **new))
        return made.id

    async def run(self, name: str | None = None, **new: Any) -> Execution:
        return await self.end(await self.create(name, **new))

    async def end(self, execution_id: str, timeout: float = PATIENCE) -> Execution:
        return await asyncio.wait_for(self.executor.finished.future(execution_id), timeout)

    async def until(self, execution_id: str, wanted: Any, timeout: float = PATIENCE) -> Execution:
        """Wait until the committed execution satisfies `wanted`."""
        async with asyncio.timeout(timeout):
            while True:
                if self.journal.events.get(execution_id):
                    execution = self.journal.execution(execution_id)
                    if wanted(execution):
                        return execution
                await asyncio.sleep(0.001)


def states(execution: Execution) -> dict[str, str]:
    """Task-run paths and the states they ended in."""
    return {path: run.state.value for path, run in execution.task_runs.items()}
