"""`core.kv.Delete`: remove a key-value pair (reference §2.4)."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from app.flows.values import Dynamic
from app.plugins.api import RunContext, Runnable, TaskFailed
from app.plugins.core.kv.get import missing


class Delete(Runnable):
    """Remove a key. Outputs: `deleted`, whether it was there."""

    type_name = "io.kestra.plugin.core.kv.Delete"

    key: Dynamic[str] = Field(description="The key.")
    namespace: Dynamic[str] | None = Field(
        None, description="The namespace, by default the flow's."
    )
    error_on_missing: Dynamic[bool] = Field(
        default=False, description="Whether the task fails when there is no such key."
    )

    async def run(self, ctx: RunContext) -> Mapping[str, Any]:
        """Remove it.

        Raises:
            TaskFailed: when there is no such key and there has to be one.
        """
        deleted = await ctx.kv(self.namespace or None).delete(self.key)
        if self.error_on_missing and not deleted:
            raise TaskFailed(missing(self.key, self.namespace or ctx.namespace))
        return {"deleted": deleted}
