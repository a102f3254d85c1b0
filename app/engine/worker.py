"""The worker: runs a runnable task to its end, attempt by attempt (contract D3).

The attempt is durable before the first byte goes out; its result and the next task's attempt
travel in one commit.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from app.engine.caching import CachedTask
from app.engine.context import TaskContext
from app.engine.exits import leave
from app.engine.file_log import FileSink
from app.engine.json import as_json
from app.engine.live import Live
from app.engine.logs import LogOrigin, TaskRunLog
from app.engine.outputs import put_large, without_nulls
from app.engine.parts import Parts
from app.engine.places import Place, retrying, running_again
from app.engine.policies import Try, after_success, allowed, next_try, renews, retry_due
from app.engine.rendering import Renderer, reason
from app.engine.secrecy import masked
from app.engine.turns import Turns
from app.engine.uris import files_of
from app.errors import HeadwaterError
from app.executions import Event, Kind, State, TaskRun
from app.flows.model import Task
from app.plugins.api import Finished, Runnable, TaskFailed
from app.telemetry import METRICS, get_logger

_LOG = get_logger(__name__)

Variables = Callable[[Place], Mapping[str, Any]]
"""Makes the variables that expressions see at a place."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended; `definite` is False when nobody knows what the service did."""

    state: State
    outputs: Mapping[str, Any] | None = None
    error: str | None = None
    definite: bool = True
    exits: bool = False
    """Whether the whole execution ends with it."""
    log_file: str | None = None


