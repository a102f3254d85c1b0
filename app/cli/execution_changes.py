"""What `headwater execution` changes: restart, replay, labels, states, deletion; and `eval`."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from cyclopts import Parameter

from app.cli.client import Client
from app.cli.following import follow
from app.cli.inputs import warn_of_untaken
from app.cli.options import DEFAULTS, Inputs, Options, pairs
from app.cli.outcome import FAILED, NOT_FOUND, OK, USAGE, CommandError
from app.cli.printing import Table, clean, progress, show

Id = Annotated[str, Parameter(help="The execution; the beginning of its id is enough.")]
Revision = Annotated[
    str | None,
    Parameter(help="The revision to go on with: original, latest, its number, or a commit."),
]
AllowDeleted = Annotated[bool, Parameter(help="Also if the flow was deleted.", negative=())]
_SHORTEST_COMMIT = 7
"""Digits from which on a revision that is all digits is taken for a commit."""
Wait = Annotated[bool, Parameter(help="Follow the execution until it has ended.")]
TaskName = Annotated[
    str | None, Parameter(name=["--task", "--from"], help="A task, or the id of a task run.")
]


def restart(
    execution_id: Id,
    *,
    revision: Revision = None,
    allow_deleted: AllowDeleted = False,
    wait: Wait = True,
    options: Options = DEFAULTS,
) -> int:
    """Let an execution go on from what failed; with a revision, as a new execution."""
    with Client(options) as client:
        wanted = client.execution_id(execution_id)
        path = client.path("executions", wanted, "restart")
        query = {"revision": _choice(revision), "allowDeleted": _flag(allow_deleted)}
        execution = client.answered("POST", path, query=query)
        progress(f"execution {execution['id']} goes on at revision {execution['flowRevision']}")
        return _ended(client, execution, options, wait=wait)


def replay(
    execution_id: Id,
    *,
    task: TaskName = None,
    revision: Revision = None,
    inputs: Inputs = None,
    allow_deleted: AllowDeleted = False,
    wait: Wait = True,
    options: Options = DEFAULTS,
) -> int:
    """Run it again as a new execution: from the beginning, or from a task, with other inputs."""
    given = pairs(inputs, "--input")
    with Client(options) as client:
        wanted = client.execution_id(execution_id)
        run = None if task is None else _task_run(client, wanted, task)
        path = client.path("executions", wanted, "replay")
        query = {"taskRunId": run, "revision": _choice(revision)}
        query["allowDeleted"] = _flag(allow_deleted)
        execution = client.send_form(path, given, query)
        progress(f"execution {execution['id']} repeats {wanted}")
        warn_of_untaken(client, execution, given)
        return _ended(client, execution, options, wait=wait)


def _choice(revision: str | None) -> str | None:
    """Return a revision as the API takes it: a commit may be named as it is."""
    if revision is None or revision in ("original", "latest") or ":" in revision:
        return revision
    is_number = revision.isdigit() and len(revision) < _SHORTEST_COMMIT
    return revision if is_number else f"commit:{revision}"


def _task_run(client: Client, execution_id: str, name: str) -> str:
    """Return the id of the first run of a task, or of the task run that has this id.

    Raises:
        CommandError: when there is none.
    """
    runs = client.get(client.path("executions", execution_id))["taskRunList"]
    for run in runs:
        if name in (run["id"], run["taskId"]):
            return str(run["id"])
    known = ", ".join(dict.fromkeys(run["taskId"] for run in runs)) or "nothing"
    message = f"execution {execution_id} has no run of {name!r}; it ran {known}"
    raise CommandError(message, NOT_FOUND)


def _ended(client: Client, execution: dict[str, Any], options: Options, *, wait: bool) -> int:
    if wait:
        execution = follow(client, execution["id"])
    state = execution["state"]["current"]
    facts = {"execution": execution["id"], "state": state, "error": execution.get("error")}
    show(execution, options.output, names=[execution["id"]], table=Table.of(facts))
    return OK if not wait or state in ("SUCCESS", "WARNING") else FAILED


def labels(
    execution_id: Id,
    *given: Annotated[str, Parameter(help="`name=value`, several times.")],
    options: Options = DEFAULTS,
) -> None:
    """Set the labels of an execution; those of the system stay."""
    wanted = [{"key": key, "value": value} for key, value in pairs(list(given), "label")]
    with Client(options) as client:
        path = client.path("executions", client.execution_id(execution_id), "labels")
        execution = client.post(path, wanted)
    found = {each["key"]: each["value"] for each in execution["labels"]}
    show(execution["labels"], options.output, names=list(found), table=Table.of(found))


def delete(
    execution_id: Id,
    *,
    keep_logs: Annotated[bool, Parameter(help="Keep its logs.", negative=())] = False,
    keep_files: Annotated[bool, Parameter(help="Keep its files.", negative=())] = False,
    yes: Annotated[bool, Parameter(name=["--yes", "-y"], help="Do it.", negative=())] = False,
    options: Options = DEFAULTS,
) -> None:
    """Delete an execution that has ended, and what belongs to it."""
    with Client(options) as client:
        wanted = client.execution_id(execution_id)
        if not yes:
            message = f"execution {wanted} would be deleted for good; say --yes to do it"
            raise CommandError(message, USAGE)
        query = {"deleteLogs": _flag(not keep_logs), "deleteStorage": _flag(not keep_files)}
        client.ask("DELETE", client.path("executions", wanted), query=query)
    progress(f"execution {wanted} is deleted")


def evaluate(
    execution_id: Id,
    expression: Annotated[str, Parameter(help="Such as `{{ outputs.a.value }}`.")],
    *,
    task: TaskName = None,
    options: Options = DEFAULTS,
) -> int:
    """Print what an expression becomes in an execution, or where a task of it ran."""
    with Client(options) as client:
        wanted = client.execution_id(execution_id)
        parts = [] if task is None else [_task_run(client, wanted, task)]
        path = client.path("executions", wanted, "eval", *parts)
        found = client.answered("POST", path, content=expression.encode())
    if options.output == "table":
        if "error" not in found:
            print(clean(found["result"]))
        else:
            progress(found["error"])
    else:
        show(found, options.output, names=[found.get("result", "")], table=Table((), ()))
    return FAILED if "error" in found else OK


def state(
    execution_id: Id,
    wanted_state: Annotated[str, Parameter(name="STATE", help="Such as SUCCESS.")],
    *,
    task: TaskName = None,
    options: Options = DEFAULTS,
) -> None:
    """Say in which state an ended execution, or a task of it, has ended."""
    with Client(options) as client:
        wanted = client.execution_id(execution_id)
        if task is None:
            path = client.path("executions", wanted, "change-status")
            client.ask("POST", path, query={"status": wanted_state})
        else:
            body = {"taskRunId": _task_run(client, wanted, task), "state": wanted_state}
            client.post(client.path("executions", wanted, "state"), body)
    progress(f"{task or 'execution'} of {wanted} is {wanted_state}")


def _flag(value: bool) -> str:
    return str(value).lower()


COMMANDS: Mapping[str, Callable[..., Any]] = {
    "restart": restart,
    "replay": replay,
    "labels": labels,
    "state": state,
    "delete": delete,
    "eval": evaluate,
}
"""The commands by name."""
