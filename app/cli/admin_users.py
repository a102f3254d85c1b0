"""`headwater admin user`: the users of the instance."""

import getpass
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from app.cli.admin_names import MANY, USERS, user
from app.cli.client import Client
from app.cli.options import DEFAULTS, Options
from app.cli.outcome import USAGE, CommandError
from app.cli.printing import Table, progress, show

app = App(name="user", help="Users of the instance.")

Name = Annotated[str, Parameter(help="User name, e-mail address or id.")]
FromStdin = Annotated[
    bool, Parameter(name="--password-stdin", negative=(), help="Read the password from stdin.")
]


@app.command(name="list")
def list_(
    text: Annotated[str, Parameter(help="What the name must hold.")] = "",
    *,
    options: Options = DEFAULTS,
) -> None:
    """List users."""
    with Client(options) as client:
        found = client.get(USERS, {"q": text, "size": MANY})["results"]
    _show(found, options)


@app.command(name="show")
def show_(name: Name, *, options: Options = DEFAULTS) -> None:
    """Show a user."""
    with Client(options) as client:
        found = client.get(f"{USERS}/{user(client, name)['id']}")
    _show([found], options, whole=found)


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Person:
    """What is told of a new user."""

    email: Annotated[
        str | None, Parameter(name="--email", help="E-mail address; without it, the name.")
    ] = None
    first_name: Annotated[str, Parameter(name="--first-name", help="First name.")] = ""
    last_name: Annotated[str, Parameter(name="--last-name", help="Last name.")] = ""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Place:
    """Where a user is made."""

    offline: Annotated[
        bool,
        Parameter(
            name="--offline",
            negative=(),
            help="Into the database itself, while the service is stopped.",
        ),
    ] = False
    data: Annotated[
        Path | None, Parameter(name="--data", help="With --offline: the data directory.")
    ] = None


@app.command
def create(
    name: Annotated[str, Parameter(help="User name; an e-mail address is one, too.")],
    *,
    person: Person = Person(),
    password_stdin: FromStdin = False,
    no_password: Annotated[
        bool, Parameter(negative=(), help="No login by password: by a provider only.")
    ] = False,
    instance_admin: Annotated[
        bool, Parameter(negative=(), help="Let the user administer the instance.")
    ] = False,
    place: Place = Place(),
    options: Options = DEFAULTS,
) -> None:
    """Create a user. With --offline it needs no service and no login: a way in for emergencies.

    Offline, a user that is there already gets the password, and is enabled again.
    """
    if place.offline and no_password:
        raise CommandError("--offline makes a way in: it needs a password", USAGE)
    new = "" if no_password else read_password(from_stdin=password_stdin)
    if place.offline:
        from app.cli.admin_offline import make_user

        progress(make_user(place.data, name, person.email or "", new, admin=instance_admin))
        return
    wish: dict[str, Any] = {
        "username": name,
        "email": person.email or name,
        "firstName": person.first_name,
        "lastName": person.last_name,
        "password": new,
        "instanceOwner": instance_admin,
    }
    with Client(options) as client:
        made = client.post(USERS, {key: value for key, value in wish.items() if value})
    _show([made], options, whole=made)


@app.command
def password(name: Name, *, password_stdin: FromStdin = False, options: Options = DEFAULTS) -> None:
    """Give a user another password; all sessions of the user end."""
    new = read_password(from_stdin=password_stdin)
    with Client(options) as client:
        found = user(client, name)
        client.ask("PATCH", f"{USERS}/{found['id']}/password", json={"password": new})
    progress(f"{found['username']} has another password")


@app.command
def disable(name: Name, *, options: Options = DEFAULTS) -> None:
    """Keep a user out: sessions, tokens and passwords work no more."""
    _restrict(name, options, restricted=True)


@app.command
def enable(name: Name, *, options: Options = DEFAULTS) -> None:
    """Let a user in again."""
    _restrict(name, options, restricted=False)


@app.command
def promote(name: Name, *, options: Options = DEFAULTS) -> None:
    """Let a user administer the instance."""
    _own(name, options, owner=True)


@app.command
def demote(name: Name, *, options: Options = DEFAULTS) -> None:
    """Let a user administer the instance no longer."""
    _own(name, options, owner=False)


@app.command
def delete(name: Name, *, options: Options = DEFAULTS) -> None:
    """Delete a user with sessions, tokens and roles."""
    with Client(options) as client:
        found = user(client, name)
        client.ask("DELETE", f"{USERS}/{found['id']}")
    progress(f"{found['username']} is deleted")


def read_password(*, from_stdin: bool) -> str:
    """Return a password from stdin, or asked for twice; never from the command line.

    Raises:
        CommandError: when there is none.
    """
    if from_stdin:
        text = sys.stdin.readline().rstrip("\r\n")
        if not text:
            raise CommandError("there is no password on stdin", USAGE)
        return text
    if not sys.stdin.isatty():
        raise CommandError("there is no terminal to ask for a password: --password-stdin", USAGE)
    text = getpass.getpass("Password: ")
    if text != getpass.getpass("Once more: "):
        raise CommandError("the two passwords differ", USAGE)
    return text


def _restrict(name: str, options: Options, *, restricted: bool) -> None:
    with Client(options) as client:
        found = user(client, name)
        path = f"{USERS}/{found['id']}/restricted"
        client.ask("PATCH", path, json={"restricted": restricted})
    progress(f"{found['username']} is {'disabled' if restricted else 'enabled'}")


def _own(name: str, options: Options, *, owner: bool) -> None:
    with Client(options) as client:
        found = user(client, name)
        path = f"{USERS}/{found['id']}/instanceowner"
        client.ask("PATCH", path, json={"instanceOwner": owner})
    does = "administers the instance" if owner else "administers the instance no longer"
    progress(f"{found['username']} {does}")


def _show(found: list[dict[str, Any]], options: Options, *, whole: Any = None) -> None:
    rows = [
        (
            each["username"],
            each.get("email"),
            each.get("displayName"),
            ", ".join(one["id"] for one in each.get("tenants") or ()),
            _kind(each),
        )
        for each in found
    ]
    names = [each["username"] for each in found]
    heads = ("USER", "EMAIL", "NAME", "TENANTS", "STATE")
    show(found if whole is None else whole, options.output, names=names, table=Table(heads, rows))


def _kind(found: dict[str, Any]) -> str:
    if found.get("restricted"):
        return "disabled"
    return "instance admin" if found.get("instanceOwner") else ""
