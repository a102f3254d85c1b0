"""`core.execution.Exit`: end the execution early, in a state of choice (reference §2.2)."""

from typing import ClassVar, Literal

from pydantic import Field

from app.executions import State
from app.flows.values import Dynamic
from app.plugins.api import RunContext, Runnable


class Exit(Runnable):
    """End the task, everything around it and the execution; nothing further starts."""

    type_name = "io.kestra.plugin.core.execution.Exit"
    effects: ClassVar[bool] = False

    state: Dynamic[Literal["SUCCESS", "WARNING", "KILLED", "FAILED", "CANCELED", "CANCELLED"]] = (
        Field("SUCCESS", description="The state in which the execution ends.")
    )

    async def run(self, ctx: RunContext) -> None:
        """Ask for the end."""
        wanted = "CANCELLED" if self.state == "CANCELED" else self.state
        ctx.exit(State(wanted))
