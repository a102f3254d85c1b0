"""`core.flow.Sleep`: wait."""

from typing import ClassVar

from pydantic import Field

from app.executions import State
from app.flows.durations import format_duration
from app.flows.values import Duration, Dynamic
from app.plugins.api import Flowable, TaskFailed, Walker
from app.plugins.core.flow.properties import duration


class Sleep(Flowable):
    """Wait for some time. A long wait leaves memory and survives restarts."""

    type_name = "io.kestra.plugin.core.flow.Sleep"
    attempts: ClassVar[bool] = True

    duration: Dynamic[Duration] = Field(description="How long to wait.")

    async def walk(self, walker: Walker) -> State:
        """Wait.

        Raises:
            TaskFailed: when that takes longer than `timeout`.
        """
        wanted = await duration(walker, "duration", self.duration)
        walker.log("INFO", f"Waiting for {format_duration(wanted)}")
        if self.timeout is None:
            await walker.sleep(wanted)
            return State.SUCCESS
        most = await duration(walker, "timeout", self.timeout)
        await walker.sleep(min(wanted, most))
        if most < wanted:
            message = f"the task took longer than its timeout of {most.total_seconds():g} s"
            raise TaskFailed(message)
        return State.SUCCESS
