"""A task run and its attempts: states with their times."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from app.executions.paths import TaskRunPath
from app.executions.states import State


class Moment(NamedTuple):
    """A state and the time (µs since the epoch) it was entered."""

    state: State
    at: int


@dataclass(slots=True)
class Attempt:
    """One try of a task run: states with their times.

    `number` and `delivery` are the contract's (D3): a try after an unknown outcome keeps the number
    of the one before it, and with it the idempotency key.
    """

    number: int
    delivery: int
    histories: list[Moment]
    definite: bool = True
    log_file: str | None = None
    """Where its log is, if not among the others."""

    @property
    def ended(self) -> bool:
        """Whether an answer (or the lack of one) is on record."""
        return self.histories[-1].state.terminal


@dataclass(slots=True)
class TaskRun:
    """One run of a task inside an execution."""

    id: str
    path: TaskRunPath
    task: str
    parent: TaskRunPath
    value: str | None = None
    iteration: int | None = None
    state: State = State.CREATED
    histories: list[Moment] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    outputs: dict[str, Any] | None = None
    error: str | None = None
    decision: Any = None
    due: int | None = None
    """When a retry or a pause is over by itself (µs), while it waits."""
    then: State | None = None
    isolated: bool = False
    """Whether it is in a round whose outputs nobody else sees."""

    @property
    def ended(self) -> bool:
        """Whether the task run is over."""
        return self.state.terminal

    def move(self, state: State, at: int) -> None:
        """Enter `state`; entering the present one again is no change."""
        if self.histories and self.state is state:
            return
        self.state = state
        self.histories.append(Moment(state, at))

    def reopen(self, state: State, at: int, kept: dict[str, Any] | None = None) -> None:
        """Enter `state` by hand: what held it up or failed it is forgotten, decisions stay.

        One that starts again has only the outputs `kept`.
        """
        self.due = self.then = self.error = None
        if state is State.RESTARTED:
            self.outputs = kept
        if self.attempts and state.terminal:
            self.attempts[-1].histories.append(Moment(state, at))
        self.move(state, at)
