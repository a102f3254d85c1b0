"""What a running task has at hand: the `RunContext` of the plugin API."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Literal

import orjson

from app.engine.interpreter import Place
from app.engine.live import Live
from app.engine.logs import TaskRunLog
from app.engine.parts import Parts
from app.engine.policies import Try
from app.engine.rendering import Renderer
from app.plugins.api import TaskFailed
from app.ports import MetricEntry


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
        self._live = place.live
        self._task_id = place.task.id
        self._parts = parts
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

    async def render(self, value: Any, **extra: Any) -> Any:
        """Render a template, or every template in a structure."""
        variables = {**self.variables, **extra} if extra else self.variables
        if isinstance(value, str):
            return await self._renderer.text(value, variables)
        return await self._renderer.deep(value, variables)

    def metric(
        self, name: str, value: float, *, kind: Literal["counter", "timer"] = "counter", **tags: str
    ) -> None:
        """Report a figure."""
        entry = MetricEntry(
            self.execution_id, self.task_run_id, self._task_id, name, kind, value,
            self._live.clock.now(), orjson.dumps(tags).decode(),
        )  # fmt: skip
        self._parts.sink.metric(entry)

    async def put_file(self, name: str, chunks: AsyncIterator[bytes]) -> str:
        """Store a file of this task run; return its URI."""
        uri = f"{execution_prefix(self._live)}/tasks/{self._task_id}/{self.task_run_id}/{name}"
        await self._parts.storage.put(uri, chunks)
        return uri

    def get_file(self, uri: str) -> AsyncIterator[bytes]:
        """Yield the bytes of a file of this execution, or of the one that started it."""
        if not may_read(self._live, uri):
            message = f"{uri} belongs to another execution and cannot be read here"
            raise TaskFailed(message)
        return self._parts.storage.get(uri)


def may_read(live: Live, uri: str) -> bool:
    """Whether a file belongs to this execution, or to the one that started it."""
    execution = live.execution
    owners = [execution.id, execution.parent_id]
    parts = uri.split("/")
    return (
        uri.startswith("kestra:///")
        and ".." not in parts
        and any(owner and owner in parts for owner in owners)
    )


def execution_prefix(live: Live) -> str:
    """Return the URI below which an execution keeps its files (reference §3.13)."""
    execution = live.execution
    namespace = execution.namespace.replace(".", "/")
    return f"kestra:///{namespace}/{execution.flow_id}/executions/{execution.id}"


def _hex(text: str, digits: int) -> str:
    number = int.from_bytes(text.encode(), "big") % (16**digits)
    return f"{number or 1:0{digits}x}"
