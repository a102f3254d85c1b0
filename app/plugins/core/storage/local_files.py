"""`core.storage.LocalFiles`: files for the tasks of a working directory (reference §2.5)."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from app.flows.globs import matcher
from app.flows.values import Dynamic
from app.plugins.api import RunContext, Runnable, TaskFailed
from app.plugins.core import folder


class LocalFiles(Runnable):
    """Write files into the working directory, and take files of it into the internal storage.

    Outputs: `uris` (a map from path to URI).
    """

    type_name = "io.kestra.plugin.core.storage.LocalFiles"
    aliases = ("io.kestra.core.tasks.storages.LocalFiles",)
    deprecated: ClassVar[str] = "use inputFiles and outputFiles of WorkingDirectory"

    inputs: Dynamic[dict[str, Any] | str] | None = Field(
        None, description="Files to write, by path: a text, or the URI of a stored file."
    )
    outputs: Dynamic[list[str]] | None = Field(
        None, description="Patterns of the files to take into the internal storage."
    )

    async def run(self, ctx: RunContext) -> Mapping[str, Any]:
        """Write, then take."""
        directory = await ctx.directory()
        await folder.put(ctx, directory, _texts(self.inputs))
        try:
            wanted = matcher(self.outputs or [])
        except ValueError as error:
            raise TaskFailed(str(error)) from None
        return {"uris": await folder.stored(ctx, directory, wanted)}


def _texts(inputs: dict[str, Any] | str | None) -> dict[str, str]:
    read = _read(inputs) if isinstance(inputs, str) else inputs or {}
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in read.items()
        if value is not None
    }


def _read(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        message = "`inputs` must be a map from paths to contents, or a JSON text that holds one"
        raise TaskFailed(message)
    return value
