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


class Worst:
    """The worst of states that come one after another; it keeps none of them."""

    __slots__ = ("_present",)

    def __init__(self) -> None:
        """Begin with nothing, which is a success."""
        self._present: set[State] = set()

    def add(self, state: State) -> None:
        """Take in one state."""
        self._present.add(state)

    @property
    def state(self) -> State:
        """The worst of what came so far."""
        return worst(list(self._present))
