"""Starts an execution through the REST API and prints it as it goes, one line a step."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import httpx2

TENANT = "main"
FOLLOW_SECONDS = 120
ENDED = frozenset({"SUCCESS", "WARNING", "FAILED", "KILLED", "CANCELLED", "SKIPPED", "RETRIED"})

Json = Mapping[str, Any]


def follow(base: str, namespace: str, flow: str, inputs: Mapping[str, str]) -> bool:
    """Execute a flow, print each step when it ends; return whether all ended in SUCCESS."""
    api = f"{base}/api/v1/{TENANT}/executions"
    form = {name: (None, value) for name, value in inputs.items()}
    with httpx2.Client(timeout=FOLLOW_SECONDS) as client:
        created = client.post(f"{api}/{namespace}/{flow}", files=form)
        if created.is_error:
            print(f"the execution was refused: {created.status_code} {created.text}")
            return False
        execution = created.json()
        print(f"execution {execution['id']} of {namespace}/{flow}, {revision(execution)}")
        shown: set[str] = set()
        for state in _states(client, f"{api}/{execution['id']}"):
            _show_ended(state, shown)
            last = state["state"]
    print(f"{last['current']} after {milliseconds(last)}")
    return bool(last["current"] == "SUCCESS")


def revision(execution: Json) -> str:
    """Tell a revision as people know it: its number, and who made it with which commit."""
    number, commit = execution.get("flowRevision"), execution.get("commit")
    if not commit:
        return f"revision {number}"
    author, subject = execution.get("author"), execution.get("subject")
    return f"revision {number} ({str(commit)[:8]} by {author}: {subject})"


def _states(client: httpx2.Client, url: str) -> Iterator[Json]:
    """Yield the execution each time it moved, its final state last."""
    with client.stream("GET", f"{url}/follow") as events:
        if events.status_code == httpx2.codes.OK:
            for line in events.iter_lines():
                if line.startswith("data:") and '"state"' in line:
                    yield json.loads(line.removeprefix("data:"))
    answer = client.get(url)
    answer.raise_for_status()
    yield answer.json()


def _show_ended(execution: Json, shown: set[str]) -> None:
    for run in execution.get("taskRunList") or ():
        if run["id"] not in shown and run["state"]["current"] in ENDED:
            shown.add(run["id"])
            print(step(run))


def step(run: Json) -> str:
    """Tell one task run: its state, name, time, HTTP code and what went wrong."""
    code = (run.get("outputs") or {}).get("code", "")
    parts = f"  {run['state']['current']:<8} {run['taskId']:<22} {milliseconds(run['state']):>9}"
    return f"{parts}  {code} {run.get('error') or ''}".rstrip()


def milliseconds(state: Json) -> str:
    """Return the time from the first to the last moment of a state's history."""
    moments = [datetime.fromisoformat(moment["date"]) for moment in state["histories"]]
    return f"{(moments[-1] - moments[0]).total_seconds() * 1000:.0f} ms"
