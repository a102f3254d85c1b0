"""`Script`: what all tasks that run programs have in common (reference §2.7).

Commands are texts that a shell reads. What an expression puts into them is read by the shell too:
a value that comes from outside belongs into `env`, where it is only ever a value.
"""

import asyncio
import re
import secrets
import shlex
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Literal, NamedTuple

from pydantic import Field

from app.errors import HeadwaterError, Invalid
from app.executions import State
from app.flows.model import SomeRunner
from app.flows.runners import DockerOptions
from app.flows.typed import outdated
from app.flows.values import Dynamic, rendered_value
from app.plugins.api import Finished, RunContext, Runnable, TaskFailed
from app.plugins.core import folder
from app.plugins.directory import (
    PRIVATE,
    NamespaceFilesChoice,
    put_input_files,
    put_namespace_files,
    take_output_files,
)
from app.plugins.scripts.protocol import Listener
from app.ports import Command

_URI = re.compile(r"kestra://[-a-zA-Z0-9%._+~#=/]*")
_SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh"})


class OldDocker(DockerOptions):
    """Options of a container, as they were written before there were task runners."""

    image: Dynamic[str] | None = Field(None, description="The image.")


class Workplace(NamedTuple):
    """Where one attempt works: the directory, our own folder in it, and the output directory."""

    directory: Path
    private: str
    output: Path | None

    @property
    def variables(self) -> dict[str, str]:
        """What expressions see besides the usual."""
        found = {"workingDir": str(self.directory)}
        return found if self.output is None else {**found, "outputDir": str(self.output)}

    @property
    def environment(self) -> dict[str, str]:
        """What programs see of it."""
        found = {"WORKING_DIR": str(self.directory), "HOME": str(self.directory)}
        return found if self.output is None else {**found, "OUTPUT_DIR": str(self.output)}


