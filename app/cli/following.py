"""Following an execution on the terminal: one line for each task run that ends."""

from typing import Any

from app.cli.client import Client
from app.cli.outcome import FAILED, CommandError
from app.cli.printing import progress, seconds

ENDED = frozenset({"SUCCESS", "WARNING", "FAILED", "KILLED", "CANCELLED", "SKIPPED", "RETRIED"})
_RECONNECTS = 10


def follow(client: Client, execution_id: str) -> dict[str, Any]:
    """Print each task run when it has ended; return the execution when it has.

    Raises:
        CommandError: when the connection is lost for good.
    """
    shown: set[str] = set()
    path = client.path("executions", execution_id, "follow")
    for _ in range(_RECONNECTS):
        for name, execution in client.events(path):
            _show_ended(execution, shown)
            if name == "end":
                found: dict[str, Any] = execution
                return found
    message = f"the connection was lost; `headwater execution watch {execution_id}` goes on"
    raise CommandError(message, FAILED)


def _show_ended(execution: dict[str, Any], shown: set[str]) -> None:
    for run in execution.get("taskRunList") or ():
        if run["id"] not in shown and run["state"]["current"] in ENDED:
            shown.add(run["id"])
            progress(step(run))


def step(run: dict[str, Any]) -> str:
    """Return a line about a task run: its state, name, time, HTTP code and what went wrong."""
    state = run["state"]
    value = f"[{run['value']}]" if run.get("value") is not None else ""
    code = (run.get("outputs") or {}).get("code", "")
    name = f"{run['taskId']}{value}"
    line = f"  {state['current']:<8} {name:<24} {seconds(state['duration']):>12}  {code}"
    return f"{line} {run.get('error') or ''}".rstrip()
