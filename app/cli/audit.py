"""`headwater audit`: who did what to what, and why."""

from typing import Annotated

from cyclopts import Parameter

from app.cli.client import Client
from app.cli.options import DEFAULTS, Options
from app.cli.printing import Table, moment, show


def audit(
    *,
    target: Annotated[str | None, Parameter(help="Such as flow/shop.orders.")] = None,
    action: Annotated[
        str | None, Parameter(help="Such as flow.pin; flow. for all about flows.")
    ] = None,
    actor: Annotated[str | None, Parameter(help="Who did it.")] = None,
    since: Annotated[str | None, Parameter(help="From this time on (RFC 3339).")] = None,
    limit: Annotated[int, Parameter(help="At most so many.")] = 50,
    options: Options = DEFAULTS,
) -> None:
    """List what was done in a tenant, newest first."""
    query = {"target": target, "action": action, "actor": actor, "since": since, "limit": limit}
    with Client(options) as client:
        found = client.get(client.path("audit"), query)
    rows = [
        (moment(each["at"]), each["actor"], each["action"], each["target"], each["reason"])
        for each in found
    ]
    names = [each["id"] for each in found]
    table = Table(("AT", "BY", "WHAT", "TO", "REASON"), rows)
    show(found, options.output, names=names, table=table)
