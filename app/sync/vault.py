"""Namespace files in internal storage: what an execution used outlives the copy of the repository.

Files are kept by the object id of their blob, so that each content is kept once, and lists of
files by commit and namespace. The first use of a commit keeps its list and the file that is read;
the other files of the namespace follow, so that a replay that goes another way finds them, too.
Of a file in Git LFS, what the pointer stands for is kept; it is kept by its own id besides, so that
it is fetched once however many commits point to it.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

import orjson

from app.errors import HeadwaterError, NotFound
from app.git.trees import Entry
from app.ports import Storage
from app.telemetry import get_logger

_LOG = get_logger(__name__)
_ROOT = "kestra:///_git"
_WAITING = 1_000
_REMEMBERED = 100_000
_MOST_FILES = 5_000
"""Files of a namespace that are kept unasked; a larger one keeps those that are read."""

Listing = Mapping[str, Entry]
ReadEntry = Callable[[Entry], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Place:
    """A namespace at a commit."""

    tenant: str
    namespace: str
    commit: str

    @property
    def uri(self) -> str:
        """Where the list of its files is kept."""
        return f"{_ROOT}/lists/{self.tenant}/{self.namespace}/{self.commit}.json"

    def inherited(self, name: str) -> str:
        """Return where it is kept which documents called `name` it inherits."""
        return f"{_ROOT}/inherited/{self.tenant}/{self.namespace}/{self.commit}/{name}.json"


class Inherited(NamedTuple):
    """A document that a namespace inherits."""

    namespace: str
    path: str
    oid: str
    data: bytes


def _blob(oid: str) -> str:
    return f"{_ROOT}/blobs/{oid[:2]}/{oid}"


def _large(oid: str) -> str:
    return f"{_ROOT}/lfs/{oid[:2]}/{oid}"


class Vault:
    """Keeps files; without a storage it keeps none."""

    def __init__(self, storage: Storage | None) -> None:
        """Keep in `storage`."""
        self._storage = storage
        self._known: OrderedDict[str, None] = OrderedDict()
        self._waiting: asyncio.Queue[tuple[Listing, ReadEntry]] = asyncio.Queue(_WAITING)
        self._task: asyncio.Task[None] | None = None

    def start(self, group: asyncio.TaskGroup) -> None:
        """Begin to keep what was announced."""
        self._task = group.create_task(self._forever(), name="vault")

    def stop(self) -> None:
        """End; what was announced and is not kept yet is kept on its next use."""
        if self._task is not None:
            self._task.cancel()

    async def settled(self) -> None:
        """Wait until all that was announced is kept."""
        await self._waiting.join()

    async def listing(self, place: Place) -> Listing | None:
        """Return the files of a namespace at a commit, None if they are not kept."""
        data = await self._read(place.uri)
        if data is None:
            return None
        rows = orjson.loads(data)
        return {path: Entry(path, mode, "blob", oid, size) for path, mode, oid, size in rows}

    async def keep(self, place: Place, listing: Listing, read: ReadEntry) -> None:
        """Keep a list of files now, and the files soon; `read` returns the bytes of one."""
        rows = [(path, each.mode, each.oid, each.size) for path, each in listing.items()]
        await self._write(place.uri, orjson.dumps(rows))
        if self._storage is not None and self._task is not None and len(listing) <= _MOST_FILES:
            with suppress(asyncio.QueueFull):  # they are kept when they are read
                self._waiting.put_nowait((listing, read))

    async def documents(self, place: Place, name: str) -> list[Inherited] | None:
        """Return the documents that a namespace inherits at a commit, None if they are not kept."""
        data = await self._read(place.inherited(name))
        if data is None:
            return None
        found = []
        for namespace, path, oid in orjson.loads(data):
            if (kept := await self.blob(oid)) is None:
                return None
            found.append(Inherited(namespace, path, oid, kept))
        return found

    def has_documents(self, place: Place, name: str) -> bool:
        """Whether documents are known to be kept, or cannot be: there is no storage."""
        return self._storage is None or place.inherited(name) in self._known

    async def keep_documents(self, place: Place, name: str, found: Sequence[Inherited]) -> None:
        """Keep the documents that a namespace inherits at a commit."""
        uri = place.inherited(name)
        for each in found:
            await self.keep_blob(each.oid, each.data)
        if not await self._is_there(uri):
            await self._write(uri, orjson.dumps([each[:3] for each in found]))
        self._remember(uri)

    async def blob(self, oid: str) -> bytes | None:
        """Return a file's bytes, None if they are not kept."""
        return await self._read(_blob(oid))

    async def keep_blob(self, oid: str, data: bytes, *, anew: bool = False) -> None:
        """Keep a file, unless it is kept already; `anew`: in place of what is."""
        if anew or (oid not in self._known and not await self._is_there(_blob(oid))):
            await self._write(_blob(oid), data)
        self._remember(oid)

    async def large(self, oid: str) -> bytes | None:
        """Return a file of Git LFS by its SHA-256, None if it is not kept."""
        return await self._read(_large(oid))

    async def keep_large(self, oid: str, data: bytes) -> None:
        """Keep a file of Git LFS by its SHA-256."""
        await self._write(_large(oid), data)

    async def forget(self, oid: str) -> bool:
        """Remove a file; return whether it was kept."""
        self._known.pop(oid, None)
        return self._storage is not None and await self._storage.delete(_blob(oid))

    # -- private ---------------------------------------------------------------------------------

    async def _forever(self) -> None:
        while True:
            listing, read = await self._waiting.get()
            failures = [
                error
                for entry in listing.values()
                if (error := await self._keep_one(entry, read)) is not None
            ]
            if failures:  # they are kept when they are read
                reason = failures[0].message
                _LOG.warning("namespace files are not kept", count=len(failures), reason=reason)
            self._waiting.task_done()

    async def _keep_one(self, entry: Entry, read: ReadEntry) -> HeadwaterError | None:
        """Keep a file; return why it is not."""
        try:
            if entry.oid not in self._known and not await self._is_there(_blob(entry.oid)):
                await self._write(_blob(entry.oid), await read(entry))
        except HeadwaterError as error:
            return error
        self._remember(entry.oid)
        return None

    async def _is_there(self, uri: str) -> bool:
        if self._storage is None:
            return False
        try:
            await self._storage.size(uri)
        except NotFound:
            return False
        return True

    def _remember(self, oid: str) -> None:
        self._known[oid] = None
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    async def _read(self, uri: str) -> bytes | None:
        if self._storage is None:
            return None
        try:
            return b"".join([chunk async for chunk in self._storage.get(uri)])
        except NotFound:
            return None

    async def _write(self, uri: str, data: bytes) -> None:
        if self._storage is not None:
            await self._storage.put(uri, _once(data))


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
