"""`core.execution.Count`: how many executions flows had (reference §2.2)."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from app.flows.model import Model, StateName
from app.flows.values import Dynamic, Text
from app.plugins.api import RunContext, Runnable, TaskFailed
from app.plugins.core.moments import moment


class FlowChoice(Model):
    """A flow to count executions of."""

    namespace: Text = Field(description="Its namespace.")
    flow_id: Text | None = Field(None, description="Its id; without one, all of the namespace.")


class Count(Runnable):
    """Count the executions of flows; keep the counts for which an expression holds.

    Outputs: `results` (a list of `namespace`, `flowId`, `count`) and their `total`.
    """

    type_name = "io.kestra.plugin.core.execution.Count"
    aliases = ("io.kestra.core.tasks.executions.Counts",)
    effects: ClassVar[bool] = False

    flows: Dynamic[list[FlowChoice]] | None = Field(None, description="The flows to count.")
    namespaces: Dynamic[list[str]] | None = Field(
        None, description="Namespaces whose flows are counted, with those below them."
    )
    states: Dynamic[list[StateName]] | None = Field(
        None, description="Count only executions in one of these states."
    )
    start_date: Dynamic[str] | None = Field(None, description="Count only from this moment on.")
    end_date: Dynamic[str] | None = Field(None, description="Count only up to this moment.")
    expression: Text = Field(
        description="An expression that sees the variable `count`; where its text is `true` the "
        "count is kept.",
        json_schema_extra={"$dynamic": True},
    )

    async def run(self, ctx: RunContext) -> Mapping[str, Any]:
        """Count, flow by flow.

        Raises:
            TaskFailed: when neither flows nor namespaces are given.
        """
        since = moment(self.start_date, "startDate")
        until = moment(self.end_date, "endDate")
        results = []
        for namespace, flow_id in await self._chosen(ctx):
            states = self.states or ()
            count = await ctx.executions.count(namespace, flow_id, states, since, until)
            if (await ctx.render(self.expression, count=count)).strip() == "true":
                results.append({"namespace": namespace, "flowId": flow_id, "count": count})
        return {"results": results, "total": sum(each["count"] for each in results)}

    async def _chosen(self, ctx: RunContext) -> list[tuple[str, str | None]]:
        if not self.flows and not self.namespaces:
            message = "say what to count: `flows` or `namespaces` must be given"
            raise TaskFailed(message)
        chosen = [(each.namespace, each.flow_id) for each in self.flows or ()]
        for namespace in self.namespaces or ():
            chosen.extend(await ctx.executions.flows(namespace))
        return list(dict.fromkeys(chosen))
