"""Where the files of a tree come from: a commit, a working folder, or what was sent. Blocking."""

import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import NamedTuple, Protocol

from app.git.history import EXECUTABLE, REGULAR, SYMLINK
from app.git.objects import ObjectReader
from app.git.process import Launcher
from app.git.trees import Entry, ls_tree

_SMALL = 1024**2
_LARGE = 50 * 1024**2
_SKIPPED = frozenset({"node_modules", "__pycache__"})


class Reads(Protocol):
    """Reads contents by object id."""

    def read_many(self, oids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield (id, bytes) for each id, in order."""
        ...


class Files(Reads, Protocol):
    """The files of one tree: a list of them, and their contents."""

    def entries(self) -> list[Entry]:
        """Return every file, in the order of Git: paths relative to the repository, sizes known."""
        ...

    def read_at(self, path: str) -> bytes | None:
        """Return a small file of the repository, also outside of the root; None if it is not there.

        Links are not followed, and what is larger than 1 MiB is not read.
        """
        ...


class CommitFiles(NamedTuple):
    """The files of a commit, or of a tree such as a merge has before it is committed."""

    launcher: Launcher
    objects: ObjectReader
    commit: str
    root: str = ""

    def entries(self) -> list[Entry]:
        """Return the files below the root; none when there is no such folder."""
        if self.root and self.objects.info(f"{self.commit}:{self.root}") is None:
            return []
        return ls_tree(self.launcher, self.commit, self.root, sizes=True)

    def read_many(self, oids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield the blobs."""
        return self.objects.read_many(oids)

    def read_at(self, path: str) -> bytes | None:
        """Return a file."""
        found = self.objects.info(f"{self.commit}:{path}")
        if found is None or found.kind != "blob" or found.size > _SMALL:
            return None
        return self.objects.read(found.oid)


class GivenFiles:
    """Files in memory, with the object ids that Git would give them."""

    def __init__(self, files: Mapping[str, bytes], *, algorithm: str = "sha1") -> None:
        """Take path -> content. `algorithm`: the repository's, `sha1` or `sha256`."""
        oids = {path: blob_id(data, algorithm) for path, data in files.items()}
        self._blobs = {oids[path]: data for path, data in files.items()}
        self._entries = [
            Entry(path, REGULAR, "blob", oids[path], len(files[path])) for path in sorted(files)
        ]

    def entries(self) -> list[Entry]:
        """Return the files."""
        return list(self._entries)

    def read_many(self, oids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield the contents."""
        return ((oid, self._blobs[oid]) for oid in oids)

    def read_at(self, path: str) -> bytes | None:
        """Return a file."""
        found = next((each for each in self._entries if each.path == path), None)
        if found is None or (found.size or 0) > _SMALL:
            return None
        return self._blobs[found.oid]


class FolderFiles:
    """The files of a working folder as they are on disk; hidden folders are left out.

    What Git ignores is there, too: it is no part of a commit, but it may become one.
    """

    def __init__(self, folder: Path, *, root: str = "", algorithm: str = "sha1") -> None:
        """Read below `root` of a folder; `algorithm`: the repository's, `sha1` or `sha256`."""
        self._folder = folder
        self._root = root
        self._algorithm = algorithm
        self._places: dict[str, Path] = {}

    def entries(self) -> list[Entry]:
        """Return the files, their object ids computed from what is on disk."""
        found = [self._entry(path) for path in _below(self._folder / self._root)]
        return sorted(found, key=lambda entry: entry.path)

    def read_many(self, oids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield the contents."""
        return ((oid, self._places[oid].read_bytes()) for oid in oids)

    def read_at(self, path: str) -> bytes | None:
        """Return a file."""
        place = self._folder / path
        if place.is_symlink() or not place.is_file() or place.stat().st_size > _SMALL:
            return None
        return place.read_bytes()

    def _entry(self, path: Path) -> Entry:
        about = path.lstat()
        inside = path.relative_to(self._folder).as_posix()
        if stat.S_ISLNK(about.st_mode):
            data = os.fsencode(path.readlink())
            return Entry(inside, SYMLINK, "blob", blob_id(data, self._algorithm), len(data))
        mode = EXECUTABLE if about.st_mode & stat.S_IXUSR else REGULAR
        if about.st_size > _LARGE:
            return Entry(inside, mode, "blob", f"large:{inside}", about.st_size)
        oid = blob_id(path.read_bytes(), self._algorithm)
        self._places[oid] = path
        return Entry(inside, mode, "blob", oid, about.st_size)


class Without(NamedTuple):
    """The files of a tree without some of them."""

    files: Files
    is_left_out: Callable[[str], bool]

    def entries(self) -> list[Entry]:
        """Return the others."""
        return [entry for entry in self.files.entries() if not self.is_left_out(entry.path)]

    def read_many(self, oids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield the contents."""
        return self.files.read_many(oids)

    def read_at(self, path: str) -> bytes | None:
        """Return a file, one that is left out as well."""
        return self.files.read_at(path)


class Overlaid(NamedTuple):
    """The files of a tree with others put over them."""

    under: Files
    over: Files

    def entries(self) -> list[Entry]:
        """Return the files of both; of two with one path, the one that lies over."""
        found = {entry.path: entry for each in (self.under, self.over) for entry in each.entries()}
        return [found[path] for path in sorted(found)]

    def read_many(self, oids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield the contents, from wherever they are."""
        ours = {entry.oid for entry in self.over.entries()}
        for is_ours, some in groupby(oids, ours.__contains__):
            yield from (self.over if is_ours else self.under).read_many(some)

    def read_at(self, path: str) -> bytes | None:
        """Return a file."""
        found = self.over.read_at(path)
        return self.under.read_at(path) if found is None else found


def blob_id(data: bytes, algorithm: str = "sha1") -> str:
    """Return the object id that Git gives to a file's content."""
    head = f"blob {len(data)}\0".encode()
    return hashlib.new(algorithm, head + data, usedforsecurity=False).hexdigest()


def _below(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        links = [each for each in folders if Path(root, each).is_symlink()]
        folders[:] = [
            each for each in folders if each[0] != "." and each not in {*links, *_SKIPPED}
        ]
        yield from (Path(root, name) for name in [*names, *links])
