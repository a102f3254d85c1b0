"""`Walker`: what a flowable may do."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from app.executions import State, TaskRunPath
from app.flows.model import Task
from app.plugins.context import RunContext


class SubflowCall(NamedTuple):
    """Which flow to start, and how."""

    namespace: str
    flow_id: str
    revision: int | None
    inputs: Mapping[str, Any]
    labels: Mapping[str, str]
    inherit_labels: bool
    wait: bool
    schedule_date: int | None = None
    """When (µs) it is to start."""
    restart: bool = False
    """Whether a restart goes on with the execution of the time before."""
    part: str = ""
    """Which of several executions of one task run it is."""


class SubflowResult(NamedTuple):
    """How it ended (or that it was only started)."""

    execution_id: str
    state: State
    outputs: Mapping[str, Any] | None


class Resumption(NamedTuple):
    """How a pause ended: by somebody (with inputs) or by itself."""

    state: State
    inputs: Mapping[str, Any]
    by: str = ""
    at: int = 0
    """When (µs)."""


class Round(Protocol):
    """One round of a loop whose rounds see nothing of each other."""

    item: Mapping[str, Any]

    async def body(
        self, tasks: Sequence[Task], errors: Sequence[Task], finally_: Sequence[Task]
    ) -> State:
        """Run the tasks of the round, `errors` if they failed, then `finally`."""
        ...

    async def render(self, value: Any, /, **extra: Any) -> Any:
        """Render a template or every template of a structure, seeing the outputs of the round."""
        ...

    def stop(self) -> None:
        """Let no other round begin."""
        ...


class Walker(Protocol):
    """What a flowable may do: run children, decide once, wait. Nothing else reaches the engine.

    A flowable is walked again after a crash; whatever already happened is taken from the journal.
    Therefore everything that could come out differently goes through `decide`.
    """

    path: TaskRunPath

    async def sequence(self, tasks: Sequence[Task]) -> State:
        """Run tasks one after another; stop at the first that failed. Return the worst state."""
        ...

    async def sequence_in(self, directory: Path, tasks: Sequence[Task]) -> State:
        """Run tasks one after another that share a working directory."""
        ...

    @property
    def stopped(self) -> bool:
        """Whether somebody ended the task run: a walk that is cancelled now does not go on."""
        ...

    @property
    def context(self) -> RunContext:
        """What the flowable itself has at hand: storage, files, the log."""
        ...

    async def parallel(self, tasks: Sequence[Task], limit: int = 0) -> State:
        """Run tasks side by side, at most `limit` at a time (0: all); none after a failure."""
        ...

    async def graph(
        self, tasks: Sequence[Task], needs: Mapping[str, Sequence[str]], limit: int = 0
    ) -> State:
        """Run each task once those that it needs are over, at most `limit` at a time (0: all)."""
        ...

    async def rounds(
        self, values: Sequence[str], tasks: Sequence[Task], limit: int = 1, *, apart: bool = False
    ) -> State:
        """Run `tasks` in sequence once per value, at most `limit` rounds at a time (0: all).

        With `apart` every task of every value runs on its own, at most `limit` at a time.
        """
        ...

    async def loop(
        self,
        items: Sequence[Mapping[str, Any]],
        first: Task,
        run: Callable[[Round], Awaitable[State]],
        limit: int = 0,
    ) -> State:
        """Run rounds that see nothing of each other, at most `limit` at a time (0: all).

        An item has at least `value`, a text; `first` is the first task that a round runs.
        """
        ...

    async def turn(self, tasks: Sequence[Task], number: int) -> State:
        """Run tasks one after another in turn `number` (from 1) of a loop that repeats them."""
        ...

    def next_turn(self, number: int, note: Any, outputs: Mapping[str, Any]) -> None:
        """Begin turn `number`: drop the task runs of the turn before, note a value, set outputs."""
        ...

    @property
    def noted(self) -> Any:
        """What `note`, `next_turn` or `decide` has journalled last; None at first."""
        ...

    def note(self, value: Any, outputs: Mapping[str, Any] | None = None) -> None:
        """Journal a value for the walks to come, and set outputs that are visible at once."""
        ...

    def now(self) -> int:
        """Return the time (µs)."""
        ...

    async def until(self, due: int) -> None:
        """Wait until a time (µs); a long wait costs no memory."""
        ...

    def exit(self, state: State) -> Exception:
        """Return what to raise to end the task run, all above it and the execution in `state`."""
        ...

    async def render(self, value: Any, /, **extra: Any) -> Any:
        """Render a template or every template of a structure, seeing the outputs so far."""
        ...

    async def decide(
        self,
        make: Callable[[], Awaitable[Any]],
        outputs: Callable[[Any], Mapping[str, Any]] | None = None,
    ) -> Any:
        """Return the journalled decision of this task run, making it the first time.

        `outputs` turns it into the task run's outputs, visible at once.
        """
        ...

    async def sleep(self, duration: timedelta) -> None:
        """Wait; a long wait costs no memory."""
        ...

    async def pause(
        self, *, after: timedelta | None, then: State, outputs_key: str = "onResume"
    ) -> Resumption:
        """Pause the execution until somebody resumes it, or until `after` has passed."""
        ...

    async def call(self, call: SubflowCall) -> SubflowResult:
        """Start another flow, once; wait for its end when asked to."""
        ...

    async def start(self, call: SubflowCall) -> str:
        """Start another flow, once for each `part`; return the execution's id. No wait."""
        ...

    def child(self, part: str, *, restart: bool) -> str:
        """Return the id of the execution that `start` starts for this part (see `SubflowCall`)."""
        ...

    async def ended(self, execution_id: str, *, wait: bool = True) -> SubflowResult | None:
        """Return how an execution that `start` started ended.

        Without `wait`: None if it has not.
        """
        ...

    def outputs_of(self, task_id: str) -> Mapping[str, Any]:
        """Return the outputs of the child that runs this task."""
        ...

    async def render_in(self, execution_id: str, value: Any) -> Any:
        """Render a template or structure as an execution that has ended sees it."""
        ...

    def log(self, level: str, message: str) -> None:
        """Write a line to the task run's log."""
        ...

    def output(self, outputs: Mapping[str, Any]) -> None:
        """Set outputs that are stored when the task run ends."""
        ...
