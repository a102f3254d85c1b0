"""`core.flow.Sequential`: tasks one after another."""

from pydantic import Field

from app.executions import State
from app.flows.model import SomeTasks
from app.plugins.api import Flowable, Walker


class Sequential(Flowable):
    """Run tasks one after another, as a group with its own `errors` and `finally`."""

    type_name = "io.kestra.plugin.core.flow.Sequential"
    aliases = ("io.kestra.core.tasks.flows.Sequential",)

    tasks: SomeTasks = Field(description="The tasks, in order.")

    async def walk(self, walker: Walker) -> State:
        """Run the tasks; the first that fails ends the list."""
        return await walker.sequence(self.tasks)
