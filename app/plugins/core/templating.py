"""`core.templating.TemplatedTask`: a task whose whole text is a template (reference §2.3)."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from app.flows.values import Dynamic
from app.plugins.api import Finished, RunContext, Runnable, TaskFailed


class TemplatedTask(Runnable):
    """Render the YAML of a runnable task and run that task. Outputs: those of that task."""

    type_name = "io.kestra.plugin.core.templating.TemplatedTask"
    aliases = ("io.kestra.core.tasks.templating.TemplatedTask",)

    spec: Dynamic[str] = Field(description="The YAML of the task.")

    async def run(self, ctx: RunContext) -> Mapping[str, Any] | Finished | None:
        """Make the task and run it in the same context.

        Raises:
            TaskFailed: when it is no task that can run so, or when it fails.
        """
        task = await ctx.task(self.spec)
        if isinstance(task, TemplatedTask):
            message = f"The templated task cannot be of type '{self.type_name}'"
            raise TaskFailed(message)
        return await task.run(ctx)


TYPES = (TemplatedTask,)
