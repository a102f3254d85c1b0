"""The states of executions and task runs, with Kestra's names and predicates."""

from enum import StrEnum


class State(StrEnum):
    """A state of an execution or of a task run."""

    CREATED = "CREATED"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    RESTARTED = "RESTARTED"
    KILLING = "KILLING"
    SUCCESS = "SUCCESS"
    WARNING = "WARNING"
    FAILED = "FAILED"
    KILLED = "KILLED"
    CANCELLED = "CANCELLED"
    QUEUED = "QUEUED"
    RETRYING = "RETRYING"
    RETRIED = "RETRIED"
    SKIPPED = "SKIPPED"

    @property
    def terminal(self) -> bool:
        """Whether nothing follows this state (except a restart, which is a new run number)."""
        return self in TERMINAL


TERMINAL = frozenset(
    {
        State.SUCCESS,
        State.WARNING,
        State.FAILED,
        State.KILLED,
        State.CANCELLED,
        State.RETRIED,
        State.SKIPPED,
    }
)

_WORST_FIRST = (State.KILLED, State.FAILED, State.WARNING)


def worst(states: list[State]) -> State:
    """Return what a parent ends as: the worst of its children; skipped and others count as success.

    Source: Kestra's `State` resolution (KILLED, FAILED, WARNING, else SUCCESS).
    """
    present = set(states)
    return next((state for state in _WORST_FIRST if state in present), State.SUCCESS)
