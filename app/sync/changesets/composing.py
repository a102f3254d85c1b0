"""Changes of namespaces as the edits of one commit: flows, files, tests, variables, secrets."""

from collections.abc import Sequence
from dataclasses import replace

from app.errors import Invalid
from app.flows.problems import Problem
from app.flows.secret_files import read_secret_file
from app.flows.yaml import YamlError, load
from app.git.history import EXECUTABLE
from app.sync.changesets.model import Change
from app.sync.model import Actor, FlowWrite
from app.sync.origin import Origin
from app.sync.publishing import Edits
from app.sync.worker import SourceWorker

KINDS = ("flow", "file", "test", "variables", "secrets")
"""What may be written into a namespace."""

_FIXED = {"variables": "variables.yaml", "secrets": "secrets.sops.yaml"}
_YAML = (".yaml", ".yml")


async def composed(
    worker: SourceWorker, tenant: str, changes: Sequence[Change], message: str, actor: Actor
) -> Edits:
    """Return changes of namespaces of one source as the edits of one commit.

    Raises:
        Invalid: with `problems`, for a flow that is not valid, a path that is none, secrets in
            plain text. NotFound, Gone: for a deletion of what is not there. TooLarge.
    """
    origin = await worker.publisher.opened()
    flows = await worker.writes.prepared(
        tenant, [_flow(each) for each in changes if each.kind == "flow"]
    )
    edits = worker.writes.edits_of(flows, message, actor)
    files = dict(edits.changes)
    for each in changes:
        if each.kind != "flow":
            files |= _file(worker, origin, tenant, each)
    modes = {
        origin.layout.file_path(tenant, each.namespace, each.name): EXECUTABLE
        for each in changes
        if each.executable
    }
    places = {(tenant, each.namespace) for each in changes}
    return Edits(files, places | set(edits.places), message, actor, edits.check, modes)


def path_of(origin: Origin, tenant: str, change: Change) -> str:
    """Return where a change that is no flow lies; raises `Invalid` for a kind that there is not."""
    folder = origin.layout.namespace_folder(tenant, change.namespace)
    if change.kind == "file":
        return origin.layout.file_path(tenant, change.namespace, change.name)
    if origin.layout.style != "native":
        message = f"{change.kind}: a repository laid out as Kestra's holds flows and files only"
        raise Invalid(message)
    if change.kind == "test":
        return f"{folder}/tests/{change.name}"
    if change.kind in _FIXED:
        return f"{folder}/{_FIXED[change.kind]}"
    message = f"kind: {change.kind!r} cannot be written; there are {', '.join(KINDS)}"
    raise Invalid(message)


async def checked_change(worker: SourceWorker, tenant: str, change: Change) -> None:
    """Refuse what can never be written, whatever its text says.

    Raises:
        Invalid: for a kind, namespace or path that is none, or what is not text.
    """
    if change.data is not None:
        _text(change)
    origin = await worker.publisher.opened()
    if change.kind != "flow":
        path_of(origin, tenant, change)
    name = change.name if change.kind in ("flow", "file", "test") else _FIXED[change.kind]
    worker.files.checked(origin, tenant, change.namespace, {name: change.data})


def _flow(change: Change) -> FlowWrite:
    if change.data is None:
        return FlowWrite(change.namespace, change.name, None)
    return FlowWrite(change.namespace, change.name, _text(change))


def _file(
    worker: SourceWorker, origin: Origin, tenant: str, change: Change
) -> dict[str, bytes | None]:
    """Return the path and bytes of a change that is no flow."""
    path = path_of(origin, tenant, change)
    name = change.name if change.kind in ("file", "test") else _FIXED[change.kind]
    checked = worker.files.checked(origin, tenant, change.namespace, {name: change.data})
    if change.data is not None and change.kind != "file":
        _check(change, path)
    return {path: next(iter(checked.values()))}


def _check(change: Change, path: str) -> None:
    """Refuse documents that cannot be read, and secrets that anybody could.

    Raises:
        Invalid: with `problems`.
    """
    if not path.endswith(_YAML):
        raise Invalid(f"{path}: a name that ends with .yaml is needed")
    problems = problems_of_change(change)
    if problems:
        message = "; ".join(f"{path}: {each.message}" for each in problems[:5])
        raise Invalid(message, problems=[replace(each, path=path) for each in problems])


def problems_of_change(change: Change) -> list[Problem]:
    """Return what is wrong with a document that is no flow: those have judges of their own."""
    if change.kind == "file":
        return []
    if change.kind == "secrets":
        return list(read_secret_file(change.data or b"").problems)
    try:
        value = load(_text(change)).value
    except YamlError as error:
        return [Problem(error.problem, "error", "", error.line, error.column, error.message)]
    if isinstance(value, dict | None):
        return []
    return [Problem("SCHEMA", "error", "", 1, 1, "The file is not a map")]


def _text(change: Change) -> str:
    try:
        return (change.data or b"").decode("utf-8")
    except UnicodeDecodeError:
        message = f"{change.kind} {change.name} of {change.namespace} is not UTF-8"
        raise Invalid(message) from None
