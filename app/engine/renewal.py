"""Retries that make a new execution instead of another attempt (reference §3.7)."""

import random

from app.engine.live import Live
from app.engine.outline import Outline
from app.engine.policies import microseconds, renews
from app.executions import Execution, State, TaskRun
from app.executions.ids import following_id
from app.flows.model import Flow, Retry
from app.flows.retry import delay


def renewal(live: Live, state: State, tries: int) -> int | None:
    """Return when (µs) a new execution takes the place of this one, which ends in `state`.

    None when there is to be none. `tries` is the most attempts there may be.
    """
    if state is State.RETRIED:
        policy = _policy(live)
    elif state is State.FAILED and renews(
        live.loaded.flow.retry, live.execution, live.clock.now(), tries
    ):
        policy = live.loaded.flow.retry
    else:
        return None
    now = live.clock.now()
    if policy is None:
        return now
    chance = random.random()  # noqa: S311 - spreads load
    return now + microseconds(delay(policy, live.execution.attempt, chance))


def _policy(live: Live) -> Retry | None:
    """Return the policy of the task run for which the execution is given up."""
    retried = [run for run in live.execution.task_runs.values() if run.state is State.RETRIED]
    parents = {run.parent for run in retried}
    run = next((run for run in retried if run.path not in parents), None)
    return None if run is None else _nearest(live.loaded.flow, run)


def _nearest(flow: Flow, run: TaskRun) -> Retry | None:
    outline = Outline(flow)
    spot = outline.spot(run.task)
    while spot is not None:
        if spot.task.retry is not None:
            return spot.task.retry
        spot = outline.spot(spot.owner.id) if spot.owner is not None else None
    return flow.retry


def renewed_id(execution: Execution) -> str:
    """Return the id of the execution that takes the place of this one: always the same."""
    return following_id(execution.id, execution.anew or 0)
