"""The public plugin API: what a task author subclasses and what a running task gets.

A `Runnable` does one thing and returns its outputs; a `Flowable` walks its children through the
`Walker`. Properties are pydantic fields: `Dynamic[...]` ones are rendered before `run`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, TypeVar

from pydantic import Field

from app.executions import State, TaskRunPath
from app.flows.model import Model, Task, Tasks
from app.ports import HttpClient, KeptKey, KeyValue, LogQuery, NamespaceFile, Runner

__all__ = [
    "ExecutionActions",
    "Files",
    "Finished",
    "Flowable",
    "KeyValueStore",
    "Model",
    "Resumption",
    "Round",
    "RunContext",
    "Runnable",
    "States",
    "SubflowCall",
    "SubflowResult",
    "TaskFailed",
    "TaskLog",
    "Walker",
]


M = TypeVar("M", bound=Model)


class TaskFailed(Exception):
    """The task failed: a result, never a fault of ours.

    `definite` is False when nobody knows whether the effect happened (a time-out, a reset): then
    the same attempt is delivered again under the same idempotency key (contract D3).
    """

    def __init__(
        self, message: str, *, outputs: Mapping[str, Any] | None = None, definite: bool = True
    ) -> None:
        """Fail with a message for people; `outputs` are kept even so."""
        super().__init__(message)
        self.message = message
        self.outputs = outputs
        self.definite = definite


class TaskLog(Protocol):
    """The log of one task run; secrets are masked at its sink."""

    def trace(self, message: str) -> None:
        """Log at TRACE."""
        ...

    def debug(self, message: str) -> None:
        """Log at DEBUG."""
        ...

    def info(self, message: str) -> None:
        """Log at INFO."""
        ...

    def warn(self, message: str) -> None:
        """Log at WARN."""
        ...

    def error(self, message: str) -> None:
        """Log at ERROR."""
        ...


class KeyValueStore(Protocol):
    """The key-value pairs of one namespace."""

    async def get(self, key: str) -> KeyValue | None:
        """Return the pair, None if there is none."""
        ...

    async def put(
        self,
        key: str,
        value: Any,
        *,
        kind: str | None = None,
        ttl: timedelta | None = None,
        overwrite: bool = True,
        description: str | None = None,
    ) -> None:
        """Store a value; without `kind` its type decides.

        Raises:
            TaskFailed: for a bad key, a value that is not of its kind, a pair not to overwrite.
        """
        ...

    async def delete(self, key: str) -> bool:
        """Remove the pair; return whether it was there."""
        ...

    async def pairs(self, prefix: str = "") -> Sequence[KeyValue]:
        """Return the pairs whose keys begin with `prefix`, in order."""
        ...

    async def inherited(self, key: str) -> KeyValue | None:
        """Return the pair of the namespace or of the nearest one above that has it."""
        ...

    async def kept(self) -> Sequence[KeptKey]:
        """Return the keys of all namespaces of the tenant, also expired ones."""
        ...

    async def remove(self, keys: Sequence[KeptKey]) -> int:
        """Remove pairs of any namespace; return how many were there."""
        ...


class Files(Protocol):
    """The files of one namespace, as the execution's commit has them.

    What the execution itself wrote is read as written.
    """

    async def entries(self) -> Sequence[NamespaceFile]:
        """Return all of them, in order of path."""
        ...

    async def read(self, path: str) -> bytes:
        """Return a file's bytes; raises `TaskFailed` when there is none."""
        ...

    async def write(self, changes: Mapping[str, bytes | None]) -> None:
        """Write files (None: delete) in one commit; raises `TaskFailed`."""
        ...


class States(Protocol):
    """Small documents that tasks keep from one execution to the next (reference §2.4)."""

    async def get(self, name: str, key: str) -> Mapping[str, Any] | None:
        """Return the document, None if there is none."""
        ...

    async def put(self, name: str, key: str, data: Mapping[str, Any]) -> None:
        """Store the document."""
        ...

    async def delete(self, name: str, key: str) -> bool:
        """Remove the document; return whether it was there."""
        ...


class ExecutionActions(Protocol):
    """What a task may do with executions of its tenant; raises `TaskFailed`."""

    async def resume(self, execution_id: str, inputs: Mapping[str, Any]) -> None:
        """Resume a paused execution."""
        ...

    async def kill(self, execution_id: str, *, cascade: bool = True) -> None:
        """Kill an execution."""
        ...

    async def count(
        self,
        namespace: str,
        flow_id: str | None,
        states: Sequence[str],
        since: int | None,
        until: int | None,
    ) -> int:
        """Count executions of a flow (None: of all of the namespace); times in µs."""
        ...

    async def flows(self, namespace: str) -> Sequence[tuple[str, str]]:
        """Return (namespace, id) of the flows of a namespace and those below it."""
        ...

    async def purge(  # noqa: PLR0913 - what Kestra's task says
        self,
        namespace: str | None,
        flow_id: str | None,
        states: Sequence[str],
        since: int | None,
        until: int,
        *,
        executions: bool,
        logs: bool,
        metrics: bool,
        files: bool,
    ) -> Mapping[str, int]:
        """Delete ended executions and what belongs to them.

        Returns how many: `executions`, `logs`, `metrics`, `files`.
        """
        ...

    def logs(self, query: LogQuery) -> AsyncIterator[Mapping[str, Any]]:
        """Yield log lines as Kestra's JSON."""
        ...

    async def purge_logs(self, query: LogQuery) -> int:
        """Delete log lines; return how many."""
        ...

    async def toggle(self, namespace: str, flow_id: str, trigger: str, *, enabled: bool) -> None:
        """Enable or disable a trigger."""
        ...


