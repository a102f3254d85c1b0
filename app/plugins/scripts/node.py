"""`scripts.node.*`: Node.js programs."""

from pydantic import Field

from app.flows.values import Dynamic
from app.plugins.api import RunContext
from app.plugins.scripts.script import Script, Workplace, program, with_local_files, write

_PACKAGE = "io.kestra.plugin.scripts.node."


class Commands(Script):
    """Run shell commands that call Node.js. Outputs as those of `scripts.shell.Commands`."""

    type_name = f"{_PACKAGE}Commands"

    commands: Dynamic[list[str]] = Field(min_length=1, description="The commands.")

    async def lines(self, ctx: RunContext, at: Workplace) -> list[str]:
        """Return the commands."""
        found: list[str] = await self.late_value(ctx, at, "commands")
        return found


class NodeScript(Script):
    """Run a JavaScript that stands in the flow, by the `node` of the node's `PATH`.

    It lies in the working directory while it runs, so that it can require files that are there.
    Outputs as those of `scripts.shell.Commands`.
    """

    type_name = f"{_PACKAGE}Script"

    script: Dynamic[str] = Field(description="The script.")

    async def lines(self, ctx: RunContext, at: Workplace) -> list[str]:
        """Write the script and return what runs it."""
        text = await with_local_files(ctx, at, await self.late_value(ctx, at, "script"))
        place = await write(at, f"{at.private}.js", text)
        return [program(["node"], place)]


TYPES = (Commands, NodeScript)
