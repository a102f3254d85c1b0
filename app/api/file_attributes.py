"""What the API tells of namespace files: folders follow from the paths of files."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any

from fastapi import Query

from app.errors import BadRequest, NotFound
from app.git.file_history import FileCommit
from app.ports import NamespaceFile

FilePath = Annotated[str, Query(max_length=600, description="The path of the file or folder.")]
"""A parameter of routes: a path in a namespace."""

_HIDDEN = ".gitkeep"


def clean(path: str) -> str:
    """Return a path without slashes at its ends, "" for the top.

    Raises:
        BadRequest: when it goes up, or holds control characters.
    """
    parts = [part for part in path.split("/") if part]
    if ".." in parts or any(not char.isprintable() for char in path):
        message = f"{path[:200]!r} is no path of a namespace file"
        raise BadRequest(message)
    return "/".join(parts)


def visible(entries: Iterable[NamespaceFile]) -> Iterator[NamespaceFile]:
    """Yield the files that are more than the mark of an empty folder."""
    return (each for each in entries if each.path.rpartition("/")[2] != _HIDDEN)


def children(folder: str, entries: Sequence[NamespaceFile]) -> list[str]:
    """Return the paths of what lies directly in a folder, folders first.

    Raises:
        NotFound: when there is no such folder.
    """
    prefix = f"{folder}/" if folder else ""
    below = [each.path[len(prefix) :] for each in entries if each.path.startswith(prefix)]
    if folder and not below:
        message = f"there is no folder /{folder}"
        raise NotFound(message)
    folders = sorted({path.partition("/")[0] for path in below if "/" in path})
    files = sorted(path for path in below if "/" not in path and path != _HIDDEN)
    return [prefix + name for name in (*folders, *files)]


def attributes(
    path: str, entries: Sequence[NamespaceFile], history: Sequence[FileCommit]
) -> dict[str, Any]:
    """Return what is told of a file or folder, as Kestra's `FileAttributes`; times in ms.

    Raises:
        NotFound: when there is no such file or folder.
    """
    found = next((each for each in entries if each.path == path), None)
    is_folder = not path or any(each.path.startswith(f"{path}/") for each in entries)
    if found is None and not is_folder:
        message = f"there is no file /{path}"
        raise NotFound(message)
    times = [each.at // 1000 for each in history]
    return {
        "type": "File" if found else "Directory",
        "fileName": path.rpartition("/")[2],
        "size": found.size if found else 0,
        "lastModifiedTime": times[0] if times else 0,
        "creationTime": times[-1] if times else 0,
    }
