"""Reading the files of namespaces: out of what is kept for executions, else of the repository."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

from app.config.tenant_names import TENANT_NAME
from app.db.records import SyncRun
from app.errors import NotFound, ObjectMissing, RefNotFound
from app.git.history import EXECUTABLE, REGULAR
from app.git.layout import NAMESPACE_NAME
from app.git.names import is_oid
from app.git.survey import LfsPointer, lfs_pointer
from app.git.trees import Entry, ls_tree, tree_of
from app.sync.large_files import LargeFiles
from app.sync.mending import mended
from app.sync.origin import Origin
from app.sync.passes import Parts
from app.sync.vault import Listing, Place

_LISTINGS = 256


class FileReads:
    """The files of one source by commit; what names its commit is kept in internal storage."""

    def __init__(
        self, parts: Parts, sync: Callable[[str], Awaitable[SyncRun]], large: LargeFiles
    ) -> None:
        """Read by `parts`, what is in Git LFS by `large`; `sync` makes a run."""
        self._large = large
        self._parts = parts
        self._sync = sync
        self._listings: OrderedDict[tuple[str, str, str], Listing] = OrderedDict()

    async def listing(self, place: Place, *, keep: bool) -> Listing:
        """Return path -> entry of a namespace at a commit; `keep`: an execution uses it.

        Raises:
            NotFound: when there is no such commit. Unavailable: while it cannot be fetched.
        """
        key = (place.commit, place.tenant, place.namespace)
        known = self._listings.get(key)
        if known is None:
            is_exact = is_oid(place.commit)
            known = await (self._kept if keep and is_exact else self._listed)(place)
            if is_exact:  # a branch or a short id may mean another commit tomorrow
                self._listings[key] = known
                while len(self._listings) > _LISTINGS:
                    self._listings.popitem(last=False)
        return known

    async def content(self, entry: Entry, *, keep: bool) -> bytes:
        """Return a file; `keep`: an execution uses it.

        A Git LFS pointer is returned as it is where the source does not fetch what it stands for.

        Raises:
            NotFound, TooLarge; and for files in Git LFS what `LargeFiles.content` raises.
        """
        vault = self._parts.vault
        kept = await vault.blob(entry.oid) if keep else None
        data = await self.stored(entry) if kept is None else kept
        pointer = self._pointer(data)
        if pointer is not None:
            data = await self._large.content(pointer, entry.path, self._opened)
        if keep and (kept is None or pointer is not None):
            await vault.keep_blob(entry.oid, data, anew=pointer is not None)
        return data

    async def stored(self, entry: Entry) -> bytes:
        """Return what the commit has: of a file in Git LFS the pointer.

        Raises:
            NotFound, TooLarge.
        """
        try:
            return await mended(self._parts, self._sync, partial(self._read, entry.oid))
        except ObjectMissing as error:
            raise NotFound(error.message) from error

    def _pointer(self, data: bytes) -> LfsPointer | None:
        return lfs_pointer(data) if self._parts.spec.lfs else None

    async def _whole(self, entry: Entry) -> bytes:
        """Return what is kept of a file that an execution may come to use."""
        data = await asyncio.to_thread(self._read, entry.oid)
        pointer = self._pointer(data)
        if pointer is None:
            return data
        return await self._large.content(pointer, entry.path, self._opened)

    async def _opened(self) -> Origin:
        if self._parts.origin is None:
            await self._sync("write")  # the first run opens it
        return self._parts.repository

    async def _kept(self, place: Place) -> Listing:
        vault = self._parts.vault
        known = await vault.listing(place)
        if known is None:
            known = await self._listed(place)
            if known:
                await vault.keep(place, known, self._whole)
        return known

    async def _listed(self, place: Place) -> Listing:
        origin = await self._opened()
        if not (origin.is_current or await asyncio.to_thread(origin.mirror.has, place.commit)):
            await self._sync("poll")  # our copy may be a new one, or an old one
        return await mended(self._parts, self._sync, lambda: _list(self._parts.repository, place))

    def _read(self, oid: str) -> bytes:
        most = self._parts.spec.max_file_bytes
        return self._parts.repository.mirror.objects.read(oid, limit=most)


def folder_of(origin: Origin, tenant: str, namespace: str) -> str:
    """Return the folder that the files of a namespace are in."""
    return origin.layout.file_path(tenant, namespace, "").rstrip("/")


def _list(origin: Origin, place: Place) -> Listing:
    """List the files of a namespace at a commit (blocking)."""
    if not (TENANT_NAME.match(place.tenant) and NAMESPACE_NAME.match(place.namespace)):
        return {}
    folder = folder_of(origin, place.tenant, place.namespace)
    try:
        full = origin.mirror.resolve(place.commit)
        tree = tree_of(origin.mirror.objects, full, folder)
    except RefNotFound as error:
        if not (origin.mirror.folder / "HEAD").is_file():
            raise  # the copy is gone, not the commit
        with suppress(ObjectMissing):
            origin.check(place.commit)
        message = f"no commit {place.commit} is known here"
        raise NotFound(message) from error
    if tree is None:
        return {}
    found = {}
    for entry in ls_tree(origin.mirror.disk.launcher, tree, sizes=True):
        path = f"{folder}/{entry.path}"
        if entry.mode in (REGULAR, EXECUTABLE) and not origin.is_ignored(path):
            found[entry.path] = entry
    return dict(sorted(found.items()))
