"""`core.trigger.Toggle`: stop a trigger, or let it fire again (reference §2.6)."""

from pydantic import Field

from app.flows.values import Dynamic
from app.plugins.api import RunContext, Runnable


class Toggle(Runnable):
    """Disable or enable a trigger of a flow, by default of the own one."""

    type_name = "io.kestra.plugin.core.trigger.Toggle"
    aliases = ("io.kestra.core.tasks.trigger.Toggle",)

    trigger: Dynamic[str] = Field(description="The id of the trigger.")
    flow_id: Dynamic[str] | None = Field(None, description="The flow, by default the own one.")
    namespace: Dynamic[str] | None = Field(
        None, description="The namespace of the flow, by default the own one."
    )
    enabled: Dynamic[bool] = Field(default=False, description="Whether the trigger fires.")

    async def run(self, ctx: RunContext) -> None:
        """Disable or enable it."""
        namespace, flow_id = self.namespace or ctx.namespace, self.flow_id or ctx.flow_id
        await ctx.executions.toggle(namespace, flow_id, self.trigger, enabled=self.enabled)


TYPES = (Toggle,)
