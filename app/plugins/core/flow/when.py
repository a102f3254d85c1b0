"""`core.flow.If`: one list of tasks or another."""

from pydantic import Field

from app.executions import State
from app.expressions import truthy
from app.flows.model import SomeTasks, Tasks
from app.flows.values import Text
from app.plugins.api import Flowable, Walker


class If(Flowable):
    """Run `then` when the condition holds, else `else`. The decision is made once."""

    type_name = "io.kestra.plugin.core.flow.If"
    aliases = ("io.kestra.core.tasks.flows.If",)

    condition: Text = Field(
        description='An expression; empty, "false", "0" and "-0" are false, all else is true.'
    )
    then: SomeTasks = Field(description="The tasks for a condition that holds.")
    else_: Tasks = Field(
        default_factory=list, alias="else", description="The tasks for one that does not."
    )

    async def walk(self, walker: Walker) -> State:
        """Decide and run the branch."""

        async def holds() -> bool:
            return truthy(await walker.render(self.condition))

        decision = await walker.decide(holds, lambda value: {"evaluationResult": value})
        return await walker.sequence(self.then if decision else self.else_)
