"""Commands: what people and triggers do with executions, one verb a function."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from app.engine.amendments import relabelling, restating
from app.engine.cascades import Cascades
from app.engine.checks import FailedCheck
from app.engine.creation import CORRELATION, Creation, NewExecution, body_hash
from app.engine.deletion import Deletion
from app.engine.entry import ended_message
from app.engine.executor import Executor
from app.engine.limits import Limits
from app.engine.live import Live
from app.engine.pauses import MARKS, Word, is_paused, pause, resume
from app.engine.queueing import OUTSIDE, let_in, unqueue
from app.engine.replay import Restarts
from app.engine.revision_choice import Choice, KeepOriginal
from app.engine.subflows import SubflowCalls
from app.errors import Conflict, Invalid, NotFound
from app.executions import ROOT, Execution, Kind, State
from app.ports import Clock, Executions, FlowSource, LoadedFlow, RevisionPolicy

__all__ = ["CORRELATION", "Commands", "NewExecution", "body_hash"]


class Commands:
    """The verbs of executions. Everything returned as done is durable."""

    def __init__(
        self,
        executor: Executor,
        flows: FlowSource,
        executions: Executions,
        clock: Clock,
        limits: Limits | None = None,
        policy: RevisionPolicy | None = None,
    ) -> None:
        """Act on `executor` within `limits`; its executions start others through these.

        `policy` says which revisions restarts and subflows run that name none.
        """
        self._executor = executor
        self._clock = clock
        limits = limits or Limits()
        self._creation = Creation(executor, flows, executions, clock, limits)
        policy = policy or KeepOriginal()
        self._restarts = Restarts(executor, flows, clock, policy)
        self._cascades = Cascades(executor, executions, self.kill)
        executor.call_through(
            SubflowCalls(executor, self._creation, self._restarts, limits, self._cascades, policy)
        )
        self.deletion: Deletion
        """Set by whoever has an archive to delete from."""

    async def create(self, new: NewExecution) -> Execution:
        """Start an execution; return it once it is durable (see `Creation`)."""
        return await self._creation.create(new)

    async def failed_checks(self, new: NewExecution, loaded: LoadedFlow) -> list[FailedCheck]:
        """Return the checks of the flow that an execution would not hold (see `Creation`)."""
        return await self._creation.failed_checks(new, loaded)

    async def kill(self, tenant: str, wanted: str, *, cascade: bool = True) -> Execution:
        """End an execution at once as KILLED, and with `cascade` what it started (contract D6).

        Raises:
            NotFound: when there is none.
            Conflict: when it has ended.
        """
        async with self._holding(tenant, wanted) as live:
            runs = [
                live.event(Kind.ENDED, run.path, State.KILLED)
                for run in live.execution.task_runs.values()
                if not run.ended
            ]
            killing = live.event(Kind.MOVED, ROOT, State.KILLING)
            killed = live.event(Kind.MOVED, ROOT, State.KILLED)
            if cascade and live.execution.task_runs:
                killed.data |= {"after": True, "cascade": True}  # what a crash leaves to do
            # Whoever asked may give up; that it has ended is told all the same.
            await asyncio.shield(self._executor.end_now(live, [killing, *runs, killed]))
        if cascade:
            await self._cascades.reach(live.execution)
            await self._cascades.settled(wanted)
        return live.execution

    async def pause(self, tenant: str, wanted: str) -> Execution:
        """Pause a running execution (see `pause`)."""
        async with self._holding(tenant, wanted) as live:
            await pause(live)
        return live.execution

    async def resume(
        self, tenant: str, wanted: str, inputs: Mapping[str, Any] | None = None, by: str = ""
    ) -> Execution:
        """Resume a paused execution; the inputs are those that its pause asks for.

        Raises:
            Conflict: when it is not paused.
            Invalid: when the inputs are wrong.
        """
        async with self._holding(tenant, wanted) as live:
            await resume(live, self._executor.inputs, Word(inputs or {}, by))
        return live.execution

    async def force_run(self, tenant: str, wanted: str) -> Execution:
        """Let an execution run now that waits for its date, for a slot or for somebody.

        Raises:
            Invalid: when it has ended, or its pause asks for inputs.
        """
        state = (await self._restarts.own(tenant, wanted)).state
        if state.terminal:
            raise Invalid(f"execution {wanted} has ended as {state}")
        if state is State.PAUSED:
            return await self.resume(tenant, wanted)
        async with self._holding(tenant, wanted) as live:
            if live.execution.state in OUTSIDE:
                await let_in(self._executor, live)
        return live.execution

    async def unqueue(self, tenant: str, wanted: str, *, state: State = State.RUNNING) -> Execution:
        """Take an execution out of the queue of its flow's `concurrency` (see `unqueue`)."""
        async with self._holding(tenant, wanted) as live:
            await unqueue(self._executor, live, state)
        return live.execution

    async def label(self, tenant: str, wanted: str, labels: Sequence[tuple[str, str]]) -> Execution:
        """Set the labels of an execution, running or ended (see `relabelling`)."""
        return await self._executor.revive(wanted, relabelling(self._clock, tenant, labels))

    async def change_status(self, tenant: str, wanted: str, state: State) -> Execution:
        """Put an execution that has ended into another state (see `restating`)."""
        return await self._executor.revive(wanted, restating(self._clock, tenant, state))

    # -- again --------------------------------------------------------------------------------

    async def restart(
        self,
        tenant: str,
        wanted: str,
        revision: str | int | None = None,
        *,
        allow_deleted: bool = False,
    ) -> Execution:
        """Let an execution go on from its failed task runs (see `Restarts`)."""
        return await self._restarts.restart(tenant, wanted, revision, allow_deleted=allow_deleted)

    async def replay(
        self,
        tenant: str,
        wanted: str,
        *,
        task_run_id: str | None = None,
        revision: str | int | None = None,
        inputs: Mapping[str, Any] | None = None,
        allow_deleted: bool = False,
    ) -> Execution:
        """Start a new execution like this one: from its beginning, or from one of its task runs.

        `revision`: see `Restarts.restart`.

        Raises:
            NotFound: when there is no such execution or revision. Gone: when the flow was deleted.
            Invalid: when there is no such task run, or the inputs are wrong.
        """
        source = await self._restarts.own(tenant, wanted)
        if task_run_id is not None:
            return await self._restarts.replay_from(
                source, task_run_id, revision=revision, inputs=inputs, allow_deleted=allow_deleted
            )
        choice = await self._restarts.revisions.choice(source, revision)
        new = _repeated(source, choice, inputs)
        return await self.create(replace(new, allow_deleted=allow_deleted))

    async def change_task_run(
        self, tenant: str, wanted: str, task_run_id: str, state: State
    ) -> Execution:
        """Set the state of a task run by hand: of one that pauses, or after the end."""
        source = await self._restarts.own(tenant, wanted)
        if source.state is State.PAUSED and state in MARKS and is_paused(source, task_run_id):
            async with self._holding(tenant, wanted) as live:
                word = Word(state=MARKS[state])
                await resume(live, self._executor.inputs, word, task_run_id)
            return live.execution
        return await self._restarts.change_task_run(tenant, wanted, task_run_id, state)

    async def delete(
        self,
        tenant: str,
        wanted: str,
        *,
        logs: bool = True,
        metrics: bool = True,
        files: bool = True,
    ) -> None:
        """Delete an execution that has ended, and what belongs to it.

        Raises:
            NotFound: when there is none.
            Conflict: when it has not ended.
        """
        execution = await self._restarts.own(tenant, wanted)
        await self.deletion.delete(execution, logs=logs, metrics=metrics, files=files)

    @asynccontextmanager
    async def _holding(self, tenant: str, wanted: str) -> AsyncIterator[Live]:
        async with self._executor.holding(wanted) as live:
            if live.execution.tenant != tenant:
                message = f"there is no execution {wanted}"
                raise NotFound(message)
            if live.execution.state.terminal:
                raise Conflict(ended_message(live.execution))
            yield live


def _repeated(source: Execution, choice: Choice, inputs: Mapping[str, Any] | None) -> NewExecution:
    labels = [
        label
        for label in source.labels
        if label.key == CORRELATION or not label.key.startswith("system.")
    ]
    return NewExecution(
        source.tenant,
        source.namespace,
        source.flow_id,
        revision=source.revision if choice.original else choice.revision,
        commit=choice.commit,
        inputs=source.inputs if inputs is None else inputs,
        labels=labels,
        trigger=source.trigger,
        variables=source.variables,
        copy_of=source,
        keeps_commit=not (choice.latest or choice.commit),
    )
