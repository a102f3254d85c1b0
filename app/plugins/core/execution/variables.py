"""`core.execution.SetVariables` and `UnsetVariables`: what lies over the flow's variables."""

from typing import Any, ClassVar

from pydantic import Field

from app.flows.values import Dynamic
from app.plugins.api import RunContext, Runnable


class SetVariables(Runnable):
    """Set variables of the execution: later tasks see them as `vars`, over those of the flow."""

    type_name = "io.kestra.plugin.core.execution.SetVariables"
    effects: ClassVar[bool] = False

    variables: Dynamic[dict[str, Any]] = Field(
        description="The variables; maps are merged into those that are there."
    )
    overwrite: Dynamic[bool] = Field(
        default=True, description="Whether variables that were set before may change."
    )

    async def run(self, ctx: RunContext) -> None:
        """Set them."""
        # A second delivery meets what the first one set.
        await ctx.set_variables(self.variables, overwrite=self.overwrite or ctx.delivery > 1)


class UnsetVariables(Runnable):
    """Take variables of the execution away again; those of the flow show again."""

    type_name = "io.kestra.plugin.core.execution.UnsetVariables"
    effects: ClassVar[bool] = False

    variables: Dynamic[list[str]] = Field(description="Their names; dots nest.")
    ignore_missing: Dynamic[bool] = Field(
        default=False, description="Whether variables may be missing."
    )

    async def run(self, ctx: RunContext) -> None:
        """Take them away."""
        strict = not self.ignore_missing and ctx.delivery == 1
        await ctx.unset_variables(self.variables, strict=strict)
