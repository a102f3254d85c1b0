"""`core.flow.AllowFailure`: a group that may fail."""

from pydantic import Field

from app.executions import State
from app.flows.model import SomeTasks
from app.plugins.api import Flowable, Walker


class AllowFailure(Flowable):
    """Run tasks one after another; if one fails the group ends as a warning and the flow goes on.

    The `errors` of the group run all the same.
    """

    type_name = "io.kestra.plugin.core.flow.AllowFailure"
    aliases = ("io.kestra.core.tasks.flows.AllowFailure",)

    allow_failure: bool = Field(
        default=True, description="A failure counts as a warning and the flow goes on."
    )
    tasks: SomeTasks = Field(description="The tasks, in order.")

    async def walk(self, walker: Walker) -> State:
        """Run the tasks; the first that fails ends the list."""
        return await walker.sequence(self.tasks)
