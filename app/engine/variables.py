"""What tasks change of their execution: its labels and its variables."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.engine.json import as_bytes, as_json
from app.engine.limits import refusal
from app.engine.live import Live
from app.engine.secrecy import masked
from app.executions import ROOT, Kind
from app.executions.merging import merged, without
from app.plugins.api import TaskFailed


async def add_labels(live: Live, labels: Mapping[str, str]) -> None:
    """Merge labels into those of the execution; secrets in them are masked, as everybody sees them.

    Raises:
        TaskFailed: for a system label, and when there would be too many.
    """
    for key in labels:
        if key.startswith("system."):
            message = f"System labels can only be set by Headwater itself, found label '{key}'."
            raise TaskFailed(message)
    shown = {key: masked(value, live.secrets) for key, value in labels.items()}
    wanted = {**dict(live.execution.labels), **shown}
    if problem := refusal(wanted):
        raise TaskFailed(problem)
    pairs = [list(pair) for pair in wanted.items()]
    await live.record(live.event(Kind.LABELLED, ROOT, labels=pairs))


async def set_variables(
    live: Live, variables: Mapping[str, Any], limit: int, *, overwrite: bool
) -> None:
    """Merge variables, at most `limit` bytes in all, into those that tasks set before.

    Raises:
        TaskFailed: when one is set already and may not be overwritten; when they are too large.
    """
    present = live.revealed(live.execution.vars)
    taken = [name for name in variables if name in present]
    if taken and not overwrite:
        message = f"variables are set already, and may not be overwritten: {', '.join(taken)}"
        raise TaskFailed(message)
    kept = as_json(merged(present, variables))
    if (size := len(as_bytes(kept))) > limit:
        message = f"the variables have {size} bytes, the limit is {limit}: pass large data as files"
        raise TaskFailed(message)
    await live.record(live.event(Kind.VARIABLES, ROOT, variables=kept))


async def unset_variables(live: Live, names: Sequence[str], *, strict: bool) -> None:
    """Take variables away that tasks set before; dots in names nest.

    Raises:
        TaskFailed: for one that is not there, when `strict`.
    """
    left, missing = live.execution.vars, []
    for name in names:
        reduced = without(left, name)
        if reduced is None:
            missing.append(name)
        else:
            left = reduced
    if missing and strict:
        message = f"no task of this execution has set the variables: {', '.join(missing)}"
        raise TaskFailed(message)
    await live.record(live.event(Kind.VARIABLES, ROOT, variables=left))
