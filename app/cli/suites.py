"""Where `headwater test` finds tests, and the flows that they are about.

In a repository of flows (`tenants/<tenant>/namespaces/<namespace>/…`) everything has its place;
elsewhere, as in `<namespace>/{flows,tests,files}`, YAML files are told apart by what they say.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from app.cli.outcome import USAGE, CommandError
from app.flows.keyvalues import lineage
from app.flows.typenames import Types
from app.flows.variable_files import inherited, variables_of
from app.flows.yaml import YamlError, decode, load
from app.git.layout import Kind, Layout
from app.ports import FlowTree, SuiteSource
from app.sync.planning.files import FolderFiles
from app.sync.planning.memory import Memory
from app.sync.planning.tree import TreeView
from app.sync.review.testing import MergedFlows

_CASES = re.compile(rb"^testCases\s*:", re.MULTILINE)
_TASKS = re.compile(rb"^tasks\s*:", re.MULTILINE)
_YAML = (".yaml", ".yml")
_FOLDERS = ("tests", "flows", "files")


class Batch(NamedTuple):
    """Tests, and the tree that their flows are in."""

    suites: Sequence[SuiteSource]
    tree: FlowTree


def batches(paths: Sequence[Path], types: Types) -> list[Batch]:
    """Return the tests at and below the paths (by default the working directory).

    Raises:
        CommandError: when a path does not exist, or there are no tests.
    """
    by_root: dict[Path, list[Path]] = {}
    for path in paths or (Path(),):
        if not path.exists():
            message = f"there is no {path}"
            raise CommandError(message, USAGE)
        by_root.setdefault(_root(path.resolve()), []).append(path.resolve())
    found = [_batch(root, wanted, types) for root, wanted in by_root.items()]
    if not any(batch.suites for batch in found):
        shown = ", ".join(map(str, paths)) or "this folder"
        message = f"there are no tests (YAML files with testCases) in {shown}"
        raise CommandError(message, USAGE)
    return found


def _root(path: Path) -> Path:
    """Return the repository that a path is in, else the folder that holds its flows."""
    for folder in (path, *path.parents):
        if (folder / "tenants").is_dir():
            return folder
    folder = path if path.is_dir() else path.parent
    return folder.parent if folder.name in _FOLDERS else folder


def _batch(root: Path, wanted: Sequence[Path], types: Types) -> Batch:
    if (root / "tenants").is_dir():
        view = TreeView(FolderFiles(root), Layout(), Memory(types), label=str(root))
        return Batch(list(_of_layout(view, root, wanted)), MergedFlows(view))
    loose = LooseFiles(root)
    return Batch(list(loose.suites(wanted)), loose)


def _of_layout(view: TreeView, root: Path, wanted: Sequence[Path]) -> Iterator[SuiteSource]:
    for place, _ in view.survey.of(Kind.TEST):
        if _is_among(root / place.path, wanted):
            data = view.read(place.path) or b""
            text = data.decode("utf-8", "replace")
            yield SuiteSource(place.path, place.tenant, place.namespace, text)


def _is_among(file: Path, wanted: Iterable[Path]) -> bool:
    return any(file == each or each in file.parents for each in wanted)


class LooseFiles:
    """The `FlowTree` port over a folder without our layout; its tenant is what is asked for."""

    def __init__(self, root: Path) -> None:
        """Read below a folder, when asked."""
        self._root = root

    @cached_property
    def _documents(self) -> dict[Path, bytes]:
        files = sorted(each for each in self._root.rglob("*") if each.suffix in _YAML)
        seen = (each for each in files if not _is_hidden(each.relative_to(self._root)))
        return {each: each.read_bytes() for each in seen if each.is_file()}

    @cached_property
    def _flows(self) -> dict[tuple[str, str], str]:
        found: dict[tuple[str, str], str] = {}
        for file, data in self._documents.items():
            document = _document(data) if _TASKS.search(data) else {}
            name = document.get("id")
            if isinstance(name, str):
                namespace = str(document.get("namespace") or self._namespace(file))
                found.setdefault((namespace, name), data.decode())
        return found

    def suites(self, wanted: Sequence[Path]) -> Iterator[SuiteSource]:
        """Yield the files of tests at or below the paths."""
        for file, data in self._documents.items():
            if _CASES.search(data) and _is_among(file, wanted):
                namespace = str(_document(data).get("namespace") or self._namespace(file))
                path = file.relative_to(self._root).as_posix()
                yield SuiteSource(path, "main", namespace, data.decode("utf-8", "replace"))

    def flow(self, tenant: str, namespace: str, flow_id: str) -> str | None:  # noqa: ARG002
        """Return the source of a flow, None if there is no such flow."""
        return self._flows.get((namespace, flow_id))

    def files(self, tenant: str, namespace: str) -> Mapping[str, bytes]:  # noqa: ARG002
        """Return the files below `<namespace>/files`, or below `files`."""
        for folder in (self._root / namespace / "files", self._root / "files"):
            if folder.is_dir():
                files = (each for each in sorted(folder.rglob("*")) if each.is_file())
                return {each.relative_to(folder).as_posix(): each.read_bytes() for each in files}
        return {}

    def variables(self, tenant: str, namespace: str) -> Mapping[str, Any]:  # noqa: ARG002
        """Return those of `variables.yaml`, and of the folders of the namespace and above it."""
        folders = (self._root, *(self._root / each for each in reversed(lineage(namespace))))
        files = (folder / "variables.yaml" for folder in folders)
        return inherited(
            variables_of(file.read_bytes(), str(file)) for file in files if file.is_file()
        )

    def _namespace(self, file: Path) -> str:
        """Return the namespace that the place of a file stands for: the folder above `flows`."""
        parts = file.relative_to(self._root.parent).parts
        above = [parts[at - 1] for at, part in enumerate(parts) if at and part in _FOLDERS]
        return above[-1] if above else ""


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") or part == "node_modules" for part in path.parts)


def _document(data: bytes) -> dict[str, Any]:
    try:
        value = load(decode(data)).value
    except YamlError:
        return {}
    return value if isinstance(value, dict) else {}
