"""`core.flow.Parallel`: tasks side by side."""

from pydantic import Field

from app.executions import State
from app.flows.model import SomeTasks
from app.plugins.api import Flowable, Walker


class Parallel(Flowable):
    """Run tasks side by side."""

    type_name = "io.kestra.plugin.core.flow.Parallel"
    side_by_side = True
    aliases = ("io.kestra.core.tasks.flows.Parallel",)

    tasks: SomeTasks = Field(description="The tasks.")
    concurrent: int = Field(
        default=0, ge=0, description="How many run at a time; 0 is all of them."
    )

    async def walk(self, walker: Walker) -> State:
        """Run the tasks; after a failure nothing new starts."""
        return await walker.parallel(self.tasks, self.concurrent)
