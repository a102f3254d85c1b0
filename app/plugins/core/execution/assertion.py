"""`core.execution.Assert`: fail unless conditions hold (reference §2.2)."""

from typing import ClassVar

from pydantic import Field

from app.expressions import truthy
from app.flows.values import Dynamic, Text
from app.plugins.api import RunContext, Runnable, TaskFailed


class Assert(Runnable):
    """Fail when one of several conditions does not hold. Metrics: `success` and `failed`."""

    type_name = "io.kestra.plugin.core.execution.Assert"
    effects: ClassVar[bool] = False

    conditions: list[Text] = Field(
        min_length=1,
        description="Expressions; each must be true: neither empty nor false nor 0.",
        json_schema_extra={"$dynamic": True},
    )
    error_message: Dynamic[str] | None = Field(None, description="The message of the failure.")

    async def run(self, ctx: RunContext) -> None:
        """Look at each condition; log those that do not hold.

        Raises:
            TaskFailed: when there is one.
        """
        failed = 0
        for condition in self.conditions:
            if not truthy(await ctx.render(condition)):
                failed += 1
                told = f"the condition does not hold: {condition}"
                ctx.log.error(told)
        ctx.metric("success", len(self.conditions) - failed)
        ctx.metric("failed", failed)
        if failed:
            told = f"{failed} of {len(self.conditions)} conditions do not hold"
            raise TaskFailed(f"{self.error_message} ({told})" if self.error_message else told)
