"""Files: internal storage, and the files of namespaces."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import NamedTuple, Protocol


class Storage(Protocol):
    """Internal storage: bytes of any size by URI (`kestra:///…`)."""

    async def put(self, uri: str, chunks: AsyncIterator[bytes]) -> int:
        """Write the file whole or not at all; return its size in bytes."""
        ...

    def get(self, uri: str, *, offset: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """Yield the bytes of a file.

        Raises:
            NotFound: when there is no such file.
        """
        ...

    async def size(self, uri: str) -> int:
        """Return the size in bytes; raises `NotFound`."""
        ...

    async def delete(self, uri: str) -> bool:
        """Remove a file; return whether it was there."""
        ...

    async def delete_prefix(self, uri: str) -> int:
        """Remove all files below a URI; return how many."""
        ...

    async def below(self, uri: str) -> Sequence[str]:
        """Return the URIs of all files below a URI, in order."""
        ...


class NamespaceFile(NamedTuple):
    """A file of a namespace, by its path without a leading slash; `size` in bytes."""

    path: str
    size: int
    executable: bool = False


class NamespaceFiles(Protocol):
    """The files of namespaces, as a commit has them (None: the active commit)."""

    async def entries(
        self, tenant: str, namespace: str, commit: str | None = None
    ) -> Sequence[NamespaceFile]:
        """Return all files of a namespace, in order of path."""
        ...

    async def read(
        self, tenant: str, namespace: str, path: str, commit: str | None = None
    ) -> bytes:
        """Return a file's bytes; raises `NotFound`."""
        ...

    async def write(
        self, tenant: str, namespace: str, changes: Mapping[str, bytes | None], *, reason: str
    ) -> str:
        """Write files (None: delete) as one commit; return the commit that is active then.

        Raises:
            Invalid: a path that is absolute, goes up or is no file name.
            Conflict: when the repository cannot be written.
        """
        ...
