"""Flow files in a repository of flows: checked as one tree, told of the files that are meant."""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from app.cli.check_formats import Finding
from app.cli.outcome import USAGE, CommandError
from app.cli.repositories import (
    Shape,
    commit_view,
    folder_view,
    new_memory,
    refuse_missing_root,
    repository,
)
from app.git.layout import Kind, Layout
from app.sync.access_file import NAME as ACCESS
from app.sync.access_file import read_access
from app.sync.findings import Found
from app.sync.planning.files import FolderFiles, Without
from app.sync.planning.memory import Memory
from app.sync.planning.plan import ChangePlan, make_change_plan
from app.sync.planning.tree import TreeView

_DEEPEST = 6
"""How far below a folder a repository of flows is looked for."""


class Wanted(NamedTuple):
    """A path that was asked about."""

    path: Path

    def holds(self, file: Path) -> bool:
        """Whether an absolute path is this one or lies below it."""
        return file.is_relative_to(self.path.absolute())

    def shown(self, file: Path) -> Path:
        """Return an absolute path as it is reached from what was asked."""
        return self.path / file.relative_to(self.path.absolute())


def tops_below(wanted: Wanted, shape: Shape) -> list[Path]:
    """Return the folders of repositories that a path belongs to, or that lie below it."""
    place = wanted.path.absolute()
    if shape.layout == "kestra":
        return [place] if place.is_dir() else []
    parts = place.parts
    starts = [at for at, part in enumerate(parts) if part == "tenants" and at + 1 < len(parts)]
    for at in reversed(starts):
        top = Path(*parts[:at])
        if _is_top(top) and (place.is_dir() or _concerns(place.relative_to(top))):
            return [_without_root(top, shape)]
    return [_without_root(each, shape) for each in _tops(place)] if place.is_dir() else []


def refuse_root_nowhere(wanted: Sequence[Wanted], shape: Shape) -> None:
    """Refuse a root that is a folder neither in, around nor right below what was asked about.

    Raises:
        CommandError: naming the root.
    """
    root = shape.root.strip("/")
    around = (place for each in wanted for place in _places(each.path.absolute()))
    if root and not any((place / root).is_dir() for place in around):
        raise CommandError(f"--root: there is no folder {root} around what is checked", USAGE)


def _places(path: Path) -> list[Path]:
    below = [each for each in path.iterdir() if each.is_dir()] if path.is_dir() else []
    return [path, *path.parents, *below]


def _is_top(folder: Path) -> bool:
    """Whether a folder holds `tenants/<tenant>/namespaces`."""
    return any((folder / "tenants").glob("*/namespaces"))


def _concerns(inside: Path) -> bool:
    layout, path = Layout(), inside.as_posix()
    return layout.place(path) is not None or layout.misplaced(path) is not None


def _tops(folder: Path) -> list[Path]:
    found = []
    for root, folders, _ in os.walk(folder):
        here = Path(root)
        if "tenants" in folders and _is_top(here):
            found.append(here)
            folders.clear()
        deep = len(here.relative_to(folder).parts) >= _DEEPEST
        folders[:] = [] if deep else sorted(each for each in folders if each[0] != ".")
    return found


def _without_root(top: Path, shape: Shape) -> Path:
    """Return the folder of the repository, where the flows lie below a root of it."""
    root = shape.root.strip("/")
    if root and top.as_posix().endswith(f"/{root}"):
        return Path(top.as_posix().removesuffix(f"/{root}"))
    return top


def of_tree(
    top: Path, wanted: Sequence[Wanted], layout: Layout, memory: Memory
) -> tuple[int, list[Finding]]:
    """Check the wanted files of the repository in `top`; return how many, and what was found."""

    def is_meant(path: str) -> bool:
        return any(each.holds(top / path) for each in wanted)

    inside = layout if _lies_below(top, layout) else Layout(layout.style, "", layout.tenant)
    files = FolderFiles(top, root=inside.root)
    head = TreeView(files, inside, memory)
    base = None
    if not all(map(is_meant, head.entries)):
        base = TreeView(Without(files, is_meant), inside, memory)
    plan = make_change_plan(base, head)
    checked = [each.place.path for each in head.survey.of(Kind.FLOW) if is_meant(each.place.path)]
    found = told(plan, lambda path: _shown(top / path, wanted))
    return len(checked), [*found, *_of_access(top, inside, wanted)]


def _lies_below(top: Path, layout: Layout) -> bool:
    return bool(layout.root) and (top / layout.root).is_dir()


def against_commit(
    wanted: Sequence[Wanted], commit: str, layout: Layout
) -> tuple[int, list[Finding]]:
    """Check what the working folder changes against a commit, in the wanted files."""
    memory = new_memory()
    folder = wanted[0].path.absolute()
    with repository(folder if folder.is_dir() else folder.parent) as clone:
        old = clone.resolve(commit)
        refuse_missing_root(clone, layout, old)
        base = commit_view(clone, old, layout, memory)
        head = folder_view(clone, layout, memory)
        plan = make_change_plan(base, head)
        top = clone.top or folder
    outside = [each for each in wanted if not each.path.absolute().is_relative_to(top)]
    if outside:
        message = f"{outside[0].path} is not in the repository {top}"
        raise CommandError(message, USAGE)
    changed = sum(flow.kind != "removed" for flow in plan.flows)
    found = told(plan, lambda path: _shown(top / path, wanted))
    return changed, [*found, *_of_access(top, layout, wanted)]


def told(plan: ChangePlan, shown: Callable[[str], Path | None]) -> list[Finding]:
    """Return the findings of a plan in the files that are meant, as they are printed."""
    found = ((shown(each.path), each) for each in plan.findings)
    return [_finding(path, each) for path, each in found if path is not None]


def _shown(file: Path, wanted: Iterable[Wanted]) -> Path | None:
    return next((each.shown(file) for each in wanted if each.holds(file)), None)


def _of_access(top: Path, layout: Layout, wanted: Sequence[Wanted]) -> list[Finding]:
    """Return what is wrong in `access.yaml`: a warning, for it counts in one source only."""
    file = top / layout.below(ACCESS)
    shown = _shown(file, wanted)
    if shown is None or layout.style == "kestra" or not file.is_file():
        return []
    fix = "it counts in the source that `access.source` names"
    found = read_access(file.read_bytes()).found
    return [_finding(shown, each._replace(severity="warning", fix=fix)) for each in found]


def _finding(path: Path, found: Found) -> Finding:
    place = (found.pointer, found.line, found.column)
    return Finding(path, found.code, found.severity, found.message, found.fix, *place)
