"""`core.flow.Pause`: wait for somebody, or for some time."""

from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from app.errors import Invalid
from app.executions import State
from app.flows.model import Inputs, Tasks
from app.flows.typed import outdated
from app.flows.values import Duration, Dynamic
from app.plugins.api import Flowable, Walker
from app.plugins.core.flow.properties import duration

_BEHAVIOUR = {
    "RESUME": State.RUNNING,
    "WARN": State.WARNING,
    "FAIL": State.FAILED,
    "CANCEL": State.CANCELLED,
}
STOPS = frozenset({State.FAILED, State.KILLED})


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


class Pause(Flowable):
    """Pause the execution until it is resumed. A paused execution costs no memory."""

    type_name = "io.kestra.plugin.core.flow.Pause"
    aliases = ("io.kestra.core.tasks.flows.Pause",)

    delay: Dynamic[Duration] | None = Field(None, description="Resume by itself after this time.")
    timeout: Dynamic[Duration] | None = Field(None, description="Fail after this time.")
    pause_duration: Dynamic[Duration] | None = Field(
        None, description="End the pause by itself after this time, as `behavior` says."
    )
    behavior: Dynamic[str] = Field(
        "RESUME",
        pattern=r"RESUME|WARN|FAIL|CANCEL|\{[{%]",
        description="How a pause ends whose `pauseDuration` has passed: RESUME goes on, WARN ends"
        " the pause as a warning and goes on, FAIL fails it, CANCEL cancels the execution.",
    )
    on_pause: Annotated[Tasks, BeforeValidator(_listed)] = Field(
        default_factory=list,
        description="A task (or a list of tasks) to run before the execution pauses, such as a"
        " message to those who are to resume it.",
    )
    on_resume: Inputs = Field(
        default_factory=list, description="Inputs that whoever resumes has to give."
    )
    tasks: Tasks = Field(
        default_factory=list,
        json_schema_extra=outdated("put the tasks after the pause"),
        description="Tasks to run after the pause.",
    )

    async def walk(self, walker: Walker) -> State:
        """Pause, then go on as the resumption says."""
        before = await walker.sequence(self.on_pause)
        if before in STOPS:
            return before
        after, then = await self._own_end(walker)
        resumption = await walker.pause(after=after, then=then)
        if resumption.state is State.CANCELLED:
            raise walker.exit(State.CANCELLED)
        if resumption.state is State.FAILED:
            return State.FAILED
        state = await walker.sequence(self.tasks)
        return State.WARNING if _warns(resumption.state, before, state) else state

    async def _own_end(self, walker: Walker) -> tuple[timedelta | None, State]:
        """Return when the pause ends by itself (None: never) and in which state."""
        if self.delay is None and self.timeout is None and self.pause_duration is None:
            return None, State.RUNNING
        behaviour = str(await walker.render(self.behavior))
        if behaviour not in _BEHAVIOUR:
            message = f"`behavior` must be one of {', '.join(_BEHAVIOUR)}, not {behaviour!r}"
            raise Invalid(message)
        ends = [
            ("delay", self.delay, _BEHAVIOUR[behaviour]),
            ("timeout", self.timeout, State.FAILED),
            ("pauseDuration", self.pause_duration, _BEHAVIOUR[behaviour]),
        ]
        known = [
            (await duration(walker, name, value), then)
            for name, value, then in ends
            if value is not None
        ]
        return min(known, key=lambda end: end[0])


def _warns(resumed: State, before: State, state: State) -> bool:
    return state is State.SUCCESS and State.WARNING in (resumed, before)
