"""Restarts: an execution goes on after its end, or a copy of it does (reference §3.8).

A copy takes over the journal of the original up to now, and with it the outputs of what ran; its
task runs get ids of their own, since those follow from the execution's id.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.engine.executor import Executor
from app.engine.live import Live
from app.engine.restart import by_itself, changed, replayed, restarted
from app.engine.revision_choice import Choice, Revisions, refuse_deleted
from app.errors import Conflict, Invalid, NotFound
from app.executions import ROOT, Event, Execution, Kind, State, execution_id
from app.ports import Clock, FlowSource, LoadedFlow, RevisionPolicy

_COPIED = frozenset(Kind) - {Kind.CREATED}

Plan = Callable[[Execution, LoadedFlow], Event]
"""Makes the event by which an execution, or its copy, goes on."""


class Restarts:
    """The verbs that let executions run again."""

    def __init__(
        self, executor: Executor, flows: FlowSource, clock: Clock, policy: RevisionPolicy
    ) -> None:
        """Act on `executor`; `policy` says which revision runs where nobody else does."""
        self._executor = executor
        self._flows = flows
        self.revisions = Revisions(flows, policy)
        self._clock = clock

    async def restart(
        self,
        tenant: str,
        wanted: str,
        revision: str | int | None = None,
        *,
        allow_deleted: bool = False,
        starter: Live | None = None,
    ) -> Execution:
        """Let an execution go on from its failed task runs; at another revision, a copy of it.

        `revision`: `original`, `latest`, a number or `commit:<sha>`; without it the flow, its
        namespace or its source says. Returns it as it was right after the restart. Nothing goes on
        for a `starter` that was stopped.

        Raises:
            NotFound: when there is none, or no such revision. Gone: when the flow was deleted.
            BadRequest: when `revision` cannot be read.
            Conflict: when it runs, or somebody else changes it at the same moment.
            Invalid: when nothing in it failed.
        """

        def plan(execution: Execution, loaded: LoadedFlow) -> Event:
            if starter is not None:
                starter.refuse_if_left()
            return restarted(execution, loaded.flow, self._clock.now())

        source = await self.own(tenant, wanted)
        _refuse_moving(source)
        choice = await self.revisions.choice(source, revision)
        if choice.original:
            return await self._revive(wanted, plan)
        refuse_deleted(self._flows, source.flow_key, allowed=allow_deleted)
        loaded = await self.revisions.flow(source, choice)
        if choice.latest and loaded.revision.revision == source.revision:
            return await self._revive(wanted, plan)
        return await self._copy(source, plan, loaded, choice)

    async def replay_from(
        self,
        source: Execution,
        task_run_id: str,
        *,
        revision: str | int | None = None,
        inputs: Mapping[str, Any] | None = None,
        allow_deleted: bool = False,
    ) -> Execution:
        """Start a copy of an execution that runs again from one of its task runs on.

        Raises:
            NotFound: when there is no such revision. Gone: when the flow was deleted.
            Invalid: when there is no such task run, or the inputs are wrong.
        """

        def plan(execution: Execution, loaded: LoadedFlow) -> Event:
            here = next(run for run in source.task_runs.values() if run.id == task_run_id)
            target = execution.task_runs[here.path]
            return replayed(execution, loaded.flow, target.id, self._clock.now())

        if not any(run.id == task_run_id for run in source.task_runs.values()):
            message = f"No task found: execution {source.id} has no task run {task_run_id!r}"
            raise Invalid(message)
        refuse_deleted(self._flows, source.flow_key, allowed=allow_deleted)
        choice = await self.revisions.choice(source, revision)
        loaded = await self.revisions.flow(source, choice)
        return await self._copy(source, plan, loaded, choice, inputs=inputs)

    async def change_task_run(
        self, tenant: str, wanted: str, task_run_id: str, state: State
    ) -> Execution:
        """Set the state of a task run of an ended execution; the flow goes on after it.

        Raises:
            NotFound: when there is none.
            Conflict: when it has not ended.
            Invalid: when there is no such task run, or no task run can be in that state by hand.
        """

        def plan(execution: Execution, loaded: LoadedFlow) -> Event:
            return changed(execution, loaded.flow, task_run_id, state, self._clock.now())

        _refuse_moving(await self.own(tenant, wanted))
        return await self._revive(wanted, plan)

    async def own(self, tenant: str, wanted: str) -> Execution:
        """Return an execution of a tenant as committed; raises `NotFound`."""
        execution = await self._executor.get(wanted)
        if execution.tenant != tenant:
            message = f"there is no execution {wanted}"
            raise NotFound(message)
        return execution

    async def _revive(self, wanted: str, plan: Plan) -> Execution:
        snapshots: list[Execution] = []

        def make(execution: Execution, loaded: LoadedFlow) -> Sequence[Event]:
            _refuse_moving(execution)
            event = plan(execution, loaded)
            snapshots.append(_applied(copy.deepcopy(execution), event))
            return [event]

        await self._executor.revive(wanted, make)
        return snapshots[0]

    async def _copy(
        self,
        source: Execution,
        plan: Plan,
        loaded: LoadedFlow,
        choice: Choice,
        *,
        inputs: Mapping[str, Any] | None = None,
    ) -> Execution:
        first, *others = await self._executor.journal(source.id)
        made_id = execution_id()
        created = await self._created(first, source, loaded, inputs, made_id)
        if choice.latest or choice.commit or loaded.revision.revision != source.revision:
            created.data["commit"] = loaded.revision.snapshot or loaded.revision.commit
        events = [created, *(event for event in others if event.kind in _COPIED)]
        execution = await self._executor.folded(made_id, events)
        event = by_itself(plan(execution, loaded), execution, loaded.flow)
        execution.apply(event)
        snapshot = copy.deepcopy(execution)
        await self._executor.adopt(execution, loaded, [*events, event])
        return snapshot

    async def _created(
        self,
        first: Event,
        source: Execution,
        loaded: LoadedFlow,
        inputs: Mapping[str, Any] | None,
        made_id: str,
    ) -> Event:
        revision = loaded.revision
        data = {
            **first.data,
            "revision": revision.revision,
            "blob": revision.blob,
            "parent_id": source.id,
            "original_id": source.original_id or source.id,
        }
        if inputs is not None:
            data["inputs"] = await self._executor.inputs.start(loaded, inputs, made_id)
        return Event(Kind.CREATED, first.at, ROOT, State.CREATED, data=data)


def _applied(execution: Execution, event: Event) -> Execution:
    execution.apply(event)
    return execution


def _refuse_moving(execution: Execution) -> None:
    if not execution.state.terminal and execution.state is not State.PAUSED:
        message = f"execution {execution.id} is {execution.state}: only one that ended can go on"
        raise Conflict(message)
