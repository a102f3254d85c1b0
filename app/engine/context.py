"""What a running task has at hand: the `RunContext` of the plugin API."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import orjson

from app.engine import directories
from app.engine.identity import Identity
from app.engine.limits import MAX_METRICS
from app.engine.logs import TaskRunLog
from app.engine.parts import Parts
from app.engine.places import Place
from app.engine.policies import Try
from app.engine.rendering import Renderer
from app.engine.sealing import hidden, protected
from app.engine.secrecy import masked
from app.engine.stores import BoundFiles, BoundKeyValues, StoredStates
from app.engine.templated import templated_task
from app.engine.uris import cache_file, files_of, may_read, owns, task_run_files
from app.engine.variables import add_labels, set_variables, unset_variables
from app.errors import NotFound, Unavailable
from app.executions import State
from app.flows.convert import ConversionError
from app.flows.encryption import sealing
from app.flows.model import Model
from app.plugins.api import ExecutionActions, Runnable, TaskFailed
from app.ports import MetricEntry, Runner

M = TypeVar("M", bound=Model)


class TaskContext:
    """One attempt's view of the world; the engine makes it, a task uses it (see the Protocol)."""

    def __init__(
        self,
        place: Place,
        upcoming: Try,
        parts: Parts,
        log: TaskRunLog,
        renderer: Renderer,
        variables: Mapping[str, Any],
        *,
        shared_key: bool = False,
    ) -> None:
        """Make the context of an attempt; with `shared_key` all attempts carry one key."""
        execution = place.live.execution
        self.execution_id = execution.id
        self.tenant = execution.tenant
        self.namespace = execution.namespace
        self.flow_id = execution.flow_id
        self.task_run_id = place.run_id
        self.attempt = upcoming.attempt
        self.delivery = upcoming.delivery
        self.log = log
        self.http = parts.http
        self.variables = variables
        self.exit_state: State | None = None
        self._directory: Path | None = place.frame.directory
        self.has_directory = False
        """Whether it has a working directory of its own, to be removed by `close`."""
        self._live = place.live
        self._task_id = place.task.id
        self._value = place.frame.value
        self._path = place.path
        self._parts = parts
        self._metrics = 0
        self._renderer = renderer
        self._key = f"{execution.id}.{place.run_id}.{1 if shared_key else upcoming.attempt}"

    @property
    def headers(self) -> dict[str, str]:
        """The identity headers of contract D3."""
        return {
            "Idempotency-Key": self._key,
            "X-Flow-Execution": self.execution_id,
            "X-Flow-Delivery": str(self.delivery),
            "X-Flow-Fence": str(self._parts.fence),
            "traceparent": self._traceparent(),
        }

    def _traceparent(self) -> str:
        # W3C trace context: one trace per execution, one span per attempt, both told by their ids.
        trace = _hex(self.execution_id, 32)
        span = _hex(f"{self.task_run_id}{self.attempt}{self.delivery}", 16)
        return f"00-{trace}-{span}-01"

    async def render(self, value: Any, /, **extra: Any) -> Any:
        """Render a template, or every template in a structure."""
        variables = {**self.variables, **extra} if extra else self.variables
        if isinstance(value, str):
            return await self._renderer.text(value, variables)
        return await self._renderer.deep(value, variables)

    def now(self) -> int:
        """Return the time: µs since the epoch."""
        return self._live.clock.now()

    async def render_typed(self, value: Any, **extra: Any) -> Any:
        """Render as `render` does; a text that is one single `{{ … }}` gives its native value."""
        variables = {**self.variables, **extra} if extra else self.variables
        return await self._renderer.typed(value, variables)

    async def task(self, spec: str) -> Runnable:
        """Return the runnable task that a YAML text describes, its properties rendered."""
        types = self._parts.types
        return await templated_task(spec, self._task_id, types, self._renderer, self.variables)

    def metric(
        self,
        name: str,
        value: float,
        /,
        *,
        kind: Literal["counter", "timer"] = "counter",
        **tags: str,
    ) -> None:
        """Report a figure; above the limit of one attempt they are dropped, which is said once."""
        self._metrics += 1
        if self._metrics > MAX_METRICS:
            if self._metrics == MAX_METRICS + 1:
                self.log.write("WARN", f"metrics beyond {MAX_METRICS} of a task run are dropped")
            return
        secrets = self._live.secrets
        entry = MetricEntry(
            self.execution_id, self.task_run_id, self._task_id, masked(name, secrets), kind, value,
            self._live.clock.now(), orjson.dumps(hidden(tags, secrets)).decode(),
        )  # fmt: skip
        self._parts.sink.metric(entry)

    def protected(self, value: Any) -> Any:
        """Return a structure as it may be kept: what holds secrets is sealed in it."""
        secrets = self._live.secrets
        return protected(value, secrets, self._parts.cipher) if secrets else value

    def encrypt(self, text: str) -> dict[str, str]:
        """Return a text sealed under the server's key."""
        try:
            return dict(sealing(self._parts.cipher)(text))
        except ConversionError as error:
            raise TaskFailed(error.message) from None

    async def put_file(self, name: str, chunks: AsyncIterator[bytes]) -> str:
        """Store a file of this task run; return its URI."""
        home = task_run_files(self._live.execution, self._task_id, self.task_run_id)
        uri = f"{home}/{name}"
        await self._parts.storage.put(uri, chunks)
        return uri

    def get_file(self, uri: str) -> AsyncIterator[bytes]:
        """Yield the bytes of a file of this execution, or of another one of the namespace."""
        self._allow(uri)
        return self._parts.storage.get(uri)

    async def file_size(self, uri: str) -> int:
        """Return the size of such a file in bytes."""
        self._allow(uri)
        try:
            return await self._parts.storage.size(uri)
        except NotFound as error:
            raise TaskFailed(error.message) from error

    async def delete_file(self, uri: str) -> bool:
        """Remove a file of this execution; return whether it was there."""
        if not owns(self._live.execution, uri):
            message = f"{uri} belongs to another execution and cannot be removed here"
            raise TaskFailed(message)
        return await self._parts.storage.delete(uri)

    async def delete_files(self) -> Sequence[str]:
        """Remove all files of this execution; return their URIs."""
        prefix = files_of(self._live.execution)
        uris = await self._parts.storage.below(prefix)
        await self._parts.storage.delete_prefix(prefix)
        return uris

    def _allow(self, uri: str) -> None:
        if not may_read(self._live.execution, uri):
            message = f"{uri} belongs to another namespace and cannot be read here"
            raise TaskFailed(message)

    async def render_model(self, model: M) -> M:
        """Return a model with its dynamic properties rendered."""
        return await self._renderer.once(model, self.variables)

    async def directory(self, *, keep: bool = False) -> Path:
        """Return the working directory, made when first asked for."""
        if self._directory is None:
            own = directories.place(self._parts.work, self.execution_id, self.task_run_id)
            self.has_directory = True
            await (directories.present if keep and self._begun() else directories.fresh)(own)
            self._directory = own
        return self._directory

    async def close(self) -> None:
        """Remove the working directory, which is the task run's own."""
        if self._directory is not None:
            await directories.remove(self._directory)

    def _begun(self) -> bool:
        """Whether a child of this task run has begun; a restart as a whole takes children out."""
        return any(run.parent == self._path for run in self._live.execution.task_runs.values())

    async def discard(self) -> None:
        """Remove the working directory once all that was recorded so far is durable."""
        if self._live.committed is not None:
            await asyncio.wait([self._live.committed], timeout=60)
        await self.close()

    def kv(self, namespace: str | None = None) -> BoundKeyValues:
        """Return the key-value pairs of a namespace, by default the flow's."""
        place = namespace or self.namespace
        who = Identity(self._parts.tenants, self.tenant, self.namespace)
        return BoundKeyValues(self._parts.kv, self._parts.clock, who, place)

    def files(self, namespace: str | None = None) -> BoundFiles:
        """Return the files of a namespace, by default the flow's."""
        parts, place = self._parts, namespace or self.namespace
        return BoundFiles(parts.files, self._live, parts.tenants, place)

    def states(self, *, namespace: bool = False) -> StoredStates:
        """Return the documents that the flow (or its whole namespace) keeps."""
        flow = None if namespace else self.flow_id
        return StoredStates(self._parts.storage, self.tenant, self.namespace, flow)

    @property
    def executions(self) -> ExecutionActions:
        """What may be done with executions."""
        return self._parts.actions(self._live.execution)

    def runner(self, kind: str | None = None) -> Runner:
        """Return where programs run: a runner of this kind, None: that of the node."""
        try:
            return self._parts.runners.choose(kind, self.tenant)
        except Unavailable as error:
            raise TaskFailed(error.message) from error

    async def cached(self) -> AsyncIterator[bytes] | None:
        """Return what the task kept in an earlier execution, None if there is nothing."""
        try:
            await self._parts.storage.size(self._cache)
        except NotFound:
            return None
        return self._parts.storage.get(self._cache)

    async def keep(self, chunks: AsyncIterator[bytes]) -> None:
        """Keep bytes for later executions of the task (in a round: with the same value)."""
        await self._parts.storage.put(self._cache, chunks)

    @property
    def _cache(self) -> str:
        place = self.namespace, self.flow_id, self._task_id, self._value
        return cache_file(*place, self.tenant)

    async def label(self, labels: Mapping[str, str]) -> None:
        """Merge labels into those of the execution."""
        await add_labels(self._live, labels)

    async def set_variables(self, variables: Mapping[str, Any], *, overwrite: bool = True) -> None:
        """Merge variables into those that tasks of the execution set before."""
        limit = self._parts.limits.inputs
        await set_variables(self._live, variables, limit, overwrite=overwrite)

    async def unset_variables(self, names: Sequence[str], *, strict: bool = False) -> None:
        """Take variables of the execution away."""
        await unset_variables(self._live, names, strict=strict)

    def exit(self, state: State) -> None:
        """End the task run, all above it and the execution in `state`, once `run` returns."""
        self.exit_state = state


def _hex(text: str, digits: int) -> str:
    number = int.from_bytes(text.encode(), "big") % (16**digits)
    return f"{number or 1:0{digits}x}"
