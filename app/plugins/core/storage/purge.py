"""`core.storage.PurgeCurrentExecutionFiles`: nothing of the execution stays (reference §2.5)."""

from collections.abc import Mapping
from typing import Any

from app.plugins.api import RunContext, Runnable


class PurgeCurrentExecutionFiles(Runnable):
    """Remove all files of this execution: inputs, outputs and what tasks made.

    Outputs: `uris` of what was removed.
    """

    type_name = "io.kestra.plugin.core.storage.PurgeCurrentExecutionFiles"
    aliases = (
        "io.kestra.core.tasks.storages.PurgeCurrentExecutionFiles",
        "io.kestra.core.tasks.storages.PurgeExecution",
        "io.kestra.plugin.core.storage.PurgeExecution",
    )

    async def run(self, ctx: RunContext) -> Mapping[str, Any]:
        """Remove them."""
        return {"uris": list(await ctx.delete_files())}
