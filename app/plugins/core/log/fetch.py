"""`core.log.Fetch`: the lines of a log as a file (reference §2.3)."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, ClassVar

from pydantic import Field

from app.expressions import Budget
from app.expressions.budget import Meter
from app.expressions.ion_text import write_ion
from app.flows.names import LEVELS, LogLevel
from app.flows.values import Dynamic
from app.plugins.api import RunContext, Runnable
from app.ports import LogQuery


class Fetch(Runnable):
    """Store the log lines of an execution, by default the own one, as a file in the Ion format.

    Outputs: `uri` and `size` (the number of lines).
    """

    type_name = "io.kestra.plugin.core.log.Fetch"
    aliases = ("io.kestra.core.tasks.log.Fetch",)
    effects: ClassVar[bool] = False

    namespace: Dynamic[str] | None = Field(None, description="The namespace of the execution.")
    flow_id: Dynamic[str] | None = Field(None, description="The flow of the execution.")
    execution_id: Dynamic[str] | None = Field(None, description="The id of the execution.")
    tasks_id: Dynamic[list[str]] | None = Field(None, description="Only lines of these tasks.")
    level: Dynamic[LogLevel] = Field("INFO", description="The lowest level of lines to fetch.")

    async def run(self, ctx: RunContext) -> Mapping[str, Any]:
        """Write one line of the file for each line of the log."""
        query = LogQuery(
            tenant=ctx.tenant,
            namespace=self.namespace or None,
            flow_id=self.flow_id or None,
            execution_id=self.execution_id or ctx.execution_id,
            task_ids=self.tasks_id or (),
            least=LEVELS[self.level],
        )
        size = 0

        async def lines() -> AsyncIterator[bytes]:
            nonlocal size
            async for entry in ctx.executions.logs(query):
                size += 1
                yield f"{write_ion(entry, Meter(Budget()))}\n".encode("utf-8", "replace")

        uri = await ctx.put_file("logs.ion", lines())
        return {"uri": uri, "size": size}
