"""`core.namespace.*`: files of a namespace, which lie in Git (reference §2.4)."""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, Literal

from pydantic import Field

from app.flows.globs import Match, matcher
from app.flows.typed import Model
from app.flows.values import Dynamic
from app.plugins.api import Files, RunContext, Runnable, TaskFailed
from app.plugins.core import folder

MOST_BYTES = 256 * 1024 * 1024
"""Bytes of all files that one task uploads; they become one commit."""


class _OfNamespace(Model):
    """What the tasks have in common."""

    namespace: Dynamic[str] | None = Field(
        None, description="The namespace; by default that of the flow."
    )

    def of(self, ctx: RunContext) -> Files:
        """Return the files of the namespace."""
        return ctx.files((self.namespace or "").strip() or None)


class UploadFiles(_OfNamespace, Runnable):
    """Put files into a namespace, as one commit of its repository. Metric: `uploaded`."""

    type_name = "io.kestra.plugin.core.namespace.UploadFiles"
    aliases = ("io.kestra.core.tasks.namespaces.UploadFiles",)

    files: Dynamic[list[str] | dict[str, str] | str] | None = Field(
        None,
        description="Patterns of files in the working directory, or URIs of stored files; or a map "
        "as `filesMap`.",
    )
    files_map: Dynamic[dict[str, str] | str] | None = Field(
        None, description="Paths and the URIs of what they are to hold; or a JSON text of it."
    )
    destination: Dynamic[str] = Field("/", description="The folder that the files go to.")
    conflict: Dynamic[Literal["OVERWRITE", "ERROR", "SKIP"]] = Field(
        "OVERWRITE", description="What happens to a file that is there already."
    )

    async def run(self, ctx: RunContext) -> None:
        """Read all files, then write them."""
        sources: dict[str, AsyncIterator[bytes]] = {}
        listed, mapped = self._asked()
        for name, uri in mapped.items():
            sources[self._target(name)] = ctx.get_file(uri.strip())
        uris = [each.strip() for each in listed if each.strip().startswith(folder.SCHEME)]
        for uri in uris:
            sources[self._target(uri.rpartition("/")[2])] = ctx.get_file(uri)
        patterns = [each for each in listed if each.strip() not in uris]
        if patterns:
            directory = await ctx.directory()
            for name in await folder.found(directory, _matcher(patterns)):
                sources[self._target(name)] = folder.read(directory, name)
        files = self.of(ctx)
        changes = await _contents(await self._without_conflicts(files, sources))
        if changes:
            await files.write(changes)
        ctx.metric("uploaded", len(changes))

    def _asked(self) -> tuple[list[str], dict[str, str]]:
        """Return what is listed, and what is mapped."""
        files = self.files
        if isinstance(files, dict):
            return [], {**files, **_mapping(self.files_map)}
        listed = [files] if isinstance(files, str) else files or []
        return listed, _mapping(self.files_map)

    def _target(self, name: str) -> str:
        return "/".join(part for part in f"{self.destination}/{name}".split("/") if part)

    async def _without_conflicts(
        self, files: Files, sources: dict[str, AsyncIterator[bytes]]
    ) -> dict[str, AsyncIterator[bytes]]:
        if self.conflict == "OVERWRITE" or not sources:
            return sources
        there = {each.path for each in await files.entries()}
        taken = [path for path in sources if path in there]
        if taken and self.conflict == "ERROR":
            message = f"there are such files already: {', '.join(taken[:10])}"
            raise TaskFailed(message)
        return {path: source for path, source in sources.items() if path not in there}


class DownloadFiles(_OfNamespace, Runnable):
    """Take files of a namespace into the internal storage.

    Outputs: `files` (a map from path, with a leading slash, to URI). Metric: `downloaded`.
    """

    type_name = "io.kestra.plugin.core.namespace.DownloadFiles"
    aliases = ("io.kestra.core.tasks.namespaces.DownloadFiles",)

    files: Dynamic[list[str] | str] = Field(description="Paths, or patterns of them.")
    destination: Dynamic[str] = Field("", description="A folder that is put before the paths.")

    async def run(self, ctx: RunContext) -> Mapping[str, Any]:
        """Store each file."""
        files = self.of(ctx)
        wanted = _matcher(_listed(self.files))
        uris = {}
        for entry in await files.entries():
            if wanted(entry.path):
                data = await files.read(entry.path)
                name = f"{self.destination.strip('/')}/{entry.path}".lstrip("/")
                uris[f"/{entry.path}"] = await ctx.put_file(name, _once(data))
        ctx.metric("downloaded", len(uris))
        return {"files": uris}


class DeleteFiles(_OfNamespace, Runnable):
    """Delete files of a namespace, as one commit of its repository. Metric: `deleted`."""

    type_name = "io.kestra.plugin.core.namespace.DeleteFiles"
    aliases = ("io.kestra.core.tasks.namespaces.DeleteFiles",)

    files: Dynamic[list[str] | str] = Field(description="Paths, or patterns of them.")
    delete_parent_folder: Dynamic[bool] = Field(
        default=False, description="Without effect: Git keeps no empty folders."
    )

    async def run(self, ctx: RunContext) -> None:
        """Delete each file."""
        files = self.of(ctx)
        wanted = _matcher(_listed(self.files))
        gone = [entry.path for entry in await files.entries() if wanted(entry.path)]
        if gone:
            await files.write(dict.fromkeys(gone))
        ctx.metric("deleted", len(gone))


def _listed(files: list[str] | str) -> list[str]:
    return [files] if isinstance(files, str) else files


def _mapping(value: dict[str, str] | str | None) -> dict[str, str]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            value = {"": ""}
        if not isinstance(value, dict) or not all(
            key and isinstance(uri, str) for key, uri in value.items()
        ):
            message = "`filesMap` must be a map from paths to URIs, or a JSON text that holds one"
            raise TaskFailed(message)
    return value or {}


def _matcher(patterns: list[str]) -> Match:
    try:
        return matcher(patterns, anywhere=True)
    except ValueError as error:
        raise TaskFailed(str(error)) from None


async def _contents(sources: Mapping[str, AsyncIterator[bytes]]) -> dict[str, bytes | None]:
    contents: dict[str, bytes | None] = {}
    total = 0
    for path, source in sources.items():
        data = bytearray()
        async for chunk in source:
            data += chunk
            if total + len(data) > MOST_BYTES:
                message = f"the files have more than {MOST_BYTES} bytes, upload fewer at a time"
                raise TaskFailed(message)
        contents[path] = bytes(data)
        total += len(data)
    return contents


async def _once(data: bytes) -> AsyncIterator[bytes]:
    if data:
        yield data


TYPES = (UploadFiles, DownloadFiles, DeleteFiles)
