"""`headwater context …`: the services that you work with."""

from typing import Annotated

from cyclopts import App, Parameter

from app.cli.addresses import service_address, tenant_of
from app.cli.contexts import NAME, Context, read_contexts, write_contexts
from app.cli.options import Format
from app.cli.outcome import USAGE, CommandError
from app.cli.printing import Table, progress, show

app = App(name="context", help="Services that you work with; tokens come by `headwater login`.")

Name = Annotated[str, Parameter(help="Name of the context.")]
Output = Annotated[Format, Parameter(name=["--output", "-o"], help="How to print.")]


@app.command(name="list")
def list_(*, output: Output = "table") -> None:
    """List the contexts; tokens are never shown."""
    contexts = read_contexts()
    found = [
        {
            "name": name,
            "current": name == contexts.current,
            "server": each.server,
            "tenant": each.tenant,
            "loggedIn": bool(each.token),
        }
        for name, each in sorted(contexts.contexts.items())
    ]
    rows = [
        ("*" if each["current"] else "", each["name"], each["server"], each["tenant"],
         "yes" if each["loggedIn"] else "no")
        for each in found
    ]  # fmt: skip
    heads = ("", "NAME", "SERVER", "TENANT", "LOGGED IN")
    show(found, output, names=list(contexts.contexts), table=Table(heads, rows))


@app.command
def add(
    name: Name,
    server: Annotated[str, Parameter(help="Address of the service.")],
    *,
    tenant: Annotated[str, Parameter(name=["--tenant", "-t"], help="The tenant.")] = "",
) -> None:
    """Add a context, or change one: then its token is kept only for the same service."""
    if not NAME.fullmatch(name):
        raise CommandError(f"{name!r} cannot be the name of a context", USAGE)
    address = service_address(server)
    named = tenant_of(tenant) if tenant else ""
    contexts = read_contexts()
    before = contexts.contexts.get(name)
    token = before.token if before and before.server == address else ""
    write_contexts(contexts.having(name, Context(address, named, token)))
    progress(f"Context {name!r}: {address}. `headwater context use {name}` chooses it.")


@app.command
def use(name: Name) -> None:
    """Choose the context that commands work in."""
    write_contexts(read_contexts().using(name))
    progress(f"Context {name!r} is in use.")


@app.command
def remove(name: Name) -> None:
    """Forget a context with its token, which is not revoked: `headwater logout` does that."""
    contexts = read_contexts()
    contexts.get(name)
    write_contexts(contexts.having(name, None))
    progress(f"Context {name!r} is forgotten.")
