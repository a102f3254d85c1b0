"""What a commit's tree holds: paths, modes, blobs and, where asked for, sizes."""

from typing import NamedTuple

from app.errors import MirrorCorrupt, ObjectMissing
from app.git.names import check_oid, check_path
from app.git.objects import ObjectReader
from app.git.process import Launcher
from app.git.repository import ok


class Entry(NamedTuple):
    """One entry of a tree. `path` is relative to the repository, non-UTF-8 as surrogate escapes.

    `kind`: blob, tree or commit (a submodule). `size` is in bytes; None where it was not asked for
    and for what is no blob.
    """

    path: str
    mode: int
    kind: str
    oid: str
    size: int | None = None


def tree_of(objects: ObjectReader, commit: str, path: str = "") -> str | None:
    """Return the id of the tree at `path` of a commit (the root for ""), None if there is none.

    Equal ids mean equal folders: the cheapest test of whether a commit concerns one.
    """
    inside = check_path(path) if path else ""
    found = objects.info(f"{check_oid(commit)}:{inside}")
    return found.oid if found and found.kind == "tree" else None


def blob_of(objects: ObjectReader, commit: str, path: str) -> str | None:
    """Return the id of the blob at `path` of a commit, None if there is none."""
    found = objects.info(f"{check_oid(commit)}:{check_path(path)}")
    return found.oid if found and found.kind == "blob" else None


def ls_tree(
    launcher: Launcher,
    commit: str,
    root: str = "",
    *,
    recursive: bool = True,
    sizes: bool = False,
) -> list[Entry]:
    """Return the entries below `root` of a commit (or tree), in Git's order.

    `recursive`: blobs and submodules at any depth, else the folder's own entries, trees too.

    Raises:
        ObjectMissing: when the commit has no folder `root`.
        MirrorCorrupt: when a tree cannot be read.
    """
    start = f"{check_oid(commit)}:{check_path(root)}" if root else check_oid(commit)
    options = [*(["-r"] if recursive else []), *(["-l"] if sizes else [])]
    outcome = launcher.run(["ls-tree", "-z", "--full-tree", *options, "--end-of-options", start])
    if outcome.code and ("Not a valid object name" in outcome.err or "not a tree" in outcome.err):
        raise ObjectMissing(f"Commit {commit[:12]} has no folder {root or '/'!r}")
    text = ok(outcome, "Listing a tree").out.decode("utf-8", "surrogateescape")
    prefix = f"{root}/" if root else ""
    return [_entry(record, prefix) for record in text.split("\0") if record]


def _entry(record: str, prefix: str) -> Entry:
    """Read `<mode> <kind> <oid>[ <size>]<TAB><path>`."""
    head, _, path = record.partition("\t")
    mode, kind, oid, *size = head.split()
    if size == ["BAD"]:  # what Git says of a blob that is not there
        raise MirrorCorrupt(f"blob {oid} is not there")
    known = int(size[0]) if size and size[0] != "-" else None
    return Entry(prefix + path, int(mode, 8), kind, oid, known)