class RunContext(Protocol):
    """What a running task has at hand."""

    execution_id: str
    tenant: str
    namespace: str
    flow_id: str
    task_run_id: str
    attempt: int
    delivery: int
    http: HttpClient

    @property
    def log(self) -> TaskLog:
        """The log of this task run."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The identity headers of contract D3, to be sent with every call to a service."""
        ...

    @property
    def variables(self) -> Mapping[str, Any]:
        """The variables that expressions see here (reference §3.12)."""
        ...

    async def render(self, value: Any, /, **extra: Any) -> Any:
        """Render a template, or every template in a structure; `extra` variables are added."""
        ...

    def now(self) -> int:
        """Return the time: µs since the epoch."""
        ...

    async def render_typed(self, value: Any, **extra: Any) -> Any:
        """Render as `render` does; a text that is one single `{{ … }}` gives its native value."""
        ...

    async def task(self, spec: str) -> "Runnable":
        """Return the runnable task that a YAML text describes, its properties rendered.

        Raises:
            TaskFailed: when it is no valid task, or none that can run by itself.
        """
        ...

    def metric(
        self,
        name: str,
        value: float,
        /,
        *,
        kind: Literal["counter", "timer"] = "counter",
        **tags: str,
    ) -> None:
        """Report a figure; timers in seconds."""
        ...

    def encrypt(self, text: str) -> Mapping[str, str]:
        """Return a text sealed under the server's key; expressions see it in plain text.

        Raises:
            TaskFailed: when the server has no key.
        """
        ...

    async def put_file(self, name: str, chunks: AsyncIterator[bytes]) -> str:
        """Store a file of this task run; return its URI."""
        ...

    def get_file(self, uri: str) -> AsyncIterator[bytes]:
        """Yield the bytes of a file that this execution may read; else raises `TaskFailed`."""
        ...

    async def file_size(self, uri: str) -> int:
        """Return the size of such a file in bytes; raises `TaskFailed`."""
        ...

    async def delete_file(self, uri: str) -> bool:
        """Remove a file of this execution; return whether it was there."""
        ...

    async def delete_files(self) -> Sequence[str]:
        """Remove all files of this execution; return their URIs."""
        ...

    async def render_model(self, model: M) -> M:
        """Return a model with its dynamic properties rendered."""
        ...

    async def directory(self, *, keep: bool = False) -> Path:
        """Return the working directory, made when first asked for.

        It is the task run's own and removed after the attempt, or that of the `WorkingDirectory`
        around it. With `keep` it is as an interrupted attempt left it, else empty at first; a
        flowable `discard`s it.
        """
        ...

    async def discard(self) -> None:
        """Remove the working directory once all that was recorded so far is durable."""
        ...

    def kv(self, namespace: str | None = None) -> KeyValueStore:
        """Return the key-value pairs of a namespace, by default the flow's."""
        ...

    def files(self, namespace: str | None = None) -> Files:
        """Return the files of a namespace, by default the flow's."""
        ...

    def states(self, *, namespace: bool = False) -> States:
        """Return the documents that the flow (or its whole namespace) keeps."""
        ...

    @property
    def executions(self) -> ExecutionActions:
        """What may be done with executions."""
        ...

    def runner(self, kind: str | None = None) -> Runner:
        """Return where programs run: a runner of this kind, None: that of the node.

        Raises:
            TaskFailed: this node does not run programs so; the message says what to do.
        """
        ...

    async def cached(self) -> AsyncIterator[bytes] | None:
        """Return what the task kept in an earlier execution, None if there is nothing."""
        ...

    async def keep(self, chunks: AsyncIterator[bytes]) -> None:
        """Keep bytes for later executions of the task (in a round: with the same value)."""
        ...

    async def label(self, labels: Mapping[str, str]) -> None:
        """Merge labels into those of the execution; raises `TaskFailed` for system labels."""
        ...

    async def set_variables(self, variables: Mapping[str, Any], *, overwrite: bool = True) -> None:
        """Merge variables into those of the execution (`vars` in expressions)."""
        ...

    async def unset_variables(self, names: Sequence[str], *, strict: bool = False) -> None:
        """Take variables of the execution away; `strict` fails for one that is not there."""
        ...

    def exit(self, state: State) -> None:
        """End the task run, all above it and the execution in `state`, once `run` returns."""
        ...


class Finished(NamedTuple):
    """How a runnable task ended that says so itself (a script: WARNING)."""

    outputs: Mapping[str, Any] | None
    state: State = State.SUCCESS


class Runnable(Task):
    """A task that does one thing."""

    effects: ClassVar[bool] = True
    """Whether running it touches the world. If so the attempt is durable before it starts."""

    async def run(self, ctx: RunContext) -> "Mapping[str, Any] | Finished | None":
        """Do it and return the outputs, or `Finished` to end in another state than SUCCESS.

        Raises:
            TaskFailed: when it did not work.
        """
        raise NotImplementedError


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


class Flowable(Task):
    """A task that has children and decides which of them run."""

    attempts: ClassVar[bool] = False
    """Whether its run counts as an attempt (so that `retry` applies to it as a whole)."""

    own_ends: ClassVar[bool] = False
    """Whether it runs its `errors` and `finally` itself, as in every round of a loop."""

    whole: ClassVar[bool] = False
    """Whether a restart runs it anew, its children too."""

    side_by_side: ClassVar[bool] = False
    """Whether its children (and rounds) run side by side, none after the other."""

    errors: Tasks = Field(
        default_factory=list, description="Tasks to run when one of the children failed."
    )
    finally_: Tasks = Field(
        default_factory=list,
        alias="finally",
        description="Tasks to run at the end, whatever happened.",
    )

    async def walk(self, walker: Walker) -> State:
        """Run the children; return the state that follows from them."""
        raise NotImplementedError
