"""Commands: what people and triggers do with executions, one verb a function."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from app.engine.amendments import relabelling, restating
from app.engine.checks import verdict
from app.engine.deletion import Deletion
from app.engine.entry import ended_message
from app.engine.executor import Executor
from app.engine.interpreter import Place
from app.engine.json import as_bytes
from app.engine.limits import MAX_LABELS, Limits
from app.engine.live import Live
from app.engine.queueing import OUTSIDE, let_in, unqueue
from app.engine.renewal import renewed_id
from app.engine.replay import Restarts
from app.engine.results import failure
from app.engine.walker import child_id, still_paused
from app.errors import Conflict, Fenced, Invalid, NotFound, TooLarge, TooMany
from app.executions import ROOT, Event, Execution, Kind, State, TaskRun, execution_id
from app.flows.model import Task, label_map
from app.plugins.api import SubflowCall
from app.ports import Claim, Clock, Executions, FlowSource, LoadedFlow
from app.telemetry import METRICS

_ROOTS = 10_000
"""Roots whose descendants are counted; the oldest are forgotten."""
CORRELATION = "system.correlationId"


@dataclass(frozen=True, slots=True)
class NewExecution:
    """What an execution is started with."""

    tenant: str
    namespace: str
    flow_id: str
    revision: int | None = None
    commit: str | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    labels: Sequence[tuple[str, str]] = ()
    trigger: Mapping[str, Any] | None = None
    id: str | None = None
    claim: Claim | None = None
    parent: Execution | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    """What expressions see at the top level, beside the usual variables."""
    schedule_date: int | None = None
    """The time (µs) that it was planned for."""
    chain: int = 0
    """How many flow triggers led to it."""
    lenient: bool = False
    """Inputs that are missing or not valid do not refuse it."""
    failure: str | None = None
    """It only tells of this: it is created, and has FAILED."""
    copy_of: Execution | None = None
    """It repeats this one; with the very inputs of that one they are not resolved again."""
    renews: bool = False
    """It takes the place of `copy_of`, which was RETRIED: the same again, as its next attempt."""


class Commands:
    """The verbs of executions. Everything returned as done is durable."""

    def __init__(
        self,
        executor: Executor,
        flows: FlowSource,
        executions: Executions,
        clock: Clock,
        limits: Limits | None = None,
    ) -> None:
        """Act on `executor` within `limits`."""
        self._executor = executor
        self._flows = flows
        self._executions = executions
        self._clock = clock
        self._limits = limits or Limits()
        self._descendants: Counter[str] = Counter()
        self._restarts = Restarts(executor, flows, clock)
        self.deletion: Deletion
        """Set by whoever has an archive to delete from."""

    async def create(self, new: NewExecution) -> Execution:
        """Start an execution; return it once it is durable (contract D1).

        Raises:
            NotFound, Gone: when there is no such flow (any more).
            Conflict: when the flow is disabled, or the key was used with another body.
            Invalid: when inputs or labels are wrong; every error is listed.
            TooMany: when the node has too much to do.
        """
        if new.claim is not None and (known := await self._known(new.claim)) is not None:
            return known
        loaded = await self._load(new)
        live = await self._make(new, loaded)
        try:
            await live.committed  # type: ignore[misc]  # set by `_make`
        except Fenced:
            return await self._again(new, live)
        return live.execution

    async def _again(self, new: NewExecution, live: Live) -> Execution:
        """Another request with the same key was faster: return its execution."""
        if new.claim is not None and (known := await self._known(new.claim)) is not None:
            return known
        message = f"execution {live.id} exists already"
        raise Conflict(message)

    async def _known(self, claim: Claim) -> Execution | None:
        found = await self._executions.claimed(claim)
        if found is None:
            return None
        if found[1] != claim.body_hash:
            message = f"the idempotency key {claim.key!r} was used with another body"
            raise Conflict(message)
        return await self._executor.get(found[0])

    async def _load(self, new: NewExecution) -> LoadedFlow:
        where = (new.tenant, new.namespace, new.flow_id)
        if new.revision is None and new.commit is None:
            loaded = await self._flows.current(*where)
        else:
            loaded = await self._flows.at(*where, revision=new.revision, commit=new.commit)
        if loaded.flow.disabled:
            message = f"flow {new.namespace}.{new.flow_id} is disabled"
            raise Conflict(message)
        return loaded

    async def _make(self, new: NewExecution, loaded: LoadedFlow) -> Live:
        full = self._executor.count() >= self._limits.executions
        if full and new.parent is None and not new.renews:
            message = f"{self._limits.executions} executions are running; try again in a moment"
            METRICS.limits_reached.labels("executions").inc()
            raise TooMany(message, retry_after=1)
        made_id = new.id or execution_id()
        inputs = await self._inputs(new, loaded, made_id)
        if (size := len(as_bytes(inputs))) > self._limits.inputs:
            message = (
                f"the inputs have {size} bytes, the limit is {self._limits.inputs}: pass large data"
                " as a FILE input"
            )
            METRICS.limits_reached.labels("inputs").inc()
            raise TooLarge(message)
        event = self._created(new, loaded, made_id, inputs)
        live = self._executor.make(Execution.created(made_id, event), loaded)
        failed = new.failure
        if loaded.flow.checks and failed is None and not new.renews:
            failed = verdict(await self._executor.failed_checks(live))
        live.create(event, new.claim)
        if failed is None:
            self._executor.begin(live)
        else:
            self._executor.end_now(live, failure(live.execution, self._clock, failed))
        METRICS.executions_created.inc()
        return live

    async def _inputs(self, new: NewExecution, loaded: LoadedFlow, made_id: str) -> dict[str, Any]:
        if new.failure is not None:
            return {}
        if new.renews:
            return dict(new.inputs)
        resolver = self._executor.inputs
        resolve = resolver.tolerated if new.lenient else resolver.start
        return await resolve(loaded, new.inputs, made_id)

    def _created(
        self, new: NewExecution, loaded: LoadedFlow, made_id: str, inputs: dict[str, Any]
    ) -> Event:
        revision = loaded.revision
        data: dict[str, Any] = {
            "tenant": revision.tenant,
            "namespace": revision.namespace,
            "flow_id": revision.flow_id,
            "revision": revision.revision,
            "commit": revision.snapshot or revision.commit,
            "blob": revision.blob,
            "inputs": inputs,
            "labels": _labels(new, loaded, made_id),
        }
        if new.trigger is not None:
            data["trigger"] = dict(new.trigger)
        if new.parent is not None:
            data["parent_id"] = new.parent.id
            data["depth"] = new.parent.depth + 1
        if chain := max(new.chain, new.parent.chain if new.parent else 0):
            data["chain"] = chain
        if new.copy_of is not None:
            data["parent_id"] = new.copy_of.id
            data["original_id"] = new.copy_of.original_id or new.copy_of.id
            if new.renews:
                data |= _next_attempt(new.copy_of)
        if new.variables:
            data["variables"] = dict(new.variables)
        if new.schedule_date is not None:
            data["schedule_date"] = new.schedule_date
        return Event(Kind.CREATED, self._clock.now(), ROOT, State.CREATED, data=data)

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
            await self._executor.end_now(live, [killing, *runs, killed])
        if cascade:
            await self._kill_children(tenant, wanted)
        return live.execution

    async def _kill_children(self, tenant: str, parent: str) -> None:
        for child in await self._executions.children(parent):
            try:
                await self.kill(tenant, child)
            except (Conflict, NotFound):
                continue  # it has ended meanwhile

    async def pause(self, tenant: str, wanted: str) -> Execution:
        """Pause a running execution: what runs goes on, nothing new starts."""
        async with self._holding(tenant, wanted) as live:
            state = live.execution.state
            if state is not State.RUNNING:
                message = f"execution {wanted} is {state}; only a RUNNING one can pause"
                raise Conflict(message)
            await live.record(live.event(Kind.MOVED, ROOT, State.PAUSED))
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
            _refuse_unless_paused(live.execution)
            paused = _first_paused(live.execution)
            if paused is None:
                committed = live.record(live.event(Kind.MOVED, ROOT, State.RUNNING))
            else:
                event = await self._resumed(live, paused, inputs or {}, by)
                _refuse_unless_paused(live.execution, paused)
                committed = _resume_task(live, paused, event)
            live.open_gate()
            await committed
        return live.execution

    async def _resumed(self, live: Live, run: TaskRun, inputs: Mapping[str, Any], by: str) -> Event:
        resolver = self._executor.inputs
        resolved = await resolver.resumption(live.loaded, run.task, inputs, live.id)
        decision = {"state": State.RUNNING.value, "onResume": resolved, "by": by}
        outputs = {"outputs": {"onResume": resolved}} if resolved else {}
        return live.event(Kind.RESUMED, run.path, State.RUNNING, decision=decision, **outputs)

    async def force_run(self, tenant: str, wanted: str) -> Execution:
        """Let an execution run now that waits for its date, for a slot or for somebody.

        Raises:
            Conflict: when it has ended.
            Invalid: when its pause asks for inputs.
        """
        async with self._holding(tenant, wanted) as live:
            state = live.execution.state
            if state in OUTSIDE:
                await let_in(self._executor, live)
        if state is State.PAUSED:
            return await self.resume(tenant, wanted)
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

    async def restart(self, tenant: str, wanted: str, revision: int | None = None) -> Execution:
        """Let an execution go on from its failed task runs (see `Restarts`)."""
        return await self._restarts.restart(tenant, wanted, revision=revision)

    async def replay(
        self,
        tenant: str,
        wanted: str,
        *,
        task_run_id: str | None = None,
        revision: int | None = None,
        inputs: Mapping[str, Any] | None = None,
    ) -> Execution:
        """Start a new execution like this one: from its beginning, or from one of its task runs.

        Raises:
            NotFound: when there is no such execution or revision.
            Invalid: when there is no such task run, or the inputs are wrong.
        """
        source = await self._restarts.own(tenant, wanted)
        if task_run_id is not None:
            return await self._restarts.replay_from(
                source, task_run_id, revision=revision, inputs=inputs
            )
        return await self.create(_repeated(source, revision, inputs))

    async def change_task_run(
        self, tenant: str, wanted: str, task_run_id: str, state: State
    ) -> Execution:
        """Set the state of a task run by hand (see `Restarts`)."""
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

    # -- subflows: the `Subflows` seam of the walker -------------------------------------------

    async def start(self, parent: Place, call: SubflowCall) -> str:
        """Start a subflow once for a task run; its id follows from the task run."""
        execution = parent.live.execution
        if execution.depth + 1 > self._limits.subflow_depth:
            message = f"subflows are nested more than {self._limits.subflow_depth} deep"
            METRICS.limits_reached.labels("subflow_depth").inc()
            raise Invalid(message)
        child = child_id(parent, call.part, restart=call.restart)
        if await self._executor.exists(child):
            return child
        self._count(execution)
        await self.create(self._child(parent.task, execution, call, child))
        return child

    def _count(self, parent: Execution) -> None:
        """Count one more execution below the root of `parent`."""
        root = dict(parent.labels).get(CORRELATION, parent.id)
        if self._descendants[root] >= self._limits.descendants:
            message = f"{self._limits.descendants} executions were started below {root} already"
            METRICS.limits_reached.labels("descendants").inc()
            raise Invalid(message)
        self._descendants[root] += 1
        if len(self._descendants) > _ROOTS:
            del self._descendants[next(iter(self._descendants))]

    def _child(self, task: Task, parent: Execution, call: SubflowCall, child: str) -> NewExecution:
        labels = [
            label for label in parent.labels if call.inherit_labels or label.key == CORRELATION
        ]
        variables = {
            "executionId": parent.id,
            "namespace": parent.namespace,
            "flowId": parent.flow_id,
            "flowRevision": parent.revision,
        }
        return NewExecution(
            tenant=parent.tenant,
            namespace=call.namespace,
            flow_id=call.flow_id,
            revision=call.revision,
            inputs=call.inputs,
            labels=[*labels, *call.labels.items()],
            trigger={"id": task.id, "type": task.type, "variables": variables},
            schedule_date=call.schedule_date,
            id=child,
            parent=parent,
        )

    async def ended(self, wanted: str) -> Execution | None:
        """Return the execution if it has ended, as committed; of a RETRIED one the last."""
        execution = await self._executor.get(wanted)
        while execution.state is State.RETRIED and execution.anew is not None:
            try:
                execution = await self._executor.get(renewed_id(execution))
            except NotFound:
                return execution if execution.over else None
        return execution if execution.state.terminal else None

    async def renew(self, execution: Execution) -> None:
        """Create the execution that takes the place of a RETRIED one, once."""
        made_id = renewed_id(execution)
        if await self._executor.exists(made_id):
            return
        await self.create(
            NewExecution(
                execution.tenant,
                execution.namespace,
                execution.flow_id,
                revision=execution.revision,
                inputs=execution.inputs,
                labels=execution.labels,
                trigger=execution.trigger,
                id=made_id,
                variables=execution.variables,
                chain=execution.chain,
                copy_of=execution,
                renews=True,
            )
        )

    async def render(self, wanted: str, value: Any) -> Any:
        """Render a structure as an execution that has ended sees it."""
        return await self._executor.render(await self._executor.get(wanted), value)


def _next_attempt(execution: Execution) -> dict[str, Any]:
    return {
        "attempt": execution.attempt + 1,
        "depth": execution.depth,
        "original_created_at": execution.original_created_at or execution.created_at,
    }


def _repeated(
    source: Execution, revision: int | None, inputs: Mapping[str, Any] | None
) -> NewExecution:
    labels = [
        label
        for label in source.labels
        if label.key == CORRELATION or not label.key.startswith("system.")
    ]
    return NewExecution(
        source.tenant,
        source.namespace,
        source.flow_id,
        revision=revision or source.revision,
        inputs=source.inputs if inputs is None else inputs,
        labels=labels,
        trigger=source.trigger,
        variables=source.variables,
        copy_of=source,
    )


def body_hash(*parts: bytes) -> str:
    """Return the hash by which two requests with one idempotency key are compared."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


