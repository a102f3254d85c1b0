"""`scripts.node.*`: Node.js programs."""

from app.plugins.scripts.forms import CommandList, ScriptFile

_PACKAGE = "io.kestra.plugin.scripts.node."


class Commands(CommandList):
    """Run shell commands that call Node.js. Outputs as those of `scripts.shell.Commands`."""

    type_name = f"{_PACKAGE}Commands"


class NodeScript(ScriptFile):
    """Run a JavaScript that stands in the flow, by the `node` of the node's `PATH`.

    It lies in the working directory while it runs, so that it can require files that are there.
    Outputs as those of `scripts.shell.Commands`.
    """

    type_name = f"{_PACKAGE}Script"
    program = ("node",)
    extension = "js"


TYPES = (Commands, NodeScript)
