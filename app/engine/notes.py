"""Notes: what a flowable decides once and journals, for the walks to come."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from app.engine.json import as_json
from app.engine.places import Place
from app.executions import Kind, TaskRun


class Notes:
    """The part of a `Walker` that journals what a task run has decided."""

    def __init__(self, place: Place) -> None:
        """Keep the notes of the task run at `place`."""
        self.path = place.path
        self._place = place
        self._live = place.live

    @property
    def _run(self) -> TaskRun:
        return self._live.execution.task_runs[self.path]

    async def decide(
        self,
        make: Callable[[], Awaitable[Any]],
        outputs: Callable[[Any], Mapping[str, Any]] | None = None,
    ) -> Any:
        """Return the journalled decision, making it the first time."""
        held = self._run.decision
        if held is not None and "value" in held:
            return self._live.revealed(held)["value"]
        value = await make()
        event = self._place.event(Kind.DECIDED, decision={"value": value})
        if outputs is not None:
            event.data["outputs"] = dict(outputs(value))
        self._live.record(event)
        return value

    @property
    def noted(self) -> Any:
        """What was journalled last."""
        held = self._run.decision
        return None if held is None else self._live.revealed(held).get("value")

    def note(self, value: Any, outputs: Mapping[str, Any] | None = None) -> None:
        """Journal a value for the walks to come, and set outputs."""
        event = self._place.event(Kind.DECIDED, decision={"value": value})
        if outputs:
            event.data["outputs"] = as_json(dict(outputs))
        self._live.record(event)

    def output(self, outputs: Mapping[str, Any]) -> None:
        """Add outputs to the task run; they are journalled at once."""
        decision = self._run.decision or {"value": None}
        self._live.record(
            self._place.event(Kind.DECIDED, decision=decision, outputs=as_json(dict(outputs)))
        )
