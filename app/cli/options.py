"""Options that many commands share."""

from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Parameter

from app.cli.outcome import USAGE, CommandError

SERVER = "http://127.0.0.1:8080"

Format = Literal["table", "json", "yaml", "name"]


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Options:
    """Which service is asked, and how its answer is printed."""

    server: Annotated[
        str, Parameter(name="--server", env_var="HEADWATER_SERVER", help="Address of the service.")
    ] = SERVER
    tenant: Annotated[str, Parameter(name=["--tenant", "-t"], help="The tenant.")] = "main"
    output: Annotated[Format, Parameter(name=["--output", "-o"], help="How to print.")] = "table"


DEFAULTS = Options()

Namespace = Annotated[
    str | None, Parameter(name=["--namespace", "-n"], help="This namespace and those below it.")
]
Inputs = Annotated[
    list[str] | None,
    Parameter(
        name=["--input", "-i"],
        negative=(),
        help="An input, `name=value`; `name=@file` sends a file.",
    ),
]
Reason = Annotated[str, Parameter(help="Why, for those who come after.")]


def pairs(given: list[str] | None, option: str) -> list[tuple[str, str]]:
    """Return what `name=value` options say.

    Raises:
        CommandError: when one is something else.
    """
    found = []
    for each in given or ():
        name, equals, value = each.partition("=")
        if not (name and equals):
            message = f"{option} {each!r} is not name=value"
            raise CommandError(message, USAGE)
        found.append((name, value))
    return found
