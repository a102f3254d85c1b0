"""`headwater git deliveries`: what forges sent, what became of it, and once more."""

from typing import Annotated, Literal

from cyclopts import App, Parameter

from app.cli.addresses import path_of
from app.cli.client import Client
from app.cli.numbers import Limit
from app.cli.options import DEFAULTS, Options
from app.cli.outcome import FAILED, OK
from app.cli.printing import Table, moment, show

deliveries = App(name="deliveries", help="Webhook deliveries of Git forges.")

_PATH = "/api/v1/hooks/deliveries"
State = Literal["received", "queued", "done", "ignored", "failed"]


@deliveries.default
def listed(
    *,
    source: Annotated[str | None, Parameter(help="Of this source.")] = None,
    state: Annotated[State | None, Parameter(help="That stand so.")] = None,
    limit: Limit = 20,
    options: Options = DEFAULTS,
) -> None:
    """List deliveries, newest first."""
    with Client(options) as client:
        found = client.get(_PATH, {"source": source, "state": state, "limit": limit})
    rows = [
        (
            each["deliveryId"],
            each["sourceId"],
            each["provider"],
            " ".join(filter(None, [each["event"], each.get("action")])),
            each["state"],
            moment(each["receivedAt"]),
            each.get("error"),
        )
        for each in found
    ]
    head = ("DELIVERY", "SOURCE", "FORGE", "EVENT", "STATE", "AT", "ERROR")
    names = [each["deliveryId"] for each in found]
    show(found, options.output, names=names, table=Table(head, rows))


@deliveries.command
def replay(
    delivery: Annotated[str, Parameter(help="The id of the delivery.")],
    *,
    reason: Annotated[str, Parameter(help="Why, for those who come after.")] = "",
    options: Options = DEFAULTS,
) -> int:
    """Act on a delivery once more, as if the forge had just sent it."""
    with Client(options) as client:
        again = client.post(path_of("hooks", "deliveries", delivery, "replay"), {"reason": reason})
    facts = {"delivery": again["deliveryId"], "event": again["event"], "state": again["state"]}
    show(again, options.output, names=[again["deliveryId"]], table=Table.of(facts))
    return FAILED if again["state"] == "failed" else OK
