"""`headwater admin service-account` and `token`: accounts of programs, and API tokens."""

from typing import Annotated, Any

from cyclopts import App, Parameter

from app.cli.addresses import path_of
from app.cli.admin_names import MANY, account, user
from app.cli.client import Client
from app.cli.options import DEFAULTS, Options
from app.cli.outcome import USAGE, CommandError
from app.cli.printing import Table, data, moment, progress, show

accounts = App(name="service-account", help="Service accounts of a tenant.")
tokens = App(name="token", help="API tokens: yours, or those of others.")

Name = Annotated[str, Parameter(help="The service account, by its name.")]
OfUser = Annotated[str | None, Parameter(name="--user", help="Of a user.")]
OfAccount = Annotated[
    str | None, Parameter(name="--service-account", help="Of a service account of the tenant.")
]


@accounts.command(name="list")
def list_accounts(*, options: Options = DEFAULTS) -> None:
    """List the service accounts of a tenant."""
    with Client(options) as client:
        found = client.get(client.path("service-accounts"), {"size": MANY})["results"]
    rows = [(each["name"], each.get("description")) for each in found]
    heads = ("SERVICE ACCOUNT", "DESCRIPTION")
    show(found, options.output, names=[each["name"] for each in found], table=Table(heads, rows))


@accounts.command(name="create")
def create_account(
    name: Name,
    *,
    description: Annotated[str, Parameter(help="What it is for.")] = "",
    options: Options = DEFAULTS,
) -> None:
    """Create a service account; it may do nothing until it gets a role."""
    with Client(options) as client:
        client.post(client.path("service-accounts"), {"name": name, "description": description})
    progress(f"service account {name} is made")


@accounts.command(name="delete")
def delete_account(name: Name, *, options: Options = DEFAULTS) -> None:
    """Delete a service account with its tokens."""
    with Client(options) as client:
        client.ask("DELETE", client.path("service-accounts", account(client, name)["id"]))
    progress(f"service account {name} is deleted")


@tokens.command(name="list")
def list_tokens(
    *, of_user: OfUser = None, of_account: OfAccount = None, options: Options = DEFAULTS
) -> None:
    """List tokens: names and times, never a secret."""
    with Client(options) as client:
        found = client.get(_path(client, of_user, of_account))["results"]
    rows = [
        (each["id"], each["name"], moment(each.get("exp")), moment(each.get("lastUsed")))
        for each in found
    ]
    heads = ("ID", "NAME", "EXPIRES", "LAST USED")
    show(found, options.output, names=[each["id"] for each in found], table=Table(heads, rows))


@tokens.command(name="create")
def create_token(
    name: Annotated[str, Parameter(help="A name: small letters, digits and dashes.")],
    *,
    of_user: OfUser = None,
    of_account: OfAccount = None,
    max_age: Annotated[
        str | None, Parameter(help="How long it works (ISO 8601); without it, 30 days.")
    ] = None,
    role: Annotated[
        str | None, Parameter(help="It may do at most what this role may, in --namespace.")
    ] = None,
    namespace: Annotated[
        str | None, Parameter(name=["--namespace", "-n"], help="With --role: where.")
    ] = None,
    options: Options = DEFAULTS,
) -> None:
    """Create a token and print it: it is shown this once."""
    wish: dict[str, Any] = {"name": name, **({"maxAge": max_age} if max_age else {})}
    if namespace is not None and role is None:
        raise CommandError("--namespace needs --role: what the token may do there", USAGE)
    with Client(options) as client:
        if role is not None:
            limit = {"role": role, "tenant": client.tenant, "namespace": namespace}
            wish["limits"] = [{key: value for key, value in limit.items() if value}]
        made = client.post(_path(client, of_user, of_account), wish)
    if options.output == "table":
        progress(f"token {made['id']}: keep it, it is not shown again")
        data(made["fullToken"])
    else:
        show(made, options.output, names=[made["fullToken"]], table=Table((), ()))


@tokens.command(name="revoke")
def revoke_token(
    token: Annotated[str, Parameter(help="The id of the token.")],
    *,
    of_user: OfUser = None,
    of_account: OfAccount = None,
    options: Options = DEFAULTS,
) -> None:
    """Refuse a token from now on."""
    with Client(options) as client:
        client.ask("DELETE", _path(client, of_user, of_account, token))
    progress(f"token {token} is revoked")


def _path(client: Client, of_user: str | None, of_account: str | None, *more: str) -> str:
    if of_user is not None and of_account is not None:
        raise CommandError("name one: --user or --service-account", USAGE)
    if of_user is not None:
        return path_of("users", user(client, of_user)["id"], "api-tokens", *more)
    if of_account is not None:
        found = account(client, of_account)
        return client.path("service-accounts", found["id"], "api-tokens", *more)
    return path_of("me", "api-tokens", *more)
