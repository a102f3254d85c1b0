"""The two forms of script tasks: commands for a shell, and a script in a file of its own."""

from typing import ClassVar

from pydantic import Field

from app.flows.values import Dynamic
from app.plugins.api import RunContext
from app.plugins.scripts.script import Script, Workplace, program, with_local_files, write


class CommandList(Script):
    """Runs a list of shell commands."""

    commands: Dynamic[list[str]] = Field(min_length=1, description="The commands.")

    async def lines(self, ctx: RunContext, at: Workplace) -> list[str]:
        """Return the commands."""
        found: list[str] = await self.late_value(ctx, at, "commands")
        return found


class ScriptFile(Script):
    """Has a program read a script, which lies in the working directory while it runs.

    So it finds the files there: those of namespaces, input files, and what other tasks left.
    """

    program: ClassVar[tuple[str, ...]] = ()
    """The program, by its name in the node's `PATH`, and its first arguments."""

    extension: ClassVar[str] = ""
    """The extension of the script's file."""

    script: Dynamic[str] = Field(description="The script.")

    async def lines(self, ctx: RunContext, at: Workplace) -> list[str]:
        """Write the script and return what runs it."""
        text = await with_local_files(ctx, at, await self.late_value(ctx, at, "script"))
        place = await write(at, f"{at.private}.{self.extension}", text)
        return [program(self.program, place)]
