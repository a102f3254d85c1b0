"""`core.flow.Pause`: wait for somebody, or for some time."""

from datetime import timedelta
from typing import Literal

from pydantic import Field

from app.errors import Invalid
from app.executions import State
from app.flows.durations import parse_duration
from app.flows.model import Inputs, Tasks
from app.flows.typed import outdated
from app.flows.values import Duration, Dynamic, is_template
from app.plugins.api import Flowable, Walker

_BEHAVIOUR = {
    "RESUME": State.RUNNING,
    "WARN": State.WARNING,
    "FAIL": State.FAILED,
    "CANCEL": State.CANCELLED,
}


class Pause(Flowable):
    """Pause the execution until it is resumed. A paused execution costs no memory."""

    type_name = "io.kestra.plugin.core.flow.Pause"
    aliases = ("io.kestra.core.tasks.flows.Pause",)

    delay: Dynamic[Duration] | None = Field(None, description="Resume by itself after this time.")
    timeout: Dynamic[Duration] | None = Field(None, description="Fail after this time.")
    pause_duration: Dynamic[Duration] | None = Field(
        None, description="End the pause by itself after this time, as `behavior` says."
    )
    behavior: Literal["RESUME", "WARN", "FAIL", "CANCEL"] = Field(
        "RESUME", description="How a pause ends whose `pauseDuration` has passed."
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
        after, then = await self._own_end(walker)
        resumption = await walker.pause(after=after, then=then)
        if resumption.state is not State.RUNNING:
            return resumption.state
        return await walker.sequence(self.tasks)

    async def _own_end(self, walker: Walker) -> tuple[timedelta | None, State]:
        """Return when the pause ends by itself (None: never) and in which state."""
        ends = [
            (self.delay, State.RUNNING),
            (self.timeout, State.FAILED),
            (self.pause_duration, _BEHAVIOUR[self.behavior]),
        ]
        known = [
            (await _duration(walker, value), then) for value, then in ends if value is not None
        ]
        return min(known, key=lambda end: end[0]) if known else (None, State.RUNNING)


async def _duration(walker: Walker, value: timedelta | str) -> timedelta:
    if not is_template(value):
        return value  # type: ignore[return-value]  # only a template is a text here
    text = await walker.render(value)
    try:
        return parse_duration(text)
    except ValueError as error:
        message = f"the duration of a pause cannot be {text!r}: {error}"
        raise Invalid(message) from None