class Worker:
    """Runs tasks of all executions of a node."""

    def __init__(self, parts: Parts) -> None:
        """Run tasks over these ports."""
        self._parts = parts
        self._limits = parts.limits
        self._turns = Turns(self._limits.task_runs, parts.tenants.share)

    async def run(
        self, place: Place, task: Runnable, renderer: Renderer, variables: Variables
    ) -> State:
        """Run a task with its retries; return the state it ended in.

        Raises:
            Exited: when the whole execution ends with it.
        """
        live, policy = place.live, task.retry or place.frame.retry
        while True:
            upcoming = next_try(live.run(place.path))
            if upcoming.due:
                await live.wait(place.path, upcoming.due)
            await live.gate()
            if upcoming.delivery > 1 and task.on_lost == "fail" and not upcoming.due:
                return self._lost(place)
            outcome = await self._attempt(place, task, upcoming, renderer, variables)
            run = live.execution.task_runs[place.path]
            due = None
            if outcome.state is State.FAILED and (outcome.definite or task.on_lost != "fail"):
                if renews(policy, live.execution, live.clock.now(), self._limits.tries):
                    outcome = replace(outcome, state=State.RETRIED, exits=True)
                due = retry_due(policy, run, live.clock.now(), self._limits.tries)
            if due is None:
                return await self._end(place, task, outcome, len(run.attempts))
            live.record(*_again(place, due, outcome))

    def _lost(self, place: Place) -> State:
        state = allowed(place.task, State.FAILED)
        message = "lost: the outcome of the attempt is unknown and `onLost: fail` forbids another"
        place.live.record(place.event(Kind.ENDED, state, error=message))
        return state

    async def _attempt(
        self, place: Place, task: Runnable, upcoming: Try, renderer: Renderer, variables: Variables
    ) -> Outcome:
        tenant = place.live.execution.tenant
        await self._turn(place.live, tenant)
        try:
            started = place.event(Kind.STARTED, State.RUNNING)
            started.attempt, started.delivery = upcoming.attempt, upcoming.delivery
            live = place.live
            durable = live.record(started, *running_again(live))
            sink = FileSink() if task.log_to_file else None
            log = self._log(place, task, len(live.execution.task_runs[place.path].attempts), sink)
            try:
                seen = variables(place)
                rendered = await renderer.model(task, seen)
                if task.effects:
                    await durable
                    live.refuse_if_left()  # it takes a killed walk some turns to be cancelled
                context = self._context(place, upcoming, log, renderer, seen)
                outcome = await self._outcome(rendered, context, renderer)
            except HeadwaterError as error:
                outcome = Outcome(State.FAILED, error=reason(error))
            if outcome.error:
                outcome = replace(outcome, error=masked(outcome.error, live.secrets))
                log.error(outcome.error or "")
            if sink is not None:
                outcome = replace(outcome, log_file=await self._stored(place, sink, upcoming))
            return outcome
        finally:
            self._turns.give(tenant)

    async def _turn(self, live: Live, tenant: str) -> None:
        """Take a place; the execution may have been paused while this stood in line."""
        await self._turns.take(tenant)
        while live.execution.state is State.PAUSED:
            self._turns.give(tenant)
            await live.gate()
            await self._turns.take(tenant)

    async def _outcome(self, task: Runnable, context: TaskContext, renderer: Renderer) -> Outcome:
        try:
            if task.task_cache is None or not task.task_cache.enabled:
                return await self._bounded(task, context)
            cache = CachedTask(task, context, renderer, self._parts)
            if (kept := await cache.find()) is not None:
                return Outcome(State.SUCCESS, kept)
            outcome = await self._bounded(task, context)
            if outcome.state is State.SUCCESS and not outcome.exits:
                await cache.keep(outcome.outputs or {})
            return outcome
        finally:
            if context.has_directory:
                await context.close()

    async def _stored(self, place: Place, sink: FileSink, upcoming: Try) -> str:
        name = f"log-{upcoming.attempt}-{upcoming.delivery}.txt"
        uri = f"{files_of(place.live.execution)}/logs/{place.run_id}/{name}"
        return await sink.store(self._parts.storage, uri)

    async def _bounded(self, task: Runnable, context: TaskContext) -> Outcome:
        if task.timeout is None:
            return await self._guarded(task, context)
        try:
            async with asyncio.timeout(task.timeout.total_seconds()) as deadline:
                return await self._guarded(task, context)
        except TimeoutError:
            if not deadline.expired():
                raise
            message = f"the task took longer than its timeout of {task.timeout.total_seconds():g} s"
            return Outcome(State.FAILED, error=message, definite=not task.effects)

    async def _guarded(self, task: Runnable, context: TaskContext) -> Outcome:
        try:
            outputs = await task.run(context)
        except TaskFailed as failure:
            return Outcome(State.FAILED, failure.outputs, failure.message, failure.definite)
        except (HeadwaterError, TimeoutError):
            raise
        except Exception as error:  # noqa: BLE001 - a fault in a task type fails its task only
            _LOG.exception("a task type raised", task=task.type, execution=context.execution_id)
            message = f"{type(error).__name__} in {task.type}: {error}"
            return Outcome(State.FAILED, error=message, definite=not task.effects)
        if isinstance(outputs, Finished):
            return Outcome(outputs.state, outputs.outputs)
        if context.exit_state is not None:
            return Outcome(context.exit_state, outputs, exits=True)
        return Outcome(State.SUCCESS, outputs)

    async def _end(self, place: Place, task: Runnable, outcome: Outcome, tries: int) -> State:
        state = outcome.state
        if state is State.SUCCESS:
            state = after_success(task.retry or place.frame.retry, tries)
        state = allowed(task, state)
        event = place.event(Kind.ENDED, state)
        if outcome.error:
            event.data["error"] = outcome.error
        if outcome.log_file:
            event.data["logFile"] = outcome.log_file
        if outcome.outputs:
            await self._put_outputs(place, event, without_nulls(dict(outcome.outputs)))
        if outcome.exits:
            event.to = outcome.state
            raise leave(place.live, event)
        place.live.record(event)
        self.count(task.type, place.live.execution.task_runs[place.path])
        return state

    def count(self, task_type: str, run: TaskRun) -> None:
        """Count a task run that ended in the figures of this process."""
        counter, seconds = _figures(task_type, run.state)
        counter.inc()
        seconds.observe((run.histories[-1].at - run.histories[0].at) / 1_000_000)

    async def _put_outputs(self, place: Place, event: Event, outputs: dict[str, Any]) -> None:
        """Put outputs into the event; large ones go to storage and the journal keeps their URI."""
        event.data["outputs"] = outputs
        if _small(outputs):
            return
        event.data["outputs"] = as_json(outputs)
        await place.live.protect(event)
        uri = f"{files_of(place.live.execution)}/outputs/{place.run_id}.json"
        if await put_large(event, uri, self._parts.storage, self._limits.inline_outputs):
            place.live.execution.large = True

    def _log(
        self, place: Place, task: Task, attempt: int, sink: FileSink | None = None
    ) -> TaskRunLog:
        live = place.live
        return TaskRunLog(
            self._parts.sink if sink is None else sink,
            live.clock,
            LogOrigin(live.id, place.run_id, task.id, attempt - 1),
            live.secrets,
            self._limits.logs,
            task.log_level,
        )

    def _context(
        self,
        place: Place,
        upcoming: Try,
        log: TaskRunLog,
        renderer: Renderer,
        variables: Mapping[str, Any],
    ) -> TaskContext:
        policy = place.task.retry or place.frame.retry
        shared = policy is not None and policy.idempotency == "taskrun"
        return TaskContext(
            place, upcoming, self._parts, log, renderer, variables, shared_key=shared
        )


def _again(place: Place, due: int, outcome: Outcome) -> list[Event]:
    events = retrying(place, due, outcome.error, definite=outcome.definite)
    if outcome.log_file:
        events[0].data["logFile"] = outcome.log_file
    return events


@cache
def _figures(task_type: str, state: State) -> tuple[Any, Any]:
    """Return the counter and the histogram of a type: looked up once, used for every run."""
    counter = METRICS.task_runs_ended.labels(task_type, state.value)
    return counter, METRICS.task_run_seconds.labels(task_type)


def _small(outputs: Mapping[str, Any]) -> bool:
    """Whether the outputs are a few short scalars, as almost all are: a look that costs nothing."""
    return len(outputs) <= 16 and all(
        len(value) < 1024 if isinstance(value, str) else isinstance(value, int | float)
        for value in outputs.values()
    )
