"""`headwater admin role` and `binding`: what roles permit, and who has which where."""

from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import App, Parameter

from app.cli.addresses import path_of
from app.cli.admin_names import BINDINGS, MANY, OfInstance, account, group, person, role, user
from app.cli.client import Client
from app.cli.options import DEFAULTS, Options
from app.cli.outcome import USAGE, CommandError
from app.cli.printing import Table, moment, progress, show

roles = App(name="role", help="Roles: sets of permissions.")
bindings = App(name="binding", help="Who has which role where.")

Name = Annotated[str, Parameter(help="The role, by its name.")]
Permissions = Annotated[
    list[str], Parameter(name=["--permission", "-p"], negative=(), help="Such as flow:read.")
]
Namespace = Annotated[
    str | None, Parameter(name=["--namespace", "-n"], help="In it and below; else everywhere.")
]


@roles.command(name="list")
def list_roles(*, options: Options = DEFAULTS) -> None:
    """List the roles that a tenant may use."""
    with Client(options) as client:
        found = client.get(client.path("roles", "search"), {"size": MANY})["results"]
    rows = [
        (each["name"], "built in" if each["isManaged"] else "", each["permissionCount"])
        for each in found
    ]
    names = [each["name"] for each in found]
    show(found, options.output, names=names, table=Table(("ROLE", "", "PERMISSIONS"), rows))


@roles.command(name="show")
def show_role(name: Name, *, options: Options = DEFAULTS) -> None:
    """List the permissions of a role."""
    with Client(options) as client:
        found = client.get(client.path("roles", role(client, name)["id"]))
    rows = [(each,) for each in found["grants"]]
    show(found, options.output, names=found["grants"], table=Table(("PERMISSION",), rows))


@roles.command(name="create")
def create_role(
    name: Name,
    *,
    permission: Permissions,
    description: Annotated[str, Parameter(help="What it is for.")] = "",
    options: Options = DEFAULTS,
) -> None:
    """Create a role of a tenant; it means at most what you may do yourself."""
    wish = {"name": name, "description": description, "grants": permission}
    with Client(options) as client:
        client.post(client.path("roles"), wish)
    progress(f"role {name} is made")


@roles.command(name="delete")
def delete_role(name: Name, *, options: Options = DEFAULTS) -> None:
    """Delete a role, and every binding of it."""
    with Client(options) as client:
        client.ask("DELETE", client.path("roles", role(client, name)["id"]))
    progress(f"role {name} is deleted")


@bindings.command(name="list")
def list_bindings(
    *, namespace: Namespace = None, instance: OfInstance = False, options: Options = DEFAULTS
) -> None:
    """List who has which role in a tenant, or everywhere (--instance)."""
    with Client(options) as client:
        path = BINDINGS if instance else client.path("bindings", "search")
        query = {"size": MANY, **({} if instance else {"namespace": namespace})}
        found = client.get(path, query)["results"]
    rows = [
        (each["id"], each["role"]["name"], _subject(each), each.get("namespace"),
         moment(each.get("expiresAt")))
        for each in found
    ]  # fmt: skip
    heads = ("ID", "ROLE", "WHO", "NAMESPACE", "EXPIRES")
    show(found, options.output, names=[each["id"] for each in found], table=Table(heads, rows))


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Subject:
    """Who gets a role."""

    user: Annotated[str | None, Parameter(name="--user", help="A user.")] = None
    group: Annotated[str | None, Parameter(name="--group", help="A group.")] = None
    account: Annotated[
        str | None, Parameter(name="--service-account", help="A service account of the tenant.")
    ] = None
    of_instance: Annotated[
        bool,
        Parameter(name="--instance-group", negative=(), help="--group is one of the instance."),
    ] = False

    def found(self, client: Client, *, instance: bool) -> dict[str, Any]:
        """Return it, with its id.

        Raises:
            CommandError: when it is not there, or not one is named.
        """
        if sum(each is not None for each in (self.user, self.group, self.account)) != 1:
            raise CommandError("name one: --user, --group or --service-account", USAGE)
        if self.group is not None:
            return group(client, self.group, instance=self.of_instance or instance)
        if self.account is not None:
            return account(client, self.account)
        return _user(client, self.user or "", instance=instance)


@bindings.command(name="create")
def create_binding(
    name: Name,
    *,
    subject: Subject = Subject(),
    namespace: Namespace = None,
    instance: OfInstance = False,
    expires_in: Annotated[str | None, Parameter(help="ISO 8601, such as P30D.")] = None,
    options: Options = DEFAULTS,
) -> None:
    """Give a role to a user, a group or a service account."""
    with Client(options) as client:
        wish: dict[str, Any] = {
            "type": "USER" if subject.group is None else "GROUP",
            "externalId": subject.found(client, instance=instance)["id"],
            "roleId": role(client, name)["id"],
            "namespaceId": namespace,
            "expiresIn": expires_in,
        }
        path = client.path("bindings")
        if instance or subject.of_instance:
            path = BINDINGS
            wish["tenant"] = None if instance else client.tenant
        made = client.post(path, {key: value for key, value in wish.items() if value is not None})
    progress(f"{_subject(made)} is {name}; the binding is {made['id']}")


@bindings.command(name="delete")
def delete_binding(
    binding: Annotated[str, Parameter(help="The id of the binding.")],
    *,
    instance: OfInstance = False,
    options: Options = DEFAULTS,
) -> None:
    """Take a role away."""
    with Client(options) as client:
        path = (
            path_of("instance", "bindings", binding)
            if instance
            else client.path("bindings", binding)
        )
        client.ask("DELETE", path)
    progress(f"binding {binding} is deleted")


def _user(client: Client, name: str, *, instance: bool) -> dict[str, Any]:
    """Return a user: of the tenant, or, for who sees them, of the instance."""
    if not instance:
        try:
            return person(client, name)
        except CommandError:
            pass
    return user(client, name)


def _subject(binding: dict[str, Any]) -> str:
    if found := binding.get("group"):
        return f"group {found['name']}"
    return str((binding.get("user") or {}).get("username", ""))
