"""`scripts.shell.*`: shell commands."""

from pydantic import Field

from app.flows.values import Dynamic
from app.plugins.api import RunContext
from app.plugins.scripts.forms import CommandList
from app.plugins.scripts.script import Script, Workplace

_PACKAGE = "io.kestra.plugin.scripts.shell."


class Commands(CommandList):
    """Run shell commands, one after another.

    Outputs: `vars` (what the commands told in `::{"outputs": …}::` lines), `exitCode` and
    `outputFiles` (a map from path to URI).
    """

    type_name = f"{_PACKAGE}Commands"


class ShellScript(Script):
    """Run a shell script that stands in the flow. Outputs as those of `Commands`."""

    type_name = f"{_PACKAGE}Script"

    script: Dynamic[str] = Field(description="The script.")

    async def lines(self, ctx: RunContext, at: Workplace) -> list[str]:
        """Return the script."""
        return [await self.late_value(ctx, at, "script")]


TYPES = (Commands, ShellScript)
