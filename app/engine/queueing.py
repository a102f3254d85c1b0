"""Letting executions in that wait for their date or for a slot (reference §3.8)."""

import asyncio

from app.engine.admission import ADMISSION, NO_LIMIT
from app.engine.executor import Executor
from app.engine.live import Live
from app.engine.results import endings
from app.errors import Invalid
from app.executions import ROOT, Kind, State

_UNQUEUED = (State.RUNNING, State.CANCELLED, State.FAILED)
OUTSIDE = frozenset({State.CREATED, State.QUEUED})
"""States in which nothing of an execution has run yet."""


async def let_in(executor: Executor, live: Live) -> None:
    """Let an execution run now, whatever its date and its flow's `concurrency` say."""
    admission = executor.admission
    rule = await admission.rule(live.execution.flow_key)
    if live.execution.state not in OUTSIDE:
        return  # it runs, or has ended meanwhile and could not give a slot up any more
    if rule is not None or live.execution.slot:
        await admission.force(live, NO_LIMIT if rule is None else rule.limit)
    if live.execution.state in OUTSIDE:
        slot = {"slot": True} if live.execution.slot else {}
        committed = live.record(live.event(Kind.MOVED, ROOT, State.RUNNING, **slot))
        live.signal(ADMISSION)
        await committed


async def unqueue(executor: Executor, live: Live, state: State) -> None:
    """Take an execution out of the queue: let it run, or end it.

    Raises:
        Invalid: when it does not queue, or cannot get into `state` from there.
    """
    if live.execution.state is not State.QUEUED:
        message = f"execution {live.id} is {live.execution.state}, not QUEUED"
        raise Invalid(message)
    if state not in _UNQUEUED:
        names = ", ".join(_UNQUEUED)
        message = f"an execution cannot be taken out of the queue as {state}, only as {names}"
        raise Invalid(message)
    if state is State.RUNNING:
        await let_in(executor, live)
        return
    message = "it was taken out of the queue"
    events = endings(live.execution, executor.clock, state, message)
    await asyncio.shield(executor.end_now(live, events))  # told, also if who asked gives up
