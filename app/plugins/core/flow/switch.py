"""`core.flow.Switch`: the list of tasks that a value names."""

from typing import Self

from pydantic import Field, model_validator

from app.executions import State
from app.flows.model import Tasks
from app.flows.typed import refuse
from app.flows.values import Text
from app.plugins.api import Flowable, Walker


class Switch(Flowable):
    """Run the case that equals the value, else `defaults`. The decision is made once."""

    type_name = "io.kestra.plugin.core.flow.Switch"
    aliases = ("io.kestra.core.tasks.flows.Switch",)

    value: Text = Field(description="An expression; its text is compared with the cases.")
    cases: dict[Text, Tasks] = Field(
        default_factory=dict, description="Tasks by the text that selects them."
    )
    defaults: Tasks = Field(
        default_factory=list, description="The tasks when no case is the value."
    )

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not any(self.cases.values()) and not self.defaults:
            message = f"{self.id}: No task defined, neither cases or default have any tasks"
            refuse(self, {"cases": message})
        return self

    async def walk(self, walker: Walker) -> State:
        """Decide and run the case."""

        async def value() -> str:
            return str(await walker.render(self.value))

        chosen = await walker.decide(
            value, lambda text: {"value": text, "defaults": text not in self.cases}
        )
        if chosen in self.cases:
            return await walker.sequence(self.cases[chosen])
        if self.defaults:
            return await walker.sequence(self.defaults)
        walker.log("WARN", f"no case is {chosen!r} and there are no defaults")
        return State.FAILED
