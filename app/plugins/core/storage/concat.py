"""`core.storage.Concat`: many files become one (reference §2.5)."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from pydantic import Field

from app.flows.values import Dynamic
from app.plugins.api import RunContext, Runnable
from app.plugins.core.storage.uris import uris_of


class Concat(Runnable):
    """Put files one after the other into a new one; the separator follows each, the last too.

    Outputs: `uri`.
    """

    type_name = "io.kestra.plugin.core.storage.Concat"
    aliases = ("io.kestra.core.tasks.storages.Concat",)

    files: Dynamic[list[str] | str] = Field(
        description="URIs of files, as a list or as a JSON text."
    )
    separator: Dynamic[str] | None = Field(None, description="What is written after each file.")
    extension: Dynamic[str] = Field(".tmp", description="The extension of the new file.")

    async def run(self, ctx: RunContext) -> Mapping[str, Any]:
        """Store the new file."""
        uris = uris_of(self.files)
        separator = (self.separator or "").encode()
        name = f"concat{self.extension}"
        return {"uri": await ctx.put_file(name, _joined(ctx, uris, separator))}


async def _joined(ctx: RunContext, uris: Sequence[str], separator: bytes) -> AsyncIterator[bytes]:
    for uri in uris:
        async for chunk in ctx.get_file(uri):
            yield chunk
        if separator:
            yield separator
