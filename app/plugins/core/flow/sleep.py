"""`core.flow.Sleep`: wait."""

from typing import ClassVar

from pydantic import Field

from app.executions import State
from app.flows.durations import format_duration
from app.flows.values import Duration, Dynamic
from app.plugins.api import Flowable, Walker
from app.plugins.core.flow.properties import duration


class Sleep(Flowable):
    """Wait for some time. A long wait leaves memory and survives restarts."""

    type_name = "io.kestra.plugin.core.flow.Sleep"
    attempts: ClassVar[bool] = True

    duration: Dynamic[Duration] = Field(description="How long to wait.")

    async def walk(self, walker: Walker) -> State:
        """Wait."""
        wanted = await duration(walker, "duration", self.duration)
        walker.log("INFO", f"Waiting for {format_duration(wanted)}")
        await walker.sleep(wanted)
        return State.SUCCESS
