"""`headwater flow …`."""

from typing import Annotated, Any

from cyclopts import App, Parameter

from app.cli.changesets import restore
from app.cli.client import Client
from app.cli.flow_files import COMMANDS
from app.cli.following import follow
from app.cli.inputs import warn_of_untaken
from app.cli.numbers import Limit, Revision
from app.cli.options import DEFAULTS, Inputs, Namespace, Options, pairs
from app.cli.outcome import FAILED, OK
from app.cli.printing import Table, data, moment, progress, show
from app.cli.redaction import redact

app = App(name="flow", help="List, read, run, pin and roll back flows.")
app.command(restore)
for _name, _command in COMMANDS.items():
    app.command(_command, name=_name)
app.command(redact)
for _name, _help in (
    ("blame", "Show by which commit each part of a flow says what it says."),
    ("why", "Tell which commit broke a flow, as its executions say."),
    ("bisect", "Find the commit that broke the tests of a flow, in few runs of them."),
):
    app.command(f"app.cli.tracing:{_name}", name=_name, help=_help)

for _name, _help in (
    ("history", "Tell the story of a flow: revisions, moves, how they went, who did what."),
    ("status", "Show how a flow stands: beside Git, and by its executions of the last day."),
    ("disable", "Let no execution of a flow start, whatever Git says; no commit is made."),
    ("enable", "Let executions of a flow start again, also where its source disables it."),
    ("limit", "Let so many executions of a flow run at once, whatever its source says."),
):
    app.command(f"app.cli.flow_story:{_name}", name=_name, help=_help)
for _name, _help in (
    ("rollback", "Let new executions run an earlier revision, at once; Git follows."),
    ("pin", "Hold a flow at a revision, whatever Git says."),
    ("unpin", "Let a flow run again what Git says."),
):
    app.command(f"app.cli.pins:{_name}", name=_name, help=_help)

Name = Annotated[str, Parameter(help="The flow: NAMESPACE ID, or NAMESPACE.ID.")]
Commit = Annotated[str | None, Parameter(help="A commit, or how its id begins.")]


@app.command(name="list")
def list_(
    *,
    namespace: Namespace = None,
    q: Annotated[str | None, Parameter(help="Part of an id or a namespace.")] = None,
    limit: Limit = 1000,
    options: Options = DEFAULTS,
) -> None:
    """List flows, with the commit that each runs."""
    with Client(options) as client:
        query = {"namespace": namespace, "q": q, "size": limit}
        found = client.get(client.path("flows", "search"), query)["results"]
    rows = [
        (
            each["namespace"],
            each["id"],
            each["revision"],
            "pinned" if each.get("pinned") else "",
            each["commit"][:8],
            each["author"],
            moment(each["updated"]),
            each["subject"],
        )
        for each in found
    ]
    headings = ("NAMESPACE", "ID", "REVISION", "PIN", "COMMIT", "AUTHOR", "UPDATED", "SUBJECT")
    show(found, options.output, names=_names(found), table=Table(headings, rows))


def _names(flows: list[dict[str, Any]]) -> list[str]:
    return [f"{each['namespace']}.{each['id']}" for each in flows]


@app.command
def get(
    *name: Name,
    revision: Revision = None,
    commit: Commit = None,
    source: Annotated[bool, Parameter(help="Print the YAML, byte for byte.", negative=())] = False,
    options: Options = DEFAULTS,
) -> None:
    """Show a flow as it runs now, or as it was."""
    query = {"revision": revision, "commit": commit}
    with Client(options) as client:
        namespace, flow_id = client.flow(name)
        if source:
            path = client.path("flows", namespace, flow_id, "source")
            data(client.text(path, query), end="")
            return
        flow = client.get(client.path("flows", namespace, flow_id), query)
    table = Table.of(
        {
            "flow": f"{namespace}.{flow_id}",
            "description": flow.get("description"),
            "revision": f"{flow['revision']}{' (pinned)' if flow.get('pinned') else ''}",
            "commit": flow["commit"],
            "author": flow["author"],
            "subject": flow["subject"],
            "updated": moment(flow["updated"]),
            "path": flow["path"],
            "inputs": ", ".join(each["id"] for each in flow.get("inputs") or ()),
            "tasks": ", ".join(each["id"] for each in flow.get("tasks") or ()),
            "triggers": ", ".join(each["id"] for each in flow.get("triggers") or ()),
            "disabled": "yes" if flow["disabled"] else "",
        }
    )
    show(flow, options.output, names=[f"{namespace}.{flow_id}"], table=table)


@app.command
def run(
    *name: Name,
    inputs: Inputs = None,
    label: Annotated[list[str] | None, Parameter(help="`name=value`.", negative=())] = None,
    revision: Revision = None,
    commit: Commit = None,
    wait: Annotated[bool, Parameter(help="Follow the execution until it has ended.")] = True,
    options: Options = DEFAULTS,
) -> int:
    """Run a flow; exit 1 unless it ends in SUCCESS or WARNING."""
    labels = [f"{key}:{value}" for key, value in pairs(label, "--label")]
    query = {"labels": labels or None, "revision": revision, "commit": commit}
    given = pairs(inputs, "--input")
    with Client(options) as client:
        namespace, flow_id = client.flow(name)
        path = client.path("executions", namespace, flow_id)
        execution = client.send_form(path, given, query)
        progress(f"execution {execution['id']} of {namespace}.{flow_id}, {_made_by(execution)}")
        warn_of_untaken(client, execution, given)
        if wait:
            execution = follow(client, execution["id"])
    state = execution["state"]["current"]
    table = Table.of(
        {"execution": execution["id"], "state": state, "error": execution.get("error")}
    )
    show(execution, options.output, names=[execution["id"]], table=table)
    return OK if not wait or state in ("SUCCESS", "WARNING") else FAILED


def _made_by(execution: dict[str, Any]) -> str:
    commit, author, subject = (execution[key] for key in ("commit", "author", "subject"))
    return f"revision {execution['flowRevision']} ({commit[:8]} by {author}: {subject})"


@app.command
def diff(
    *name: Name,
    old: Annotated[str | None, Parameter(name="--from", help="Revision or commit.")] = None,
    new: Annotated[str | None, Parameter(name="--to", help="Revision or commit.")] = None,
    options: Options = DEFAULTS,
) -> None:
    """Show what changed between two revisions: by default the newest and the one before."""
    with Client(options) as client:
        namespace, flow_id = client.flow(name)
        if old is None or new is None:
            path = client.path("flows", namespace, flow_id, "revisions")
            numbers = [str(each["revision"]) for each in client.get(path)]
            new = new or numbers[-1]
            old = old or (numbers[-2] if len(numbers) > 1 else numbers[-1])
        path = client.path("flows", namespace, flow_id, "diff")
        data(client.text(path, {"from": old, "to": new}), end="")
