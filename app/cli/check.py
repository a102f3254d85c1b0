"""`headwater check`: validates flow files offline, by the code that a sync runs."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from app.cli.check_formats import FORMATS, Finding
from app.cli.outcome import FAILED, OK, USAGE, CommandError
from app.cli.printing import progress
from app.expressions import check as check_template
from app.expressions import is_known
from app.flows.parse import parse_flow
from app.flows.topology import Name, Ties, circle, ties_of
from app.flows.typenames import Types
from app.flows.usages import Analyser
from app.git.layout import Kind, Layout, Place
from app.plugins.registry import Registry

_LAYOUT = Layout()
_YAML = (".yaml", ".yml")
_SKIPPED = frozenset({"node_modules", "__pycache__"})


def check(
    *paths: Annotated[Path, Parameter(help="Files and folders; the working directory by default.")],
    format_: Annotated[
        Literal["text", "json", "github", "sarif"],
        Parameter(name="--format", help="`github` makes annotations of a workflow."),
    ] = "text",
) -> int:
    """Validate flow files; exit 1 when there is an error.

    In a repository of flows (`tenants/<tenant>/namespaces/<namespace>/flows/…`) the flows are
    checked, and whether they lie where they belong; elsewhere every YAML file is taken for a flow.
    """
    files = _files(paths or (Path(),))
    types = Registry.load()
    found = list(_checked(files, types))
    FORMATS[format_](found)
    errors = sum(each.is_error for each in found)
    progress(f"{len(files)} files, {errors} errors, {len(found) - errors} warnings")
    return FAILED if errors else OK


def _files(paths: Sequence[Path]) -> list[Path]:
    """Return the files to check, each once, in order.

    Raises:
        CommandError: when a path does not exist.
    """
    files: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            files.update(dict.fromkeys(_below(path)))
        elif path.exists():
            files[path] = None
        else:
            message = f"there is no {path}"
            raise CommandError(message, USAGE)
    return list(files)


def _below(folder: Path) -> list[Path]:
    """Return the flow files below a folder: by the layout where it holds, else all YAML."""
    documents = sorted(_documents(folder))
    ours = [each for each in documents if _concerns(_inside(each))]
    return ours or documents


def _documents(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = [each for each in folders if each[0] != "." and each not in _SKIPPED]
        yield from (Path(root, name) for name in names if name.endswith(_YAML))


def _inside(file: Path) -> str | None:
    """Return the path in its repository of a file below `tenants/`, None if it is not."""
    parts = file.absolute().parts
    starts = [
        at
        for at, part in enumerate(parts)
        if part == "tenants" and parts[at + 2 : at + 3] == ("namespaces",)
    ]
    return "/".join(parts[starts[-1] :]) if starts else None


def _concerns(inside: str | None) -> bool:
    if inside is None:
        return False
    place = _LAYOUT.place(inside)
    return (place is not None and place.kind is Kind.FLOW) or _LAYOUT.misplaced(inside) is not None


def _checked(files: Sequence[Path], types: Types) -> Iterator[Finding]:
    owners: dict[tuple[str, str, str], Path] = {}
    calls: dict[str, dict[Name, Ties]] = {}
    for file in files:
        inside = _inside(file)
        misplaced = _LAYOUT.misplaced(inside) if inside else None
        if misplaced is not None:
            message = f"a namespace is one folder, but {misplaced.folder} is nested"
            fix = f"git mv {misplaced.folder} {misplaced.fixed}"
            yield Finding(file, "NESTED_NAMESPACE_DIR", "error", message, fix)
            continue
        place = _LAYOUT.place(inside) if inside else None
        yield from _of_file(file, place, types, owners, calls)
    for tenant, flows in calls.items():
        for name in flows:
            if trail := circle(flows, name):
                shown = " → ".join(f"{each.namespace}.{each.id}" for each in trail)
                message = f"flows start each other in a circle: {shown}"
                file = owners[tenant, *name]
                fix = "see that one of them stops it"
                yield Finding(file, "SUBFLOW_CIRCLE", "warning", message, fix)


def _of_file(
    file: Path,
    place: Place | None,
    types: Types,
    owners: dict[tuple[str, str, str], Path],
    calls: dict[str, dict[Name, Ties]],
) -> Iterator[Finding]:
    try:
        source = file.read_bytes()
    except OSError as error:
        yield Finding(file, "UNREADABLE", "error", str(error.strerror))
        return
    tenant, namespace = (place.tenant, place.namespace) if place else ("main", None)
    parsed = parse_flow(
        source,
        types=types,
        tenant=tenant,
        namespace=namespace,
        path=str(file),
        check=Analyser(check_template, is_known),
    )
    for each in parsed.problems:
        place_of = (each.path, each.line, each.column)
        yield Finding(file, each.code, each.severity, each.message, each.fix, *place_of)
    if parsed.flow is None:
        return
    name = Name(parsed.flow.namespace, parsed.flow.id)
    calls.setdefault(tenant, {})[name] = ties_of(parsed.flow)
    owner = owners.setdefault((tenant, parsed.flow.namespace, parsed.flow.id), file)
    if owner != file:
        message = f"{parsed.flow.namespace}.{parsed.flow.id} is already defined in {owner}"
        yield Finding(file, "DUPLICATE_ID", "error", message, "give it another id", "id")
