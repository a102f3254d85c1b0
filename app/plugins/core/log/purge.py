"""`core.log.PurgeLogs`: delete old log lines (reference §2.3)."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from app.flows.names import LEVELS, LogLevel
from app.flows.values import Dynamic
from app.plugins.api import RunContext, Runnable, TaskFailed
from app.plugins.core.moments import moment
from app.ports import LogQuery


class PurgeLogs(Runnable):
    """Delete log lines. Outputs: `count`."""

    type_name = "io.kestra.plugin.core.log.PurgeLogs"

    namespace: Dynamic[str] | None = Field(
        None, description="Only lines of this namespace and those below it."
    )
    flow_id: Dynamic[str] | None = Field(None, description="Only lines of this flow.")
    execution_id: Dynamic[str] | None = Field(None, description="Only lines of this execution.")
    log_levels: Dynamic[list[LogLevel]] | None = Field(
        None, description="Only lines of exactly these levels."
    )
    start_date: Dynamic[str] | None = Field(None, description="Only lines from this moment on.")
    end_date: Dynamic[str] = Field(description="Only lines up to this moment.")

    async def run(self, ctx: RunContext) -> Mapping[str, Any]:
        """Delete them."""
        until = moment(self.end_date, "endDate")
        if until is None:
            message = "`endDate` is empty: say up to which moment lines are deleted"
            raise TaskFailed(message)
        query = LogQuery(
            tenant=ctx.tenant,
            namespace=self.namespace or None,
            flow_id=self.flow_id or None,
            execution_id=self.execution_id or None,
            levels=[LEVELS[level] for level in self.log_levels or ()],
            since=moment(self.start_date, "startDate"),
            until=until,
        )
        return {"count": await ctx.executions.purge_logs(query)}
