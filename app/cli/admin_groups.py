"""`headwater admin group`: groups of a tenant or of the instance, and who is in them."""

from typing import Annotated, Any

from cyclopts import App, Parameter

from app.cli.admin_names import GROUPS, MANY, OfInstance, group, person, user
from app.cli.client import Client
from app.cli.options import DEFAULTS, Options
from app.cli.printing import Table, progress, show

app = App(name="group", help="Groups, and who is in them.")

Name = Annotated[str, Parameter(help="The group, by its name.")]
User = Annotated[str, Parameter(help="The user, by name, e-mail address or id.")]


@app.command(name="list")
def list_(*, instance: OfInstance = False, options: Options = DEFAULTS) -> None:
    """List groups."""
    with Client(options) as client:
        path = GROUPS if instance else client.path("groups", "search")
        found = client.get(path, {"size": MANY})["results"]
    rows = [(each["name"], each.get("description")) for each in found]
    names = [each["name"] for each in found]
    show(found, options.output, names=names, table=Table(("GROUP", "DESCRIPTION"), rows))


@app.command
def create(
    name: Name,
    *,
    description: Annotated[str, Parameter(help="What it is for.")] = "",
    instance: OfInstance = False,
    options: Options = DEFAULTS,
) -> None:
    """Create a group."""
    with Client(options) as client:
        path = GROUPS if instance else client.path("groups")
        made = client.post(path, {"name": name, "description": description})
    progress(f"group {made['name']} is made")


@app.command
def delete(name: Name, *, instance: OfInstance = False, options: Options = DEFAULTS) -> None:
    """Delete a group; its members lose what it gave them."""
    with Client(options) as client:
        client.ask("DELETE", _path(client, name, instance=instance))
    progress(f"group {name} is deleted")


@app.command
def members(name: Name, *, instance: OfInstance = False, options: Options = DEFAULTS) -> None:
    """List who is in a group."""
    with Client(options) as client:
        path = f"{_path(client, name, instance=instance)}/members"
        found = client.get(path, {"size": MANY})["results"]
    rows = [(each["username"], each.get("displayName"), _kind(each)) for each in found]
    names = [each["username"] for each in found]
    show(found, options.output, names=names, table=Table(("USER", "NAME", "AS"), rows))


@app.command
def add(
    name: Name,
    member: User,
    *,
    owner: Annotated[
        bool, Parameter(negative=(), help="As one who chooses the members of the group.")
    ] = False,
    instance: OfInstance = False,
    options: Options = DEFAULTS,
) -> None:
    """Put a user into a group."""
    with Client(options) as client:
        path = _path(client, name, instance=instance)
        found = _member(client, member)
        client.ask("PUT", f"{path}/members/{found['id']}")
        if owner:
            where = f"{path}/members/membership/{found['id']}"
            client.ask("PUT", where, query={"membership": "OWNER"})
    progress(f"{found['username']} is in {name}")


@app.command
def remove(
    name: Name, member: User, *, instance: OfInstance = False, options: Options = DEFAULTS
) -> None:
    """Take a user out of a group."""
    with Client(options) as client:
        path = _path(client, name, instance=instance)
        found = _member(client, member)
        client.ask("DELETE", f"{path}/members/{found['id']}")
    progress(f"{found['username']} is not in {name}")


def _path(client: Client, name: str, *, instance: bool) -> str:
    found = group(client, name, instance=instance)["id"]
    return f"{GROUPS}/{found}" if instance else client.path("groups", found)


def _member(client: Client, name: str) -> dict[str, Any]:
    """Return a user: of the tenant, or, for who sees them, of the instance."""
    from app.cli.outcome import CommandError

    try:
        return person(client, name)
    except CommandError:
        return user(client, name)


def _kind(found: dict[str, Any]) -> str:
    return ", ".join(each["membership"].lower() for each in found.get("groups") or ())
