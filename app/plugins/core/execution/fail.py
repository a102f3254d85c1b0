"""`core.execution.Fail`: fail on purpose (reference §2.2)."""

from typing import ClassVar

from pydantic import Field

from app.expressions import truthy
from app.flows.values import Dynamic
from app.plugins.api import RunContext, Runnable, TaskFailed

ON_CONDITION = "Fail on a condition"


class Fail(Runnable):
    """Fail, always or when a condition is true."""

    type_name = "io.kestra.plugin.core.execution.Fail"
    aliases = ("io.kestra.core.tasks.executions.Fail",)
    effects: ClassVar[bool] = False

    condition: Dynamic[str] | None = Field(
        None, description="Fail only if this is true: neither empty nor false nor 0."
    )
    error_message: Dynamic[str] = Field("Task failure", description="The message of the failure.")

    async def run(self, ctx: RunContext) -> None:
        """Fail, or do nothing.

        Raises:
            TaskFailed: always without a condition, else if it is true.
        """
        if self.condition is None:
            raise TaskFailed(self.error_message)
        if truthy(self.condition):
            ctx.log.error(self.error_message)
            raise TaskFailed(ON_CONDITION)
