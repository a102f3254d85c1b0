"""`core.flow.WorkingDirectory`: tasks that share a directory (reference §2.1.9)."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from app.executions import State
from app.flows.model import SomeTasks
from app.flows.typed import Model, refuse
from app.flows.values import Duration, Dynamic, rendered_value
from app.plugins.api import Flowable, RunContext, Runnable, TaskFailed, Walker
from app.plugins.core import folder
from app.plugins.core.flow import archive
from app.plugins.core.flow.sleep import Sleep
from app.plugins.directory import (
    PRIVATE,
    NamespaceFilesChoice,
    output_matcher,
    put_input_files,
    put_namespace_files,
    take_output_files,
)

_READY = f"{PRIVATE}ready"
"""The file that says that all files are in their places; older ones are not new to the cache."""


class DirectoryCache(Model):
    """Files that are kept from one execution to the next."""

    ttl: Dynamic[Duration] | None = Field(
        None, description="How long they are kept; without it until they are replaced."
    )
    patterns: Dynamic[list[str]] = Field(description="Patterns of the files to keep.")


class WorkingDirectory(Flowable):
    """Run tasks one after another in one directory.

    First its files are put there: what the cache kept, then namespace files, then `inputFiles`.
    After the last task `outputFiles` are stored and the cache is renewed if a file of it is new,
    also when a task failed. `errors` run outside of the directory.

    Outputs: `outputFiles` (a map from path to URI).
    """

    type_name = "io.kestra.plugin.core.flow.WorkingDirectory"
    aliases = (
        "io.kestra.core.tasks.flows.WorkingDirectory",
        "io.kestra.core.tasks.flows.Worker",
    )

    whole: ClassVar[bool] = True

    tasks: SomeTasks = Field(
        description="The tasks, in order; flowable tasks cannot be among them."
    )
    namespace_files: NamespaceFilesChoice | None = Field(
        None, description="Files of namespaces to put into the directory."
    )
    input_files: Dynamic[dict[str, Any] | str] | None = Field(
        None,
        description="Files to put into the directory: by path a text or the URI of a stored file; "
        "or a JSON text of such a map.",
    )
    output_files: Dynamic[list[str]] | None = Field(
        None, description="Patterns of the files to store at the end."
    )
    cache: DirectoryCache | None = Field(
        None, description="Files to keep for the next execution, such as installed packages."
    )

    @model_validator(mode="after")
    def _only_runnable_tasks(self) -> Self:
        if not all(isinstance(task, Runnable | Sleep) for task in self.tasks):
            message = "Only runnable tasks are allowed as children of a WorkingDirectory task"
            refuse(self, {"tasks": message})
        if any(task.worker_group and task.worker_group.key for task in self.tasks):
            message = (
                "Cannot set a Worker Group in any WorkingDirectory sub-tasks, it is only supported "
                "at the WorkingDirectory level"
            )
            refuse(self, {"tasks": message})
        return self

    async def walk(self, walker: Walker) -> State:
        """Prepare the directory, run the tasks in it, take out what they made."""
        ctx = walker.context
        try:
            directory = await ctx.directory(keep=True)
            await self._prepare(ctx, directory)
            state = await walker.sequence_in(directory, self.tasks)

            async def take() -> dict[str, str]:
                return await self._take(walker.context, directory)

            # Decided once: a walk that comes again finds no directory to take files from.
            await walker.decide(take, lambda files: {"outputFiles": files})
        except BaseException as error:
            if isinstance(error, Exception) or walker.stopped:
                await ctx.discard()
            raise
        await ctx.discard()  # a cancelled walk goes on later, in the same directory
        return state

    async def _prepare(self, ctx: RunContext, directory: Path) -> None:
        """Put all files into their places, unless an interrupted walk has done so."""
        if await asyncio.to_thread((directory / _READY).exists):
            return
        restored = False
        if self.cache is not None:
            cache = await ctx.render_model(self.cache)
            restored = await _restore(ctx, directory, cache.ttl)
        if self.namespace_files is not None:
            choice = await ctx.render_model(self.namespace_files)
            await put_namespace_files(ctx, directory, choice)
        await put_input_files(ctx, directory, await self._value(ctx, directory, "input_files"))
        await asyncio.to_thread(folder.write, directory, _READY, b"restored" if restored else b"")

    async def _take(self, ctx: RunContext, directory: Path) -> dict[str, str]:
        patterns = await self._value(ctx, directory, "output_files")
        files = await take_output_files(ctx, directory, patterns)
        if self.cache is not None:
            cache = await ctx.render_model(self.cache)
            await _keep(ctx, directory, cache.patterns)
        return files

    async def _value(self, ctx: RunContext, directory: Path, name: str) -> Any:
        value = await ctx.render(getattr(self, name), workingDir=str(directory))
        return None if value is None else rendered_value(type(self), name, value)


async def _restore(ctx: RunContext, directory: Path, ttl: timedelta | None) -> bool:
    """Put the files of the cache into the directory; return whether there were any."""
    kept = await ctx.cached()
    if kept is None:
        return False
    place = f"{PRIVATE}cache.zip"
    try:
        await folder.copy(kept, directory, place)
        oldest = None if ttl is None else ctx.now() - ttl // timedelta(microseconds=1)
        count = await asyncio.to_thread(archive.unpack, directory, place, oldest)
        ctx.log.debug(f"{count} files came from the cache")
    except TaskFailed as failure:
        ctx.log.warn(f"the cache cannot be used: {failure.message}")
        count = 0
    finally:
        await asyncio.to_thread((directory / place).unlink, missing_ok=True)
    return count > 0


async def _keep(ctx: RunContext, directory: Path, patterns: list[str]) -> None:
    """Renew the cache if one of its files is new; that it fails is no failure of the task."""
    place = f"{PRIVATE}cache.zip"
    try:
        names = await folder.found(directory, output_matcher(patterns, "cache"))
        if await asyncio.to_thread(archive.is_new, directory, names, _READY):
            await asyncio.to_thread(archive.pack, directory, place, names, ctx.now())
            await ctx.keep(folder.read(directory, place))
            ctx.log.debug(f"{len(names)} files are kept in the cache")
    except TaskFailed as failure:
        ctx.log.warn(f"the cache is not renewed: {failure.message}")
    finally:
        await asyncio.to_thread((directory / place).unlink, missing_ok=True)
