"""`core.storage.Split`: one file becomes several (reference §2.5)."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from app.flows.values import Dynamic
from app.plugins.api import RunContext, Runnable
from app.plugins.core.splitting import Batching, byte_size, split
from app.plugins.core.storage.uris import extension_of


class Split(Runnable):
    """Split a text file into batches of lines: by `bytes`, else into `partitions`, else by `rows`.

    Outputs: `uris`.
    """

    type_name = "io.kestra.plugin.core.storage.Split"
    aliases = ("io.kestra.core.tasks.storages.Split",)

    from_: Dynamic[str] = Field(alias="from", description="URI of the file.")
    size: Dynamic[str | int] | None = Field(
        None, alias="bytes", description="A batch ends once it has this many bytes, such as 10MB."
    )
    partitions: Dynamic[int] | None = Field(
        None, description="How many batches; lines are dealt out in turn, empty batches left out."
    )
    rows: Dynamic[int] | None = Field(None, description="How many lines a batch has.")
    separator: Dynamic[str] = Field("\n", description="What each line ends with in the batches.")

    async def run(self, ctx: RunContext) -> Mapping[str, Any]:
        """Store the batches."""
        size = None if self.size is None else byte_size(self.size)
        batching = Batching(self.rows, self.partitions, size, self.separator)
        uri = self.from_.strip()
        return {"uris": await split(ctx, ctx.get_file(uri), batching, extension_of(uri))}
