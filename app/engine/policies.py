"""Policies: when to try again, and what a failure becomes (reference §3.4, §3.7)."""

import random
from dataclasses import dataclass
from datetime import timedelta

from app.executions import Execution, State, TaskRun
from app.flows.model import Retry, Task
from app.flows.retry import delay


@dataclass(frozen=True, slots=True)
class Try:
    """The next attempt of a task run: its numbers, and when (µs) it may start."""

    attempt: int
    delivery: int
    due: int = 0


def next_try(run: TaskRun | None) -> Try:
    """Return what runs next of a task run: new, waiting for its retry, or interrupted by a crash.

    A crash or an unknown outcome keeps the attempt's number, so that the service sees the same
    idempotency key again (contract D3).
    """
    if run is None or not run.attempts:
        return Try(1, 1)
    last = run.attempts[-1]
    if last.ended and last.definite:
        return Try(last.number + 1, 1, run.due or 0)
    return Try(last.number, last.delivery + 1, (run.due or 0) if last.ended else 0)


def retry_due(policy: Retry | None, run: TaskRun, now: int, limit: int) -> int | None:
    """Return when (µs) to try again after the attempt that failed `now`; None: not any more.

    `limit` is the most attempts there may be, whatever the policy says.
    """
    if policy is None or policy.behavior == "CREATE_NEW_EXECUTION":
        return None
    tries = len(run.attempts)
    if tries >= min(policy.max_attempts or limit, limit):
        return None
    due = now + microseconds(delay(policy, tries, random.random()))  # noqa: S311 - spreads load
    if policy.max_duration is not None:
        started = run.attempts[0].histories[0].at
        if due > started + microseconds(policy.max_duration):
            return None
    return due


def renews(policy: Retry | None, execution: Execution, now: int, limit: int) -> bool:
    """Whether a new execution takes the place of this one, in which a task failed `now`."""
    if policy is None or policy.behavior != "CREATE_NEW_EXECUTION":
        return False
    if execution.attempt >= min(policy.max_attempts or limit, limit):
        return False
    if policy.max_duration is None:
        return True
    first = execution.original_created_at or execution.created_at
    due = now + microseconds(delay(policy, execution.attempt, 0.0))
    return due <= first + microseconds(policy.max_duration)


def allowed(task: Task, state: State) -> State:
    """Return the state after `allowFailure` and `allowWarning`."""
    if state is State.FAILED and task.allow_failure:
        state = State.WARNING
    if state is State.WARNING and task.allow_warning:
        state = State.SUCCESS
    return state


def after_success(policy: Retry | None, tries: int) -> State:
    """Return SUCCESS, or WARNING where `warningOnRetry` says so."""
    return State.WARNING if policy and policy.warning_on_retry and tries > 1 else State.SUCCESS


def microseconds(duration: timedelta) -> int:
    """Return a duration in µs."""
    return duration // timedelta(microseconds=1)
