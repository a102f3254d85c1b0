"""Names that people write, as the ids that the API wants."""

from collections.abc import Callable
from typing import Annotated, Any

from cyclopts import Parameter

from app.cli.addresses import path_of
from app.cli.client import Client
from app.cli.outcome import NOT_FOUND, USAGE, CommandError

USERS = "/api/v1/users"
GROUPS = "/api/v1/instance/groups"
BINDINGS = "/api/v1/instance/bindings"
MANY = 1_000

OfInstance = Annotated[
    bool, Parameter(name="--instance", negative=(), help="Of the instance, not of a tenant.")
]


def user(client: Client, name: str) -> dict[str, Any]:
    """Return the user of a name, an e-mail address or an id.

    Raises:
        CommandError: when there is none.
    """
    found = client.get(USERS, {"q": name, "size": MANY})["results"]
    return _only(found, name, "user", ("id", "username", "email"), lambda: _by_id(client, name))


def person(client: Client, name: str) -> dict[str, Any]:
    """Return the user of a tenant, for who may not see all of the instance's.

    Raises:
        CommandError: when there is none.
    """
    path = client.path("tenant-access")
    found = client.get(path, {"q": name, "size": MANY})["results"]
    return _only(found, name, "user of the tenant", ("id", "username"))


def group(client: Client, name: str, *, instance: bool) -> dict[str, Any]:
    """Return the group of a name or an id.

    Raises:
        CommandError: when there is none.
    """
    path = GROUPS if instance else client.path("groups", "search")
    found = client.get(path, {"size": MANY})["results"]
    kind = "group of the instance" if instance else "group"
    return _only(found, name, kind, ("id", "name"))


def role(client: Client, name: str) -> dict[str, Any]:
    """Return the role of a name or an id, that a tenant may use.

    Raises:
        CommandError: when there is none.
    """
    found = client.get(client.path("roles", "search"), {"size": MANY})["results"]
    return _only(found, name, "role", ("id", "name"))


def account(client: Client, name: str) -> dict[str, Any]:
    """Return the service account of a tenant, by its name or id.

    Raises:
        CommandError: when there is none.
    """
    found = client.get(client.path("service-accounts"), {"q": name, "size": MANY})["results"]
    return _only(found, name, "service account", ("id", "name"))


def _by_id(client: Client, name: str) -> list[dict[str, Any]]:
    """Return the user with an id: a search does not look there."""
    try:
        return [client.get(path_of("users", name))]
    except CommandError as error:
        if error.code != NOT_FOUND:
            raise
        return []


def _only(
    found: list[dict[str, Any]],
    name: str,
    what: str,
    keys: tuple[str, ...],
    otherwise: Callable[[], list[dict[str, Any]]] = list,
) -> dict[str, Any]:
    if not name:
        raise CommandError(f"'' names no {what}: give its {' or '.join(keys)}", USAGE)
    lowered = name.lower()
    for key in keys:
        same = [each for each in found if str(each.get(key) or "").lower() == lowered]
        if len(same) == 1:
            return same[0]
    for each in otherwise():
        return each
    message = f"there is no {what} {name}"
    raise CommandError(message, NOT_FOUND)
