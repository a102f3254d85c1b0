"""A tree seen by the layout: the places of its files, and what is wrong before any is read."""

import re
import shlex
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from app.config.tenant_names import TENANT_NAME, tenant_name_problem
from app.git.history import SUBMODULE, SYMLINK
from app.git.layout import NAMESPACE_NAME, Kind, Layout, Place
from app.git.trees import Entry

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a person has to look at. Lines and columns count from 1; 0 is unknown."""

    code: str
    severity: Severity
    path: str
    message: str
    fix: str = ""
    line: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True)
class SizeLimits:
    """The largest files that are read, in bytes."""

    document: int = 1024**2
    """Flows, variables, secrets, tests and settings."""
    file: int = 50 * 1024**2
    """Namespace files."""

    def of(self, kind: Kind) -> int:
        """Return the limit for a kind of file."""
        return self.file if kind is Kind.FILE else self.document


class Located(NamedTuple):
    """A file that counts: what it is, and its entry in the tree."""

    place: Place
    entry: Entry


@dataclass(slots=True)
class Survey:
    """What a tree holds for us."""

    files: list[Located] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def of(self, *kinds: Kind) -> Iterator[Located]:
        """Yield the files of the given kinds."""
        return (located for located in self.files if located.place.kind in kinds)

    def namespaces(self) -> dict[tuple[str, str], list[Located]]:
        """Return (tenant, namespace) -> its files."""
        found: dict[tuple[str, str], list[Located]] = {}
        for located in self.files:
            place = located.place
            if place.namespace:
                found.setdefault((place.tenant, place.namespace), []).append(located)
        return found


def survey(
    entries: Iterable[Entry],
    layout: Layout,
    *,
    limits: SizeLimits = SizeLimits(),
    ignored: Callable[[str], bool] = lambda _: False,
    refused: Callable[[Place], Finding | None] = lambda _: None,
) -> Survey:
    """Sort the entries of a tree into places and findings.

    A file with an `error` finding is not among the files. Sizes are checked where entries have one.
    `refused` returns what is wrong with a place that is not ours to read.
    """
    result = Survey()
    folders: set[str] = set()
    told: set[Finding] = set()
    seen: dict[str, str] = {}
    for entry in entries:
        if ignored(entry.path):
            continue
        place = layout.place(entry.path)
        if place is None:
            result.findings += _hidden(entry, layout, folders)
            continue
        if foreign := refused(place):
            if foreign not in told:  # one of many files; it is told of their folder
                told.add(foreign)
                result.findings.append(foreign)
            continue
        found = [*_judge(entry, place, limits), *_collision(entry.path, seen)]
        result.findings += found
        if not any(finding.severity == "error" for finding in found) and entry.kind == "blob":
            result.files.append(Located(place, entry))
    return result


def lfs_finding(place: Place, data: bytes) -> Finding | None:
    """Return the finding for a document that is only a Git LFS pointer."""
    if place.kind is Kind.FILE or lfs_pointer(data) is None:
        return None
    message = f"This {place.kind} is stored in Git LFS, so the commit holds only a pointer to it"
    path = _quoted(place.path)
    fix = f"git lfs untrack {path} && git add --renormalize {path}"
    return Finding("LFS_POINTER", "error", shown(place.path), message, fix)


class LfsPointer(NamedTuple):
    """What a Git LFS pointer names: the SHA-256 of the content and its size in bytes."""

    oid: str
    size: int


_LFS = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:ext-[^\n]*\n)*"
    rb"oid sha256:([0-9a-f]{64})\nsize (\d{1,18})\n?\Z"
)


def lfs_pointer(data: bytes) -> LfsPointer | None:
    """Return what a Git LFS pointer names, None when the bytes are no pointer."""
    found = _LFS.match(data) if len(data) < 1024 else None
    return LfsPointer(found[1].decode(), int(found[2])) if found else None


def shown(path: str) -> str:
    """Return a path fit to be shown and stored: bytes that are no UTF-8 are escaped."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _judge(entry: Entry, place: Place, limits: SizeLimits) -> Iterator[Finding]:
    """Yield what is wrong with one file of ours."""
    path = shown(entry.path)
    if path != entry.path:
        message = "The path is not UTF-8, so that nothing can name it"
        yield Finding("NON_UTF8_PATH", "error", path, message, "rename the file")
    if entry.mode == SYMLINK:
        message = "Symbolic links are never followed; commit the file itself"
        yield Finding(
            "SYMLINK", "error", path, message, f"git rm {_quoted(entry.path)} and add a copy"
        )
    if entry.mode == SUBMODULE:
        message = "Submodules are ignored; register the other repository as a source of its own"
        yield Finding("SUBMODULE", "warning", path, message)
    most = limits.of(place.kind)
    if entry.size is not None and entry.size > most:
        message = f"The file has {entry.size} bytes; a {place.kind} may have {most}"
        yield Finding("TOO_LARGE", "error", path, message)
    if place.tenant and not TENANT_NAME.match(place.tenant):
        message = tenant_name_problem(shown(place.tenant))
        yield Finding("INVALID_TENANT", "error", path, message, "rename the folder")
    if place.namespace and not NAMESPACE_NAME.match(place.namespace):
        message = f"{shown(place.namespace)!r} is no namespace: small letters, digits, - _ and dots"
        yield Finding("INVALID_NAMESPACE", "error", path, message)


def _hidden(entry: Entry, layout: Layout, folders: set[str]) -> Iterator[Finding]:
    """Yield what hides files that would be ours: once for each folder."""
    nested = layout.misplaced(entry.path)
    if nested is not None and nested.folder not in folders:
        folders.add(nested.folder)
        message = (
            f"A namespace is one folder with dots in its name; {shown(nested.folder)!r} is nested"
            " and its files are not read"
        )
        fix = f"git mv {_quoted(nested.folder)} {_quoted(nested.fixed)}"
        severity: Severity = "error" if layout.style == "native" else "warning"
        yield Finding("NESTED_NAMESPACE_DIR", severity, shown(nested.folder), message, fix)
    shadowed = layout.shadowed(entry.path)
    if shadowed is not None and shadowed[0] not in folders:
        folder, other = shadowed
        folders.add(folder)
        message = f"This folder is not read: {shown(other)!r} stands for the tenant of its name"
        yield Finding("OVERLAP", "warning", shown(folder), message, "rename one of them")
    if entry.mode in {SYMLINK, SUBMODULE} and layout.is_folder_of_ours(entry.path):
        code = "SYMLINK" if entry.mode == SYMLINK else "SUBMODULE"
        message = "This stands in place of a folder and is not followed"
        yield Finding(code, "warning", shown(entry.path), message)


def _quoted(path: str) -> str:
    return shlex.quote(shown(path))


def _collision(path: str, seen: dict[str, str]) -> Iterator[Finding]:
    """Yield a finding when two paths are one file on a Mac or on Windows."""
    folded = unicodedata.normalize("NFC", path).casefold()
    other = seen.setdefault(folded, path)
    if other != path:
        message = f"On file systems that ignore case this is the same file as {shown(other)!r}"
        yield Finding("CASE_COLLISION", "warning", shown(path), message, "rename one of them")