def _refuse_unless_paused(execution: Execution, run: TaskRun | None = None) -> None:
    state = execution.state if run is None else run.state
    if state is not State.PAUSED:
        message = f"execution {execution.id} is {state}, not PAUSED"
        raise Conflict(message)


def _resume_task(live: Live, run: TaskRun, event: Event) -> asyncio.Future[Any]:
    committed = live.record(event)
    if not still_paused(live.execution):
        restarted = live.event(Kind.MOVED, ROOT, State.RESTARTED)
        committed = live.record(restarted, live.event(Kind.MOVED, ROOT, State.RUNNING))
    live.signal(run.path)
    return committed


def _first_paused(execution: Execution) -> TaskRun | None:
    runs = execution.task_runs.values()
    return next((run for run in runs if run.state is State.PAUSED), None)


def _labels(new: NewExecution, loaded: LoadedFlow, made_id: str) -> list[list[str]]:
    """Return the labels of a new execution: the flow's, the caller's, the correlation id.

    Raises:
        Invalid: for too many, or for a system label given from outside.
    """
    own = dict(new.labels)
    if new.parent is None and not new.renews:
        _refuse_system(own)
    labels = {**_flow_labels(new, loaded), **own}
    labels.setdefault(CORRELATION, made_id)
    if len(labels) > MAX_LABELS:
        message = f"{len(labels)} labels are more than the limit of {MAX_LABELS}"
        raise Invalid(message)
    return [[key, value] for key, value in labels.items()]


def _flow_labels(new: NewExecution, loaded: LoadedFlow) -> dict[str, str]:
    """Return the labels of the flow; a trigger leaves those of the system out."""
    labels = label_map(loaded.flow.labels)
    if new.trigger is None or new.parent is not None:
        return labels
    return {key: value for key, value in labels.items() if not key.startswith("system.")}


def _refuse_system(labels: Mapping[str, str]) -> None:
    for key in labels:
        if key.startswith("system.") and key != CORRELATION:
            message = f"System labels can only be set by Headwater itself, found label '{key}'."
            raise Invalid(message)
