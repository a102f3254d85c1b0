"""`headwater execution …` (also `exec`). Ids may be cut short as long as they are unique."""

from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from app.cli.client import Client
from app.cli.execution_changes import COMMANDS
from app.cli.following import follow
from app.cli.numbers import Limit
from app.cli.options import DEFAULTS, Inputs, Namespace, Options, pairs
from app.cli.outcome import FAILED, OK
from app.cli.printing import Table, clean, moment, progress, seconds, show

app = App(name="execution", help="List, follow, repeat and end executions.")
for _name, _command in COMMANDS.items():
    app.command(_command, name=_name)
app.command(
    "app.cli.tracing:of_execution",
    name=["bisect", "why"],
    help="Tell which commit made an execution fail.",
)

Id = Annotated[str, Parameter(help="The execution; the beginning of its id is enough.")]
Level = Annotated[
    Literal["TRACE", "DEBUG", "INFO", "WARN", "ERROR"], Parameter(help="The least level.")
]


@app.command(name="list")
def list_(
    *,
    namespace: Namespace = None,
    flow: Annotated[str | None, Parameter(help="The id of a flow.")] = None,
    state: Annotated[list[str] | None, Parameter(help="In this state.", negative=())] = None,
    limit: Limit = 20,
    options: Options = DEFAULTS,
) -> None:
    """List executions, newest first."""
    query = {"namespace": namespace, "flowId": flow, "state": state, "size": limit}
    with Client(options) as client:
        found = client.get(client.path("executions", "search"), query)["results"]
    rows = [
        (
            each["id"],
            each["state"]["current"],
            f"{each['namespace']}.{each['flowId']}",
            each["flowRevision"],
            each["commit"][:8],
            moment(each["state"]["startDate"]),
            seconds(each["state"]["duration"]),
        )
        for each in found
    ]
    headings = ("ID", "STATE", "FLOW", "REVISION", "COMMIT", "STARTED", "DURATION")
    names = [each["id"] for each in found]
    show(found, options.output, names=names, table=Table(headings, rows))


@app.command
def view(execution_id: Id, *, options: Options = DEFAULTS) -> None:
    """Show an execution and its task runs."""
    with Client(options) as client:
        wanted = client.execution_id(execution_id)
        execution = client.get(client.path("executions", wanted))
    if options.output != "table":
        show(execution, options.output, names=[wanted], table=Table((), ()))
        return
    _facts(execution).print()
    rows = [
        (
            run["taskId"],
            run.get("value"),
            run["state"]["current"],
            len(run.get("attempts") or ()) or None,
            seconds(run["state"]["duration"]),
            run.get("error"),
        )
        for run in execution["taskRunList"]
    ]
    print()
    Table(("TASK", "VALUE", "STATE", "ATTEMPTS", "DURATION", "ERROR"), rows).print()


def _facts(execution: dict[str, Any]) -> Table:
    state = execution["state"]
    made = f"{execution['commit'][:8]} by {execution['author']}: {execution['subject']}"
    return Table.of(
        {
            "execution": execution["id"],
            "flow": f"{execution['namespace']}.{execution['flowId']}",
            "revision": f"{execution['flowRevision']} ({made})",
            "state": state["current"],
            "started": moment(state["startDate"]),
            "duration": seconds(state["duration"]),
            "labels": ", ".join(f"{each['key']}={each['value']}" for each in execution["labels"]),
            "error": execution.get("error"),
        }
    )


@app.command
def logs(
    execution_id: Id,
    *,
    level: Level = "TRACE",
    task: Annotated[str | None, Parameter(help="Only of this task.")] = None,
    follow_on: Annotated[
        bool, Parameter(name=["--follow", "-f"], negative=(), help="Until the execution has ended.")
    ] = False,
    options: Options = DEFAULTS,
) -> None:
    """Print the log of an execution."""
    query: dict[str, Any] = {"minLevel": level}
    with Client(options) as client:
        wanted = client.execution_id(execution_id)
        if follow_on:
            for _, line in client.events(client.path("logs", wanted, "follow"), query):
                if task in (None, line["taskId"]):
                    _print_line(line)
            return
        found = client.get(client.path("logs", wanted), {**query, "taskId": task})
    if options.output == "table":
        for line in found:
            _print_line(line)
        return
    show(found, options.output, names=[each["message"] for each in found], table=Table((), ()))


def _print_line(line: dict[str, Any]) -> None:
    text = f"{line['timestamp'][:23]} {line['level']:<5} {line['taskId']}: {line['message']}"
    print(clean(text), flush=True)


@app.command
def watch(execution_id: Id, *, options: Options = DEFAULTS) -> int:
    """Follow an execution until it has ended; exit 1 unless in SUCCESS or WARNING."""
    with Client(options) as client:
        execution = follow(client, client.execution_id(execution_id))
    show(execution, options.output, names=[execution["id"]], table=_facts(execution))
    return OK if execution["state"]["current"] in ("SUCCESS", "WARNING") else FAILED


@app.command
def kill(
    execution_id: Id,
    *,
    cascade: Annotated[bool, Parameter(help="Kill what it started, too.")] = True,
    options: Options = DEFAULTS,
) -> None:
    """End an execution at once."""
    with Client(options) as client:
        wanted = client.execution_id(execution_id)
        query = {"isOnKillCascade": str(cascade).lower()}
        client.ask("DELETE", client.path("executions", wanted, "kill"), query=query)
    progress(f"execution {wanted} is killed")


@app.command
def pause(execution_id: Id, *, options: Options = DEFAULTS) -> None:
    """Pause an execution: what runs goes on, nothing new starts."""
    with Client(options) as client:
        wanted = client.execution_id(execution_id)
        client.post(client.path("executions", wanted, "pause"))
    progress(f"execution {wanted} is paused")


@app.command
def resume(execution_id: Id, *, inputs: Inputs = None, options: Options = DEFAULTS) -> None:
    """Resume a paused execution, with the inputs that its pause asks for."""
    with Client(options) as client:
        wanted = client.execution_id(execution_id)
        client.send_form(client.path("executions", wanted, "resume"), pairs(inputs, "--input"))
    progress(f"execution {wanted} is resumed")