class Script(Runnable):
    """The properties of tasks that run programs, and how they are run."""

    late: ClassVar[frozenset[str]] = frozenset(
        {"before_commands", "commands", "env", "input_files", "interpreter", "script"}
    )

    task_runner: SomeRunner | None = Field(
        None, description="Where the programs run; by default as the node's settings say."
    )
    container_image: Dynamic[str] | None = Field(
        None, description="The image of the container; a process needs none."
    )
    before_commands: Dynamic[list[str]] | None = Field(
        None, description="Commands that run first, in the same shell."
    )
    env: Dynamic[dict[str, str]] | None = Field(
        None, description="Environment variables: the safe way to hand values to a program."
    )
    interpreter: Dynamic[list[str]] = Field(
        default_factory=lambda: ["/bin/sh", "-c"],
        min_length=1,
        description="The program that reads the commands, and its first arguments.",
    )
    fail_fast: Dynamic[bool] = Field(
        default=True, description="Whether the first command that fails ends the task (`set -e`)."
    )
    warning_on_std_err: Dynamic[bool] | None = Field(
        None,
        json_schema_extra=outdated("lines on stderr are logged as errors, and no warning any more"),
        description="Whether a line on stderr makes the task run end as WARNING.",
    )
    namespace_files: NamespaceFilesChoice | None = Field(
        None, description="Files of namespaces to put into the working directory."
    )
    input_files: Dynamic[dict[str, Any] | str] | None = Field(
        None,
        description="Files to put into the working directory: by path a text or the URI of a "
        "stored file; or a JSON text of such a map.",
    )
    output_files: Dynamic[list[str]] | None = Field(
        None, description="Patterns of the files to store afterwards."
    )
    output_directory: Dynamic[bool] = Field(
        default=False,
        json_schema_extra=outdated("use outputFiles"),
        description="Whether everything in `{{ outputDir }}` is stored afterwards.",
    )
    target_os: Dynamic[Literal["AUTO", "LINUX", "WINDOWS"]] = Field(
        "AUTO", alias="targetOS", description="The system that the programs are made for."
    )
    runner: Literal["PROCESS", "DOCKER"] | None = Field(
        None, json_schema_extra=outdated("use taskRunner"), description="Where the programs run."
    )
    docker: OldDocker | None = Field(
        None,
        json_schema_extra=outdated("use taskRunner and containerImage"),
        description="Options of the container.",
    )

    async def lines(self, ctx: RunContext, at: Workplace) -> list[str]:
        """Return the commands, rendered; a subclass says which."""
        raise NotImplementedError

    async def run(self, ctx: RunContext) -> Mapping[str, Any] | Finished:
        """Prepare the directory, run the commands, keep what they left."""
        runner = ctx.runner(self._kind)
        if self.target_os == "WINDOWS":
            message = "`targetOS: WINDOWS` cannot run here: programs run on Linux"
            raise TaskFailed(message)
        at = await self._workplace(ctx)
        try:
            command = await self._command(ctx, at)
            listener = Listener(ctx)
            try:
                code = await runner.run(command, listener)
            except HeadwaterError as error:
                raise TaskFailed(error.message) from error
            return await self._result(ctx, at, code, listener)
        finally:
            await asyncio.to_thread(_tidy, at)

    @property
    def _kind(self) -> str | None:
        """Which kind of runner is asked for, None: none is."""
        if self.task_runner is not None:
            return self.task_runner.kind
        return self.runner.lower() if self.runner else None

    async def _workplace(self, ctx: RunContext) -> Workplace:
        directory = await ctx.directory()
        private = f"{PRIVATE}{secrets.token_hex(8)}"
        output = directory / private / "output" if self.output_directory else None
        await asyncio.to_thread((output or directory / private).mkdir, parents=True)
        return Workplace(directory, private, output)

    async def _command(self, ctx: RunContext, at: Workplace) -> Command:
        """Put all files into their places and return what is to be run."""
        await put_namespace_files(ctx, at.directory, self.namespace_files)
        input_files = await self.late_value(ctx, at, "input_files")
        await put_input_files(ctx, at.directory, input_files)
        interpreter = await self.late_value(ctx, at, "interpreter")
        is_shell = PurePosixPath(interpreter[0]).name in _SHELLS
        lines = ["set -e"] if self.fail_fast and is_shell else []
        lines += await self.late_value(ctx, at, "before_commands") or []
        lines += await self.lines(ctx, at)
        text = "\n".join([await with_local_files(ctx, at, line) for line in lines])
        if is_shell and interpreter[1:] == ["-c"]:
            # By a file: other users of the machine see the arguments of processes.
            place = await write(at, f"{at.private}/commands.sh", text)
            arguments = [interpreter[0], str(place)]
        else:
            arguments = [*interpreter, text]
        env = await self.late_value(ctx, at, "env") or {}
        return Command(arguments, {**at.environment, **env}, at.directory)

    async def late_value(self, ctx: RunContext, at: Workplace, name: str) -> Any:
        """Return a property, rendered with the variables of the workplace."""
        value = await ctx.render(getattr(self, name), **at.variables)
        if value is None:
            return None
        try:
            return rendered_value(type(self), name, value)
        except Invalid as error:
            raise TaskFailed(error.message) from error

    async def _result(
        self, ctx: RunContext, at: Workplace, code: int, listener: Listener
    ) -> Mapping[str, Any] | Finished:
        outputs: dict[str, Any] = {"vars": listener.vars, "exitCode": code}
        try:
            outputs["outputFiles"] = await self._output_files(ctx, at)
        except TaskFailed as failure:
            if code == 0:
                raise TaskFailed(failure.message, outputs=outputs) from None
            ctx.log.warn(failure.message)
        if code:
            message = f"Command failed with exit code {code}"
            raise TaskFailed(message, outputs=outputs)
        if self.warning_on_std_err and listener.errors:
            return Finished(outputs, State.WARNING)
        return outputs

    async def _output_files(self, ctx: RunContext, at: Workplace) -> dict[str, str]:
        taken = await take_output_files(ctx, at.directory, self.output_files)
        if at.output is not None:
            taken |= await folder.stored(ctx, at.output, lambda _: True)
        return taken


async def with_local_files(ctx: RunContext, at: Workplace, line: str) -> str:
    """Return a line in which stored files stand for their URIs, put into our folder."""
    for uri in dict.fromkeys(_URI.findall(line)):
        name = f"{at.private}/{secrets.token_hex(4)}-{uri.rpartition('/')[2]}"
        await folder.copy(ctx.get_file(uri), at.directory, name)
        line = line.replace(uri, str(at.directory / name))
    return line


async def write(at: Workplace, name: str, text: str) -> Path:
    """Write a file of ours and return its path."""
    data = text.encode("utf-8", "replace")
    await asyncio.to_thread(folder.write, at.directory, name, data, 0o600)
    return at.directory / name


def program(interpreter: Sequence[str], path: Path) -> str:
    """Return the command line that has an interpreter read a file."""
    return shlex.join([*interpreter, str(path)])


def _tidy(at: Workplace) -> None:
    """Remove what is ours: the directory may be shared with tasks that follow."""
    shutil.rmtree(at.directory / at.private, ignore_errors=True)
    for each in at.directory.glob(f"{at.private}.*"):
        each.unlink(missing_ok=True)
