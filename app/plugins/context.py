"""`Runnable`, a task that does one thing, and `RunContext`, what it has at hand meanwhile."""

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, TypeVar

from app.executions import State
from app.flows.model import Model, Task
from app.plugins.stores import ExecutionActions, Files, KeyValueStore, States, TaskLog
from app.ports import HttpClient, Runner

M = TypeVar("M", bound=Model)


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
