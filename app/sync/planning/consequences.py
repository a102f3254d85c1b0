"""Findings about flows and what they refer to: what is missing, goes round, or breaks."""

from collections.abc import Iterator, Sequence

from app.flows.interfaces import Break
from app.flows.problems import Severity
from app.flows.references import Call, place_of
from app.flows.suggestions import did_you_mean
from app.flows.topology import Name
from app.git.survey import shown
from app.sync.findings import Found
from app.sync.planning.tree import FlowFile


def missing(file: FlowFile, source: bytes, call: Call, known: Sequence[Name] = ()) -> Found:
    """Return the warning about a call of a flow that the tree does not have."""
    target = f"{call.target.namespace}.{call.target.id}"
    message = f"The task `{call.task}` starts the flow {target}, which is not there"
    near = [each.id for each in known if each.namespace == call.target.namespace]
    fix = did_you_mean(call.target.id, near) or "add the flow, or name another one"
    return _found(file, source, "SUBFLOW_MISSING", "warning", message, fix, (*call.path, "flowId"))


def circle(
    file: FlowFile, source: bytes, trail: Sequence[Name], call: Call | None, *, endless: bool
) -> Found:
    """Return what is wrong with flows that start each other: an error, if nothing ends it."""
    severity, message, fix = circular(trail, endless=endless)
    path = (*call.path, "flowId") if call else ()
    return _found(file, source, "CYCLE", severity, message, fix, path)


def circular(trail: Sequence[Name], *, endless: bool) -> tuple[Severity, str, str]:
    """Return severity, message and way out of a circle."""
    shown_trail = " → ".join(f"{each.namespace}.{each.id}" for each in trail)
    message = f"Flows start each other in a circle: {shown_trail}"
    if endless:
        return "error", message, "take one of the calls out"
    return "warning", message, "see that a condition ends it before the limit of depth does"


def unknown_secret(file: FlowFile, source: bytes, name: str, known: Sequence[str]) -> Found:
    """Return the warning about a secret that no namespace of the flow's chain has."""
    message = f"No secret `{name}` is in {file.place.namespace} or above it"
    fix = did_you_mean(name, known) or "add it to secrets.sops.yaml"
    found = _found(file, source, "SECRET_UNKNOWN", "warning", message, fix, ())
    line, column = _first(source, name)
    return found._replace(line=line, column=column) if line else found


def lacking(file: FlowFile, source: bytes, call: Call, names: Sequence[str]) -> Found:
    """Return the warning about a call that does not give what the flow needs."""
    listed = ", ".join(f"`{name}`" for name in names)
    target = f"{call.target.namespace}.{call.target.id}"
    message = f"The task `{call.task}` starts {target} without the input {listed}, which it needs"
    fix = f"give {listed}"
    return _found(file, source, "BREAKING_INPUT", "warning", message, fix, (*call.path, "inputs"))


def breaking(file: FlowFile, source: bytes, change: Break, callers: Sequence[Name]) -> Found:
    """Return the warning about a change of the interface; it stands at the flow that changes."""
    who = ", ".join(f"{each.namespace}.{each.id}" for each in callers[:5])
    more = f" and {len(callers) - 5} more" if len(callers) > 5 else ""
    message = f"{change.message}; {who}{more} may fail" if who else change.message
    fix = "give it a default" if change.what == "REQUIRED" else "see that nobody depends on it"
    part = "inputs" if change.side == "input" else "outputs"
    return _found(file, source, "BREAKING_INPUT", "warning", message, fix, (part,))


def renamed(file: FlowFile, source: bytes, old: FlowFile) -> Found:
    """Return the warning about a flow that looks renamed and does not say so."""
    _, namespace, flow_id = old.key
    message = (
        f"This looks like {namespace}.{flow_id} under another name: its history ends, and the state"
        " of its triggers and its key-value pairs stay behind"
    )
    fix = f"if it is, add the label system.renamedFrom: {namespace}/{flow_id}"
    return _found(file, source, "RENAMED_WITHOUT_LABEL", "warning", message, fix, ("id",))


def circles_of(trails: Sequence[Sequence[Name]]) -> Iterator[tuple[Name, Sequence[Name]]]:
    """Yield each flow of some circles with the circle, turned so that the flow comes first."""
    for trail in trails:
        ring = list(trail[:-1])
        for at, name in enumerate(ring):
            yield name, [*ring[at:], *ring[:at], name]


def _found(
    file: FlowFile,
    source: bytes,
    code: str,
    severity: str,
    message: str,
    fix: str,
    path: tuple[str | int, ...],
) -> Found:
    line, column = place_of(source, *path)
    return Found(
        (file.place.tenant, file.place.namespace),
        shown(file.path),
        code,
        severity,
        message,
        fix,
        line,
        column,
        flow_id=file.flow_id or "",
    )


def _first(source: bytes, name: str) -> tuple[int, int]:
    """Return where a text first stands between quotes."""
    for quote in ("'", '"'):
        at = source.find(f"{quote}{name}{quote}".encode())
        if at >= 0:
            line_start = source.rfind(b"\n", 0, at) + 1
            column = len(source[line_start:at].decode("utf-8", "replace")) + 1
            return source.count(b"\n", 0, at) + 1, column
    return 0, 0
