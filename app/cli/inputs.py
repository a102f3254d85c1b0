"""Inputs that a flow does not have: they are ignored, as Kestra does, and told of."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.cli.client import Client
from app.cli.outcome import CommandError
from app.cli.printing import progress

Given = Sequence[tuple[str, str]]


def warn_of_unknown(given: Given, declared: Iterable[Mapping[str, Any]]) -> None:
    """Tell of the given inputs that are none of those that a flow declares."""
    known = [str(each["id"]) for each in declared]
    has = f"the flow has {', '.join(known)}" if known else "the flow has no inputs"
    for name in dict.fromkeys(name for name, _ in given):
        if name not in known:
            progress(f"warning: input {name} is ignored: {has}")


def warn_of_untaken(client: Client, execution: Mapping[str, Any], given: Given) -> None:
    """Tell of the given inputs that an execution has not taken, as its flow has none such.

    The flow is asked for in doubt only: inputs with dots in their names are nested in executions.
    """
    if all(name in (execution.get("inputs") or {}) for name, _ in given):
        return
    path = client.path("flows", execution["namespace"], execution["flowId"])
    try:
        flow = client.get(path, {"revision": execution["flowRevision"]})
    except CommandError:
        return  # who may run a flow is not always one who may read it
    warn_of_unknown(given, flow.get("inputs") or ())
