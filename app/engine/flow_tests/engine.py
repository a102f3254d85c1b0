"""The engine of one case: the real one, on ports that are gone with it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from app.engine.actions import Actions
from app.engine.commands import Commands
from app.engine.deletion import Deletion
from app.engine.flow_tests.closed import NoHttp, NoRunners, NoTriggers, Outside, Refusals
from app.engine.flow_tests.journal import MemoryJournal
from app.engine.flow_tests.patience import JumpingClock, PatientExecutor
from app.engine.flow_tests.stores import (
    FilesOf,
    FreeSlots,
    MemoryCache,
    MemoryFiles,
    MemoryKeyValues,
    MemoryStorage,
)
from app.engine.flow_tests.trees import CaseFlows, TreeFlows
from app.engine.host import ExecutionHost
from app.engine.limits import Limits
from app.engine.live import Live
from app.engine.logs import LogSink
from app.engine.parts import Parts
from app.engine.places import Place
from app.engine.rendering import Renderer
from app.engine.scope import instant
from app.engine.worker import Variables, Worker
from app.executions import State, TaskRun
from app.expressions import Budget, Environment
from app.flows.encryption import Cipher
from app.flows.typenames import Types
from app.plugins.api import Runnable
from app.ports import Jq, LoadedFlow

_LIMITS = Limits(loop_values=10_000, descendants=1_000, tries=20)


@dataclass(frozen=True, slots=True)
class Bench:
    """What all cases of a run have in common."""

    types: Types
    jq: Jq
    flows: TreeFlows
    work: Path
    cipher: Cipher
    budget: Budget
    now: int
    """When cases begin: µs since the epoch."""
    outside: Outside | None = None


class CaseHost(ExecutionHost):
    """Answers expressions of a case: a secret is `secret:<KEY>`, whatever the server holds."""

    def _secret(self, key: str, _namespace: str | None, subkey: str | None) -> str:
        return f"secret:{key}" if subkey is None else f"secret:{key}.{subkey}"


class CaseWorker(Worker):
    """Runs tasks; those of the types that may reach the outside, do."""

    def __init__(self, parts: Parts, outside: Outside | None) -> None:
        """Run tasks over these ports, some with those of `outside` in their place."""
        super().__init__(parts)
        self._outside = outside
        self._open = self
        if outside is not None:
            reaching = replace(parts, http=outside.http, runners=outside.runners)
            self._open = CaseWorker(reaching, None)

    async def run(
        self, place: Place, task: Runnable, renderer: Renderer, variables: Variables
    ) -> State:
        """Run a task with its retries."""
        if self._outside is not None and self._outside.open_to(task.type):
            return await self._open.run(place, task, renderer, variables)
        return await super().run(place, task, renderer, variables)

    def count(self, task_type: str, run: TaskRun) -> None:
        """Count nothing: no task of a case is one of the service."""


class CaseEngine:
    """One engine for one case."""

    def __init__(self, bench: Bench, loaded: LoadedFlow, files: Mapping[str, bytes]) -> None:
        """Run `loaded`; `files` lie over those that its namespace has."""
        self.refusals = Refusals()
        self.journal = MemoryJournal()
        clock = JumpingClock(bench.now)
        flows = CaseFlows(loaded, bench.flows)
        sink = LogSink(self.journal)
        storage = MemoryStorage()
        actions = Actions(
            archive=self.journal,
            logs=self.journal,
            storage=storage,
            flows=flows,
            triggers=NoTriggers(),
            sink=sink,
        )
        parts = Parts(
            journal=self.journal,
            executions=self.journal,
            flows=flows,
            slots=FreeSlots(),
            storage=storage,
            http=NoHttp(self.refusals),
            clock=clock,
            sink=sink,
            fence=1,
            kv=MemoryKeyValues(clock),
            files=MemoryFiles(_over(bench.flows, loaded, files)),
            runners=NoRunners(self.refusals),
            jq=bench.jq,
            logs=self.journal,
            cache=MemoryCache(),
            actions=actions,
            types=bench.types,
            work=bench.work,
            limits=_LIMITS,
            cipher=bench.cipher,
            variables=bench.flows,
        )
        self.environment = _environment(bench, parts)
        self.executor = PatientExecutor(parts, CaseWorker(parts, bench.outside), self.environment)
        self.commands = Commands(self.executor, flows, self.journal, clock, parts.limits)
        self.clock = clock
        actions.commands, actions.executor = self.commands, self.executor
        self.commands.deletion = Deletion(self.journal, storage, self.executor.finished)


def _environment(bench: Bench, parts: Parts) -> Callable[[Live], Environment]:
    def clock() -> datetime:
        return instant(parts.clock.now())

    def environment(live: Live) -> Environment:
        return Environment(budget=bench.budget, clock=clock, host=CaseHost(live, parts))

    return environment


def _over(flows: TreeFlows, loaded: LoadedFlow, files: Mapping[str, bytes]) -> FilesOf:
    """Return what finds files of namespaces: those of the case over those of the tree."""
    own = (loaded.revision.tenant, loaded.revision.namespace)

    async def find(tenant: str, namespace: str) -> Mapping[str, bytes]:
        found = await flows.files(tenant, namespace)
        return {**found, **files} if (tenant, namespace) == own else found

    return find
