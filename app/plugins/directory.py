"""What script tasks and `WorkingDirectory` put into a directory before, and take out afterwards."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from app.flows.globs import Match, matcher, selection
from app.flows.typed import Model
from app.flows.values import Dynamic
from app.plugins.api import RunContext, TaskFailed
from app.plugins.core import folder

PRIVATE = ".headwater-"
"""Names of our own files in a directory begin like this; they are never taken out."""


class NamespaceFilesChoice(Model):
    """Which files of namespaces are put into the directory."""

    enabled: Dynamic[bool] = Field(default=True, description="Whether any are.")
    include: Dynamic[list[str]] | None = Field(
        None, description="Patterns of the files to put there; without them all are."
    )
    exclude: Dynamic[list[str]] | None = Field(None, description="Patterns of files to leave out.")
    namespaces: Dynamic[list[str]] = Field(
        default_factory=lambda: ["{{ flow.namespace }}"],
        description="The namespaces whose files are put there, in order.",
    )
    if_exists: Dynamic[Literal["OVERWRITE", "FAIL", "WARN", "IGNORE"]] = Field(
        "OVERWRITE", description="What happens when a file is there already."
    )
    folder_per_namespace: Dynamic[bool] = Field(
        default=False, description="Whether the files of each namespace get a folder of its name."
    )


async def put_namespace_files(
    ctx: RunContext, directory: Path, choice: NamespaceFilesChoice | None
) -> None:
    """Put the chosen files of namespaces into the directory, as the execution's commit has them."""
    if choice is None or not choice.enabled:
        return
    try:
        wanted = selection(choice.include or (), choice.exclude or ())
    except ValueError as error:
        message = f"`namespaceFiles`: {error}"
        raise TaskFailed(message) from None
    for namespace in choice.namespaces:
        files = ctx.files(namespace)
        before = f"{namespace}/" if choice.folder_per_namespace else ""
        for entry in await files.entries():
            if wanted(entry.path) and _free(ctx, directory, before + entry.path, choice.if_exists):
                data = await files.read(entry.path)
                mode = 0o755 if entry.executable else 0o644
                await asyncio.to_thread(folder.write, directory, before + entry.path, data, mode)


def _free(ctx: RunContext, directory: Path, name: str, if_exists: str) -> bool:
    """Whether a file of this name may be written."""
    if if_exists == "OVERWRITE" or not folder.place(directory, name).exists():
        return True
    message = f"the file {name} is in the working directory already"
    if if_exists == "FAIL":
        raise TaskFailed(message)
    if if_exists == "WARN":
        ctx.log.warn(message)
    return False


async def put_input_files(
    ctx: RunContext, directory: Path, files: dict[str, Any] | str | None
) -> None:
    """Put files into the directory: by path a text, or the `kestra://` URI of a stored file.

    Raises:
        TaskFailed: a path leads outside, a URI may not be read, or it is no map.
    """
    await folder.put(ctx, directory, _texts(files))


def _texts(files: dict[str, Any] | str | None) -> dict[str, str]:
    if isinstance(files, str):
        try:
            files = json.loads(files) if files.strip() else {}
        except (ValueError, RecursionError):
            files = None
        if not isinstance(files, dict):
            message = "`inputFiles` must be a map from paths to contents, or a JSON text of one"
            raise TaskFailed(message)
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in (files or {}).items()
        if value is not None
    }


async def take_output_files(
    ctx: RunContext, directory: Path, patterns: Sequence[str] | None
) -> dict[str, str]:
    """Store the files that match one of the patterns; return their URIs by path."""
    if not patterns:
        return {}
    return await folder.stored(ctx, directory, output_matcher(patterns))


def output_matcher(patterns: Sequence[str], name: str = "outputFiles") -> Match:
    """Return the test of patterns that never takes our own files.

    Raises:
        TaskFailed: for a pattern that is none; `name` is the property it is in.
    """
    try:
        wanted = matcher(patterns)
    except ValueError as error:
        message = f"`{name}`: {error}"
        raise TaskFailed(message) from None
    return lambda path: not path.startswith(PRIVATE) and wanted(path)
