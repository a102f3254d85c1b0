"""Rendering for an execution that does not run here: for triggers that decide whether one starts.

A trigger sees its flow without any execution; a flow trigger sees the execution that it listens to
in the light of its own flow. Either is made an execution in memory that nobody drives.
"""

from collections.abc import Callable
from typing import Any

from app.engine.executor import Executor
from app.engine.live import Live
from app.engine.rendering import Renderer
from app.engine.scope import Scope
from app.engine.suspects import Stepping
from app.executions import ROOT, Event, Execution, Kind, State, execution_id
from app.expressions import Environment
from app.flows.model import label_map
from app.ports import Clock, LoadedFlow


class Preview:
    """A renderer and the variables that go with it."""

    def __init__(self, renderer: Renderer, variables: dict[str, Any], live: Live) -> None:
        """Use both together, in the light of `live`."""
        self.renderer = renderer
        self._public = renderer.without("secret")
        self.variables = variables
        self.secrets = live.secrets
        """What was asked for so far, and nobody may see."""
        self.revealed = live.revealed
        """Opens what is sealed in a structure."""

    async def text(self, template: str, **extra: Any) -> str:
        """Render a template to text; raises `ExpressionError`."""
        return await self.renderer.text(template, {**self.variables, **extra})

    async def public(self, template: str, **extra: Any) -> str:
        """Render what everybody sees, such as a label, or a condition: without secrets.

        Raises:
            ExpressionError: when it cannot be evaluated, or asks for a secret.
        """
        return await self._public.text(template, {**self.variables, **extra})

    async def deep(self, value: Any, **extra: Any) -> Any:
        """Render every template of a structure; raises `ExpressionError`."""
        return await self.renderer.deep(value, {**self.variables, **extra})


class Previews:
    """Makes previews of flows."""

    def __init__(
        self, executor: Executor, environment: Callable[[Live], Environment], clock: Clock
    ) -> None:
        """Give them the functions of `environment`."""
        self._executor = executor
        self._environment = environment
        self._clock = clock

    async def of_flow(self, loaded: LoadedFlow, trigger: dict[str, Any]) -> Preview:
        """Return what a trigger of the flow sees: the defaults of its inputs."""
        revision = loaded.revision
        data = {
            "tenant": revision.tenant,
            "namespace": revision.namespace,
            "flow_id": revision.flow_id,
            "revision": revision.revision,
            "commit": revision.snapshot or revision.commit,
            "blob": revision.blob,
            "inputs": await self._executor.inputs.tolerated(loaded, {}, execution_id()),
            "labels": list(map(list, label_map(loaded.flow.labels).items())),
        }
        event = Event(Kind.CREATED, self._clock.now(), ROOT, State.CREATED, data=data)
        preview = await self.of_execution(Execution.created(execution_id(), event), loaded)
        preview.variables.pop("execution", None)
        preview.variables["trigger"] = trigger
        return preview

    async def of_execution(self, execution: Execution, loaded: LoadedFlow) -> Preview:
        """Return what is seen of an execution, in the light of `loaded` (which may be another)."""
        live = await self._executor.surrounded(self._executor.make(execution, loaded))
        renderer = Renderer(self._environment(live), loaded.plans, Stepping(None, live))
        return Preview(renderer, Scope(live).variables(), live)
