"""`core.storage.Write`: a text becomes a file (reference §2.5)."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from app.flows.values import Dynamic
from app.plugins.api import RunContext, Runnable
from app.plugins.core.storage.uris import once


class Write(Runnable):
    """Write a text into a file of the internal storage. Outputs: `uri`."""

    type_name = "io.kestra.plugin.core.storage.Write"

    content: Dynamic[str] = Field(description="The text.")
    extension: Dynamic[str] = Field(".txt", description="The extension of the file.")

    async def run(self, ctx: RunContext) -> Mapping[str, Any]:
        """Store the file."""
        return {"uri": await ctx.put_file(f"write{self.extension}", once(self.content.encode()))}
