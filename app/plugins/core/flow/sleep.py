"""`core.flow.Sleep`: wait."""

from typing import ClassVar

from pydantic import Field

from app.errors import Invalid
from app.executions import State
from app.flows.durations import parse_duration
from app.flows.values import Duration, Dynamic, is_template
from app.plugins.api import Flowable, Walker


class Sleep(Flowable):
    """Wait for some time. A long wait leaves memory and survives restarts."""

    type_name = "io.kestra.plugin.core.flow.Sleep"
    attempts: ClassVar[bool] = True

    duration: Dynamic[Duration] = Field(description="How long to wait.")

    async def walk(self, walker: Walker) -> State:
        """Wait."""
        duration = self.duration
        if is_template(duration):
            text = await walker.render(duration)
            try:
                duration = parse_duration(text)
            except ValueError as error:
                message = f"`duration` cannot be {text!r}: {error}"
                raise Invalid(message) from None
        await walker.sleep(duration)
        return State.SUCCESS
