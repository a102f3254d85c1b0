"""`core.flow.Dag`: tasks that wait for each other."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Annotated, Self

from pydantic import Field, model_validator

from app.executions import State
from app.flows.model import Model, Task
from app.flows.typed import ByType, refuse
from app.flows.values import Text
from app.plugins.api import Flowable, Walker


class DagTask(Model):
    """A task of a graph and what it waits for."""

    task: Annotated[Task, ByType("task")] = Field(description="The task.")
    depends_on: list[Text] = Field(
        default_factory=list, description="Ids of the tasks that have to be over first."
    )


class Dag(Flowable):
    """Run tasks in the order that their dependencies give, side by side where they allow it."""

    type_name = "io.kestra.plugin.core.flow.Dag"
    aliases = ("io.kestra.core.tasks.flows.Dag",)

    tasks: list[DagTask] = Field(
        min_length=1, description="The tasks, each with the ids of those that it depends on."
    )
    concurrent: int = Field(
        default=0, ge=0, description="How many run at a time; 0 is all that may."
    )

    @model_validator(mode="after")
    def _acyclic(self) -> Self:
        missing = {name for needed in self.needs.values() for name in needed} - set(self.needs)
        if missing:
            message = f"{self.id}: Not existing task id in dependency: {', '.join(sorted(missing))}"
            refuse(self, {"tasks": message})
        if circle := _circle(self.needs):
            refuse(self, {"tasks": f"{self.id}: Cyclic dependency detected: {', '.join(circle)}"})
        return self

    @cached_property
    def needs(self) -> Mapping[str, Sequence[str]]:
        """What each task waits for, by id."""
        return {each.task.id: tuple(each.depends_on) for each in self.tasks}

    async def walk(self, walker: Walker) -> State:
        """Run each task once all that it depends on are over; after a failure nothing new."""
        tasks = [each.task for each in self.tasks]
        return await walker.graph(tasks, self.needs, self.concurrent)


def _circle(needs: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the tasks that can never start, in order."""
    waiting = {name: set(needed) for name, needed in needs.items()}
    while ready := [name for name, needed in waiting.items() if not needed]:
        for name in ready:
            del waiting[name]
        for needed in waiting.values():
            needed.difference_update(ready)
    return list(waiting)
