"""`core.execution.PurgeExecutions`: delete old executions (reference §2.2)."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from app.flows.model import StateName
from app.flows.values import Dynamic
from app.plugins.api import RunContext, Runnable, TaskFailed
from app.plugins.core.moments import moment


class PurgeExecutions(Runnable):
    """Delete executions that have ended, with their logs, metrics and files.

    Outputs: `executionsCount`, `logsCount`, `metricsCount`, `storagesCount`. What still runs is
    never touched.
    """

    type_name = "io.kestra.plugin.core.execution.PurgeExecutions"
    aliases = (
        "io.kestra.core.tasks.storages.Purge",
        "io.kestra.plugin.core.storage.Purge",
    )

    namespace: Dynamic[str] | None = Field(
        None, description="Only executions of this namespace and those below it."
    )
    flow_id: Dynamic[str] | None = Field(None, description="Only executions of this flow.")
    start_date: Dynamic[str] | None = Field(
        None, description="Only executions created from this moment on."
    )
    end_date: Dynamic[str] = Field(description="Only executions created up to this moment.")
    states: Dynamic[list[StateName]] | None = Field(
        None, description="Only executions that ended in one of these states."
    )
    purge_execution: Dynamic[bool] = Field(default=True, description="Delete the executions.")
    purge_log: Dynamic[bool] = Field(default=True, description="Delete their logs.")
    purge_metric: Dynamic[bool] = Field(default=True, description="Delete their metrics.")
    purge_storage: Dynamic[bool] = Field(default=True, description="Delete their files.")
    batch_size: Dynamic[int] | None = Field(
        None, description="Taken for compatibility: batches have a fixed size here."
    )

    async def run(self, ctx: RunContext) -> Mapping[str, Any]:
        """Delete them, some at a time."""
        until = moment(self.end_date, "endDate")
        if until is None:
            message = "`endDate` is empty: say up to which moment executions are deleted"
            raise TaskFailed(message)
        counts = await ctx.executions.purge(
            self.namespace or None,
            self.flow_id or None,
            self.states or (),
            moment(self.start_date, "startDate"),
            until,
            executions=self.purge_execution,
            logs=self.purge_log,
            metrics=self.purge_metric,
            files=self.purge_storage,
        )
        return {
            "executionsCount": counts["executions"],
            "logsCount": counts["logs"],
            "metricsCount": counts["metrics"],
            "storagesCount": counts["files"],
        }
