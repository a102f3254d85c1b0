"""What tasks may do with executions of their tenant: `ExecutionActions` of the plugin API."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from app.engine.commands import Commands
from app.engine.executor import Executor
from app.engine.logs import LEVELS, LogSink
from app.engine.scope import instant
from app.engine.uris import execution_files
from app.errors import Conflict, HeadwaterError
from app.executions import Execution
from app.plugins.api import TaskFailed
from app.ports import (
    Archive,
    ArchiveQuery,
    Ended,
    FlowNames,
    LogLine,
    LogQuery,
    Logs,
    Storage,
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

    async def resume(self, execution_id: str, inputs: Mapping[str, Any]) -> None:
        """Resume a paused execution."""
        with _failing():
            await self._actions.verbs.resume(self._tenant, execution_id, inputs, by=self._by)

    async def kill(self, execution_id: str, *, cascade: bool = True) -> None:
        """Kill an execution; the own one too, which cancels whoever asks for it here."""
        kill = self._actions.verbs.kill(self._tenant, execution_id, cascade=cascade)
        with _failing():
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
        with _failing():
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
        with _failing():
            async for batch in _batches(archive, query):
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
            prefix = execution_files(each.namespace, each.flow_id, each.id)
            count += await self._actions.storage.delete_prefix(prefix)
        return count

    async def logs(self, query: LogQuery) -> AsyncIterator[Mapping[str, Any]]:
        """Yield log lines as Kestra's JSON."""
        await self._actions.sink.settled()
        last: LogLine | None = None
        while True:
            with _failing():
                page = await self._actions.logs.find(query, after=last, limit=_PAGE)
            for line in page:
                yield line_json(line)
            if len(page) < _PAGE:
                return
            last = page[-1]

    async def purge_logs(self, query: LogQuery) -> int:
        """Delete log lines; return how many."""
        with _failing():
            return await self._actions.logs.purge(query)

    async def toggle(self, namespace: str, flow_id: str, trigger: str, *, enabled: bool) -> None:
        """Enable or disable a trigger."""
        with _failing():
            await self._actions.triggers.set_disabled(
                self._tenant, namespace, flow_id, trigger, disabled=not enabled
            )


async def _batches(archive: Archive, query: ArchiveQuery) -> AsyncIterator[Sequence[Ended]]:
    last = ""
    while batch := await archive.ended(query, after=last, limit=_BATCH):
        yield batch
        last = batch[-1].id


@contextmanager
def _failing() -> Iterator[None]:
    """Turn our errors into the failure of the task."""
    try:
        yield
    except HeadwaterError as error:
        raise TaskFailed(error.message) from error


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
