"""What tasks may do with executions of their tenant: `ExecutionActions` of the plugin API."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.access import is_within
from app.engine.commands import Commands
from app.engine.executor import Executor
from app.engine.failing import failing
from app.engine.identity import Identity
from app.engine.logs import LEVELS, LogSink
from app.engine.scope import instant
from app.engine.uris import execution_files
from app.errors import Conflict
from app.executions import Execution
from app.ports import (
    Archive,
    ArchiveQuery,
    Ended,
    FlowNames,
    LogLine,
    LogQuery,
    Logs,
    NoRules,
    Storage,
    TenantRules,
    Triggers,
)

_NAMES = {number: name for name, number in LEVELS.items()}
_NOT_YET = "the engine is not put together yet"
_PAGE = 1_000
_BATCH = 200
"""Executions that one transaction deletes: others write in between."""


@dataclass(slots=True)
class Actions:
    """Makes the actions of an execution's tasks; `commands` and `executor` are set once they are.

    They act through the executor, which is made of parts that these actions belong to.
    """

    archive: Archive
    logs: Logs
    storage: Storage
    flows: FlowNames
    triggers: Triggers
    sink: LogSink
    tenants: TenantRules = field(default_factory=NoRules)
    commands: Commands | None = None
    executor: Executor | None = None

    def __call__(self, execution: Execution) -> "BoundActions":
        """Return what the tasks of `execution` may do."""
        return BoundActions(self, execution)

    @property
    def verbs(self) -> Commands:
        """The commands; raises `Conflict` before the engine is put together."""
        if self.commands is None:
            raise Conflict(_NOT_YET)
        return self.commands

    @property
    def engine(self) -> Executor:
        """The executor; raises `Conflict` before the engine is put together."""
        if self.executor is None:
            raise Conflict(_NOT_YET)
        return self.executor


class BoundActions:
    """Implements `ExecutionActions` for the tasks of one execution."""

    def __init__(self, actions: Actions, execution: Execution) -> None:
        """Act for `execution`."""
        self._actions = actions
        self._tenant = execution.tenant
        self._by = execution.id
        self._who = Identity.of(actions.tenants, execution)

    async def _ask_for(self, execution_id: str) -> None:
        """Ask the namespace of an execution, which may be another one; raises `TaskFailed`."""
        if execution_id == self._by:
            return
        with failing():
            other = await self._actions.engine.get(execution_id)
            if other.tenant == self._tenant:  # else it is not found in a moment
                await self._who.ask(other.namespace, "executions")

    async def _ask_below(self, namespace: str | None) -> None:
        """Ask all namespaces that lie in one (None: of the tenant); raises `TaskFailed`."""
        names = {each.namespace for each in self._actions.flows.active(self._tenant)}
        if namespace is not None:
            names = {namespace, *(each for each in names if is_within(each, namespace))}
        with failing():
            await self._who.ask_all(names, "executions")

    async def resume(self, execution_id: str, inputs: Mapping[str, Any]) -> None:
        """Resume a paused execution."""
        await self._ask_for(execution_id)
        with failing():
            await self._actions.verbs.resume(self._tenant, execution_id, inputs, by=self._by)

    async def kill(self, execution_id: str, *, cascade: bool = True) -> None:
        """Kill an execution; the own one too, which cancels whoever asks for it here."""
        await self._ask_for(execution_id)
        kill = self._actions.verbs.kill(self._tenant, execution_id, cascade=cascade)
        with failing():
            await asyncio.shield(self._actions.engine.spawn(kill))

    async def count(
        self,
        namespace: str,
        flow_id: str | None,
        states: Sequence[str],
        since: int | None,
        until: int | None,
    ) -> int:
        """Count executions of a flow (None: of all of the namespace)."""
        query = ArchiveQuery(self._tenant, namespace, flow_id, states, since, until, below=False)
        with failing():
            await self._who.ask(namespace, "executions")
            return await self._actions.archive.count(query)

    async def flows(self, namespace: str) -> list[tuple[str, str]]:
        """Return (namespace, id) of the flows of a namespace and those below it."""
        return [
            (each.namespace, each.flow_id)
            for each in self._actions.flows.active(self._tenant)
            if f"{each.namespace}.".startswith(f"{namespace}.")
        ]

    async def purge(  # noqa: PLR0913 - as the Protocol has it
        self,
        namespace: str | None,
        flow_id: str | None,
        states: Sequence[str],
        since: int | None,
        until: int,
        *,
        executions: bool,
        logs: bool,
        metrics: bool,
        files: bool,
    ) -> Mapping[str, int]:
        """Delete ended executions and what belongs to them, some at a time."""
        await self._ask_below(namespace)
        archive = self._actions.archive
        query = ArchiveQuery(self._tenant, namespace, flow_id, states, since, until)
        deletions: dict[str, Callable[[Sequence[str]], Awaitable[int]]] = {}
        if logs:
            deletions["logs"] = archive.delete_logs
        if metrics:
            deletions["metrics"] = archive.delete_metrics
        if executions:
            deletions["executions"] = self._delete
        counts = dict.fromkeys(("executions", "logs", "metrics", "files"), 0)
        await self._actions.sink.settled()
        with failing():
            async for batch in _batches(archive, query):
                await self._who.ask_all((each.namespace for each in batch), "executions")
                if files:
                    counts["files"] += await self._delete_files(batch)
                for name, delete in deletions.items():
                    counts[name] += await delete([each.id for each in batch])
        return counts

    async def _delete(self, ids: Sequence[str]) -> int:
        count = await self._actions.archive.delete(ids)
        for each in ids:
            self._actions.engine.finished.forget_execution(each)
        return count

    async def _delete_files(self, batch: Sequence[Ended]) -> int:
        count = 0
        for each in batch:
            prefix = execution_files(each.namespace, each.flow_id, each.id, self._tenant)
            count += await self._actions.storage.delete_prefix(prefix)
        return count

    async def logs(self, query: LogQuery) -> AsyncIterator[Mapping[str, Any]]:
        """Yield log lines as Kestra's JSON."""
        await self._actions.sink.settled()
        last: LogLine | None = None
        while True:
            with failing():
                page = await self._actions.logs.find(query, after=last, limit=_PAGE)
                await self._who.ask_all(_places(page), "executions")
            for line in page:
                yield line_json(line)
            if len(page) < _PAGE:
                return
            last = page[-1]

    async def purge_logs(self, query: LogQuery) -> int:
        """Delete log lines; return how many."""
        if query.execution_id is not None:
            await self._ask_for(query.execution_id)
        else:
            await self._ask_below(query.namespace)
        with failing():
            return await self._actions.logs.purge(query)

    async def toggle(self, namespace: str, flow_id: str, trigger: str, *, enabled: bool) -> None:
        """Enable or disable a trigger."""
        with failing():
            await self._who.ask(namespace, "executions")
            await self._actions.triggers.set_disabled(
                self._tenant, namespace, flow_id, trigger, disabled=not enabled
            )


def _places(page: Iterable[LogLine]) -> set[str]:
    return {line.namespace for line in page if line.namespace}


async def _batches(archive: Archive, query: ArchiveQuery) -> AsyncIterator[Sequence[Ended]]:
    last = ""
    while batch := await archive.ended(query, after=last, limit=_BATCH):
        yield batch
        last = batch[-1].id


def line_json(line: LogLine) -> dict[str, Any]:
    """Return a line of a log as Kestra's `LogEntry`."""
    entry = {
        "namespace": line.namespace,
        "flowId": line.flow_id,
        "taskId": line.task_id,
        "executionId": line.execution_id,
        "taskRunId": line.task_run_id,
        "attemptNumber": line.attempt,
        "triggerId": line.trigger_id,
        "timestamp": instant(line.at),
        "level": _NAMES.get(line.level, "INFO"),
        "message": line.message,
    }
    return {name: value for name, value in entry.items() if value is not None}
