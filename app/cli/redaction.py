"""`headwater flow redact`: removes what leaked with a revision."""

from typing import Annotated

from cyclopts import Parameter

from app.cli.client import Client
from app.cli.numbers import MOST, whole
from app.cli.options import DEFAULTS, Options
from app.cli.outcome import USAGE, CommandError
from app.cli.printing import Table, progress, show


def redact(
    *name: Annotated[str, Parameter(help="The flow: NAMESPACE ID, or NAMESPACE.ID.")],
    revision: Annotated[
        int, Parameter(help="The number of the revision.", converter=whole(1, MOST))
    ],
    reason: Annotated[str, Parameter(help="Why, for those who come after.")] = "",
    yes: Annotated[bool, Parameter(alias="-y", help="It cannot be undone.")] = False,
    options: Options = DEFAULTS,
) -> None:
    """Remove the bytes of a revision from the database and the copies of repositories."""
    if not yes:
        message = "redacting cannot be undone; say --yes"
        raise CommandError(message, USAGE)
    with Client(options) as client:
        namespace, flow_id = client.flow(name)
        place = client.path("flows", namespace, flow_id, "revisions", str(revision), "redact")
        done = client.post(place, {"reason": reason})
    for ref in done.get("heldBy") or ():
        progress(f"{ref} holds it still: rewrite it there, then redact once more")
    rows = [(each,) for each in done["revisions"]]
    show(done, options.output, names=done["revisions"], table=Table(("REDACTED",), rows))
