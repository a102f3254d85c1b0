"""Pauses that people make and end (reference §3.8)."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.engine.live import Live
from app.engine.resolver import InputResolver
from app.engine.walker import still_paused
from app.errors import Conflict
from app.executions import ROOT, Event, Execution, Kind, State, TaskRun

MARKS = {
    State.RUNNING: State.RUNNING,
    State.SUCCESS: State.RUNNING,
    State.WARNING: State.WARNING,
    State.FAILED: State.FAILED,
    State.CANCELLED: State.CANCELLED,
}
"""The states that a paused task run can be put into, and what its pause makes of them."""


@dataclass(frozen=True, slots=True)
class Word:
    """What somebody says to end a pause."""

    inputs: Mapping[str, Any] = field(default_factory=dict)
    by: str = ""
    state: State = State.RUNNING
    """How the pause ends: RUNNING goes on."""


async def pause(live: Live) -> None:
    """Pause a running execution: what runs goes on, nothing new starts.

    Raises:
        Conflict: when it does not run.
    """
    state = live.execution.state
    if state is not State.RUNNING:
        message = f"execution {live.id} is {state}; only a RUNNING one can pause"
        raise Conflict(message)
    await live.record(live.event(Kind.MOVED, ROOT, State.PAUSED))


async def resume(
    live: Live, resolver: InputResolver, word: Word, task_run_id: str | None = None
) -> None:
    """End the pause of a task run (the first that pauses), or that of the whole execution.

    Raises:
        Conflict: when it is not paused.
        Invalid: when the inputs are not those that the pause asks for.
    """
    _refuse_unless_paused(live.execution)
    run = _paused(live.execution, task_run_id)
    if run is None:
        committed = live.record(live.event(Kind.MOVED, ROOT, State.RUNNING))
    else:
        event = await _resumed(live, run, resolver, word)
        _refuse_unless_paused(live.execution, run)
        committed = _resume_task(live, run, event)
    live.open_gate()
    await committed


def is_paused(execution: Execution, task_run_id: str) -> bool:
    """Whether this task run of an execution pauses."""
    return _paused(execution, task_run_id) is not None


async def _resumed(live: Live, run: TaskRun, resolver: InputResolver, word: Word) -> Event:
    inputs: Mapping[str, Any] = {}
    if word.state is State.RUNNING:
        inputs = await resolver.resumption(live.loaded, run.task, word.inputs, live.id)
    decision = {"state": word.state.value, "onResume": inputs, "by": word.by}
    outputs = {"outputs": {"onResume": inputs}} if inputs else {}
    return live.event(Kind.RESUMED, run.path, State.RUNNING, decision=decision, **outputs)


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


def _paused(execution: Execution, task_run_id: str | None) -> TaskRun | None:
    paused = (run for run in execution.task_runs.values() if run.state is State.PAUSED)
    return next((run for run in paused if task_run_id in (None, run.id)), None)
