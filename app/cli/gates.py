"""`headwater git approve` and `git reject`: the word on a commit that is held."""

from typing import Annotated, Any

from cyclopts import Parameter

from app.cli.addresses import path_of
from app.cli.client import Client
from app.cli.options import DEFAULTS, Options
from app.cli.outcome import FAILED, OK
from app.cli.printing import Table, show

Run = Annotated[str, Parameter(help="The id of the sync that holds it.")]
Reason = Annotated[str, Parameter(help="Why, for those who come after.")]


def approve(run: Run, *, reason: Reason = "", options: Options = DEFAULTS) -> int:
    """Let the commit that a sync holds become active; exit 1 when it does not."""
    with Client(options) as client:
        after = client.post(path_of("sync-runs", run, "approve"), {"reason": reason})
    _show(after, options)
    return OK if after["outcome"] in ("NOOP", "SYNCED", "PARTIAL") else FAILED


def reject(run: Run, *, reason: Reason = "", options: Options = DEFAULTS) -> None:
    """Never let the commit that a sync holds become active: a newer one may."""
    with Client(options) as client:
        decided = client.post(path_of("sync-runs", run, "reject"), {"reason": reason})
    _show(decided, options)


def _show(run: dict[str, Any], options: Options) -> None:
    facts = {
        "outcome": run.get("outcome"),
        "reason": run.get("reason"),
        "commit": run.get("newCommit"),
        "held for": run.get("hold"),
        "decision": run.get("decision"),
    }
    show(run, options.output, names=[run["id"]], table=Table.of(facts))
