"""`core.storage.Delete`: a file is removed (reference §2.5)."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from app.flows.values import Dynamic
from app.plugins.api import RunContext, Runnable, TaskFailed


class Delete(Runnable):
    """Remove a file of this execution. Outputs: `uri`, `deleted`."""

    type_name = "io.kestra.plugin.core.storage.Delete"
    aliases = ("io.kestra.core.tasks.storages.Delete",)

    uri: Dynamic[str] = Field(description="URI of the file.")
    error_on_missing: Dynamic[bool] = Field(
        default=False, description="Fail when there is no such file."
    )

    async def run(self, ctx: RunContext) -> Mapping[str, Any]:
        """Remove it."""
        uri = self.uri.strip()
        deleted = await ctx.delete_file(uri)
        if self.error_on_missing and not deleted:
            message = f"there is no file {uri}"
            raise TaskFailed(message)
        return {"uri": uri, "deleted": deleted}
