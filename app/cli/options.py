"""Options that many commands share."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter, Token

from app.cli.addresses import service_address, tenant_of, token_of
from app.cli.contexts import Context, chosen, contexts_file, same_service
from app.cli.outcome import USAGE, CommandError

SERVER = "http://127.0.0.1:8080"

Format = Literal["table", "json", "yaml", "name"]


def _given(_: Any, tokens: Sequence[Token]) -> str | None:
    """Return a value; an empty variable is as good as none, an empty option is a mistake."""
    value = tokens[0].value
    if not value and tokens[0].source != "env":
        raise ValueError("it is empty; leave it out for what it is by default")
    return value or None


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Options:
    """Which service is asked, and how its answer is printed."""

    address: Annotated[
        str | None,
        Parameter(
            name="--server",
            env_var="HEADWATER_SERVER",
            converter=_given,
            help=f"Address of the service; without it the context's, or {SERVER}.",
        ),
    ] = None
    named_tenant: Annotated[
        str | None,
        Parameter(
            name=["--tenant", "-t"],
            env_var="HEADWATER_TENANT",
            converter=_given,
            help="The tenant; without it the context's, or main.",
        ),
    ] = None
    output: Annotated[Format, Parameter(name=["--output", "-o"], help="How to print.")] = "table"
    given_token: Annotated[
        str | None,
        Parameter(
            name="--token",
            env_var="HEADWATER_TOKEN",
            converter=_given,
            show=False,
            help="API token; better in the environment: others can see the command line.",
        ),
    ] = field(default=None, repr=False)
    context: Annotated[
        str | None,
        Parameter(
            name="--context",
            env_var="HEADWATER_CONTEXT",
            converter=_given,
            show=False,
            help="Context to work in; see `headwater context`.",
        ),
    ] = None

    @property
    def server(self) -> str:
        """Address of the service."""
        if self.address:
            return service_address(self.address)
        found = chosen(self.context)
        return service_address(found.server) if found else SERVER

    @property
    def tenant(self) -> str:
        """The tenant; a context's only together with its service."""
        if self.named_tenant:
            return tenant_of(self.named_tenant)
        found = self._own()
        return tenant_of(found.tenant) if found and found.tenant else "main"

    @property
    def token(self) -> str:
        """The API token; a context's only for its own service."""
        if self.given_token:
            return token_of(self.given_token, "of HEADWATER_TOKEN (or --token)")
        found = self._own()
        return token_of(found.token, f"in {contexts_file()}") if found else ""

    def _own(self) -> Context | None:
        found = chosen(self.context)
        return found if found and same_service(found.server, self.server) else None


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


def input_file(name: str, path: str) -> bytes:
    """Return the content of the file that an input names.

    Raises:
        CommandError: when it cannot be read.
    """
    try:
        return Path(path).expanduser().read_bytes()
    except (OSError, RuntimeError) as error:  # RuntimeError: no such user
        reason = getattr(error, "strerror", None) or error
        raise CommandError(f"input {name}: cannot read {path or '@'}: {reason}", USAGE) from None
