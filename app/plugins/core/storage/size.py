"""`core.storage.Size`: how long a file is (reference §2.5)."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from app.flows.values import Dynamic
from app.plugins.api import RunContext, Runnable


class Size(Runnable):
    """Tell the size of a file. Outputs: `size` (bytes)."""

    type_name = "io.kestra.plugin.core.storage.Size"
    aliases = ("io.kestra.core.tasks.storages.Size",)
    effects: ClassVar[bool] = False

    uri: Dynamic[str] = Field(description="URI of the file.")

    async def run(self, ctx: RunContext) -> Mapping[str, Any]:
        """Ask the storage."""
        return {"size": await ctx.file_size(self.uri.strip())}
