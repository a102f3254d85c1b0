"""`headwater git …`: the repository that flows come from."""

from typing import Annotated, Any

from cyclopts import App, Parameter

from app.cli.addresses import path_of
from app.cli.changesets import changesets, revert
from app.cli.client import Client
from app.cli.deliveries import deliveries
from app.cli.gates import approve, reject
from app.cli.numbers import Limit
from app.cli.options import DEFAULTS, Options
from app.cli.outcome import FAILED, OK
from app.cli.printing import Table, moment, progress, show
from app.cli.pulls import pulls
from app.cli.sources import COMMANDS as SOURCE_VERBS

app = App(name="git", help="The repository that flows come from.")
app.command(revert)
app.command(changesets)
app.command(approve)
app.command(reject)
app.command(deliveries)
app.command(pulls)
for _name, _verb in SOURCE_VERBS.items():
    app.command(_verb, name=_name)

for _name, _target, _help in (
    ("pin", "pin_source", "Hold all flows of a source at what a commit says."),
    ("unpin", "unpin_source", "Let the flows of a source run again what Git says."),
    ("drift", "drift", "List all that differs from Git: pins, and what is set by hand."),
):
    app.command(f"app.cli.pins:{_target}", name=_name, help=_help)

SOURCE = "main"

Source = Annotated[str, Parameter(help="The id of the source.")]


@app.command
def status(*, source: Source = SOURCE, options: Options = DEFAULTS) -> int:
    """Show how the source stands and what is wrong in it; exit 1 unless it is ready."""
    with Client(options) as client:
        found = client.get(path_of("sources", source))
        standing = client.get(path_of("sources", source, "status"))
        findings = client.get(path_of("sources", source, "findings"))
    if options.output != "table":
        told = {**found, "standing": standing, "findings": findings}
        show(told, options.output, names=[source], table=Table((), ()))
    else:
        _print_status(found, findings, standing)
    ready = [each for each in found.get("conditions") or () if each["type"] == "Ready"]
    return OK if ready and ready[0]["status"] else FAILED


def _print_status(
    source: dict[str, Any], findings: list[dict[str, Any]], standing: dict[str, Any]
) -> None:
    facts = {
        "source": source["id"],
        "repository": source.get("url") or "its own",
        "branch": source["ref"],
        "applied": source.get("lastApplied"),
        "seen": source.get("lastSeen"),
        "synced": moment(source.get("lastSyncAt")),
        "behind": f"{standing['lagSeconds']:.0f} s" if standing["lagSeconds"] else "",
        "flows": f"{standing['total']} ({standing['sync']}, {standing['health']})",
    }
    Table.of(facts).print()
    rows = [
        (each["type"], "yes" if each["status"] else "no", each["reason"], each["message"])
        for each in source.get("conditions") or ()
    ]
    print()
    Table(("CONDITION", "", "REASON", "MESSAGE"), rows).print()
    if findings:
        print()
        places = [
            (_place(each), each["severity"], each["code"], _with_fix(each)) for each in findings
        ]
        Table(("WHERE", "", "CODE", "MESSAGE"), places).print()


def _with_fix(finding: dict[str, Any]) -> str:
    message, fix = str(finding["message"]), finding.get("fix")
    return f"{message} ({fix})" if fix else message


def _place(finding: dict[str, Any]) -> str:
    line, column = finding.get("line"), finding.get("column")
    return f"{finding['path']}:{line}:{column}" if line else str(finding["path"])


@app.command
def sync(
    *,
    source: Source = SOURCE,
    wait: Annotated[bool, Parameter(help="Until it is done.")] = True,
    dry_run: Annotated[bool, Parameter(help="Only tell what would be done.", negative=())] = False,
    options: Options = DEFAULTS,
) -> int:
    """Look for new commits now and activate them; exit 1 when that fails."""
    with Client(options) as client:
        run = client.post(path_of("sources", source, "sync"), {"wait": wait, "dryRun": dry_run})
    if run.get("accepted"):
        progress(run.get("message") or f"source {source} is synced now")
        return FAILED if wait else OK
    facts = {
        "outcome": run["outcome"],
        "reason": run.get("reason"),
        "from": run.get("oldCommit"),
        "to": run.get("newCommit"),
        "flows": ", ".join(f"{count} {what}" for what, count in (run.get("counts") or {}).items()),
    }
    for found in run.get("findings") or ():
        progress(f"{_place(found)}: {found['severity']}: {found['code']}: {found['message']}")
    names = [run.get("id") or source]
    show(run, options.output, names=names, table=Table.of(facts))
    return OK if run["outcome"] in ("NOOP", "SYNCED") else FAILED


@app.command
def commits(
    *,
    source: Source = SOURCE,
    flow: Annotated[str | None, Parameter(help="That changed this flow: NAMESPACE/ID.")] = None,
    path: Annotated[str | None, Parameter(help="That changed this path.")] = None,
    limit: Limit = 20,
    options: Options = DEFAULTS,
) -> None:
    """List commits, newest first."""
    query = {"flow": flow, "path": path, "limit": limit, "tenant": options.tenant}
    with Client(options) as client:
        found = client.get(path_of("sources", source, "commits"), query)
    rows = [
        (each["sha"][:8], each["authorName"], moment(each["authoredAt"]), each["subject"])
        for each in found
    ]
    names = [each["sha"] for each in found]
    show(
        found, options.output, names=names, table=Table(("COMMIT", "AUTHOR", "AT", "SUBJECT"), rows)
    )
