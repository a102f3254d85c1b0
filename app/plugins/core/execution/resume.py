"""`core.execution.Resume` and `Kill`: what a task does to other executions (reference §2.2)."""

from typing import Any

from pydantic import Field

from app.flows.values import Dynamic
from app.plugins.api import RunContext, Runnable


class Resume(Runnable):
    """Resume a paused execution, by default the task's own."""

    type_name = "io.kestra.plugin.core.execution.Resume"
    aliases = ("io.kestra.core.tasks.executions.Resume",)

    namespace: Dynamic[str] | None = Field(
        None, description="The namespace of the execution; its id alone names it."
    )
    flow_id: Dynamic[str] | None = Field(
        None, description="The flow of the execution; its id alone names it."
    )
    execution_id: Dynamic[str] | None = Field(None, description="The id of the execution.")
    inputs: Dynamic[dict[str, Any]] | None = Field(
        None, description="The inputs that its pause asks for."
    )

    async def run(self, ctx: RunContext) -> None:
        """Resume it."""
        await ctx.executions.resume(self.execution_id or ctx.execution_id, self.inputs or {})


class Kill(Runnable):
    """Kill an execution that has not ended."""

    type_name = "io.kestra.plugin.core.execution.Kill"

    execution_id: Dynamic[str] = Field(description="The id of the execution.")
    propagate_kill: Dynamic[bool] = Field(
        default=True, description="Whether the executions that it started are killed too."
    )

    async def run(self, ctx: RunContext) -> None:
        """Kill it."""
        await ctx.executions.kill(self.execution_id, cascade=self.propagate_kill)
