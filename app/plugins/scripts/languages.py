"""`scripts.{deno,julia,lua,perl,php,powershell,r,ruby}.*`: programs of other languages.

They need the language's program in the node's `PATH`.
"""

from typing import ClassVar

from pydantic import Field

from app.flows.values import Dynamic
from app.plugins.scripts.forms import CommandList, ScriptFile
from app.plugins.scripts.script import Script

_PACKAGE = "io.kestra.plugin.scripts."
_FILES = {
    "deno": (("deno", "run", "-A"), "ts"),
    "julia": (("julia",), "jl"),
    "lua": (("lua",), "lua"),
    "perl": (("perl",), "pl"),
    "php": (("php",), "php"),
    "r": (("Rscript",), "R"),
    "ruby": (("ruby",), "rb"),
}


def _made(language: str) -> tuple[type[Script], type[Script]]:
    """Return the two task types of a language."""
    program, extension = _FILES[language]
    commands = type(
        f"{language.title()}Commands",
        (CommandList,),
        {
            "__doc__": f"Run shell commands that call `{program[0]}`. Outputs as those of "
            "`scripts.shell.Commands`.",
            "__module__": __name__,
            "type_name": f"{_PACKAGE}{language}.Commands",
        },
    )
    script = type(
        f"{language.title()}Script",
        (ScriptFile,),
        {
            "__doc__": f"Run a script that stands in the flow, by the `{program[0]}` of the node's "
            "`PATH`. Outputs as those of `scripts.shell.Commands`.",
            "__module__": __name__,
            "type_name": f"{_PACKAGE}{language}.Script",
            "program": program,
            "extension": extension,
        },
    )
    return commands, script


class PowerShellCommands(CommandList):
    """Run PowerShell commands, by the `pwsh` of the node's `PATH`.

    Outputs as those of `scripts.shell.Commands`.
    """

    type_name = f"{_PACKAGE}powershell.Commands"

    interpreter: Dynamic[list[str]] = Field(
        default_factory=lambda: ["pwsh", "-NoProfile", "-NonInteractive", "-Command"],
        min_length=1,
        description="The program that reads the commands, and its first arguments.",
    )


class PowerShellScript(ScriptFile):
    """Run a PowerShell script that stands in the flow, by the `pwsh` of the node's `PATH`.

    Outputs as those of `scripts.shell.Commands`.
    """

    type_name = f"{_PACKAGE}powershell.Script"
    program: ClassVar[tuple[str, ...]] = ("pwsh", "-NoProfile", "-NonInteractive", "-File")
    extension = "ps1"


TYPES: tuple[type[Script], ...] = (
    *(each for language in _FILES for each in _made(language)),
    PowerShellCommands,
    PowerShellScript,
)
