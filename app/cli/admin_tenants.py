"""`headwater admin tenant`: tenants, which are folders of a repository."""

from typing import Annotated, Any

from cyclopts import App, Parameter

from app.cli.client import Client
from app.cli.options import DEFAULTS, Options
from app.cli.printing import Table, progress, show

app = App(name="tenant", help="Tenants: folders of a repository.")

TENANTS = "/api/v1/tenants"
_MANY = 1_000
Name = Annotated[str, Parameter(help="The tenant: small letters, digits, - and _.")]


@app.command(name="list")
def list_(*, options: Options = DEFAULTS) -> None:
    """List the tenants that you have any right in."""
    with Client(options) as client:
        found = client.get(f"{TENANTS}/search", {"size": _MANY})["results"]
    rows = [_row(each) for each in found]
    head = ("TENANT", "NAME", "EXECUTIONS", "MOST", "WEIGHT", "SOURCE")
    show(found, options.output, names=[each["id"] for each in found], table=Table(head, rows))


@app.command
def create(
    name: Name,
    *,
    title: Annotated[str, Parameter(help="The name that people see.")] = "",
    description: Annotated[str, Parameter(help="What it is for.")] = "",
    options: Options = DEFAULTS,
) -> None:
    """Create a tenant: a commit, or a pull request, of its `tenant.yaml`."""
    body = {"id": name, "name": title, "description": description}
    with Client(options) as client:
        client.post(TENANTS, {key: value for key, value in body.items() if value})
    progress(f"tenant {name} is made")


def _row(tenant: dict[str, Any]) -> tuple[Any, ...]:
    limits = tenant["limits"]
    return (
        tenant["id"],
        tenant["name"],
        limits["executionsInMotion"],
        limits["executions"],
        limits["weight"],
        tenant["sourceId"],
    )
