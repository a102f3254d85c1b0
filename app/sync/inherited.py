"""Documents that namespaces inherit: of a namespace, of those above it, and of the whole tenant.

A document is looked for where its namespace comes from: at the commit that is asked for in the same
repository, at the active one in others. That of the tenant is the one of the same repository.
What an execution used of its own commit is kept in internal storage, as namespace files are.
"""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from app.config.tenant_names import TENANT_NAME
from app.errors import GitError, NotFound, ObjectMissing, Unavailable
from app.flows.keyvalues import lineage
from app.git.layout import NAMESPACE_NAME
from app.git.names import is_oid
from app.sync.sources import SourceSet
from app.sync.vault import Inherited, Place
from app.sync.worker import SourceWorker

LARGEST = 1 << 20
"""Bytes that such a document may have."""


class Document(NamedTuple):
    """A document of a namespace ("": of the tenant), by the id of its blob."""

    tenant: str
    namespace: str
    path: str
    blob: str
    worker: SourceWorker
    is_fixed: bool
    """Whether the same question has the same answer for ever."""
    data: bytes | None = None
    """What is in it, where that was kept for executions."""

    def read(self) -> bytes:
        """Return what is in it (blocking).

        Raises:
            GitError, TooLarge: when it cannot be read.
        """
        if self.data is not None:
            return self.data
        return self.worker.parts.repository.mirror.objects.read(self.blob, limit=LARGEST)


class Chain(NamedTuple):
    """The documents that a namespace sees, nearest first."""

    documents: Sequence[Document]
    is_fixed: bool
    """Whether it is the same for ever: all of it is of one commit of one repository."""


class _Spot(NamedTuple):
    worker: SourceWorker
    namespace: str
    commit: str
    is_fixed: bool


class Inheritance:
    """Finds documents along the chain of namespaces."""

    def __init__(self, workers: SourceSet) -> None:
        """Look into the repositories of `workers`."""
        self._workers = workers

    async def chain(
        self, tenant: str, namespace: str, name: str, commit: str | None, *, keep: bool = False
    ) -> Chain:
        """Return the documents called `name`; without `commit` as they are active now.

        `keep`: an execution uses those of its commit; they outlive our copy of the repository.

        Raises:
            NotFound: when no source holds the namespace. GitError, Unavailable: by the repository.
        """
        if not (TENANT_NAME.match(tenant) and NAMESPACE_NAME.match(namespace)):
            message = f"{namespace!r:.100} of tenant {tenant!r:.100} is no namespace"
            raise NotFound(message)
        spots = await self._spots(tenant, namespace, commit)
        place = Place(tenant, namespace, commit) if keep and commit and is_oid(commit) else None
        documents: list[Document] = []
        for worker in dict.fromkeys(spot.worker for spot in spots):
            own = [spot for spot in spots if spot.worker is worker]
            is_fixed = all(spot.is_fixed for spot in own)
            documents += await _documents(tenant, name, own, place if is_fixed else None)
        order = {spot.namespace: number for number, spot in enumerate(spots)}
        # What was kept may be of a namespace that is another source's by now.
        documents.sort(key=lambda each: order.get(each.namespace, len(order)))
        return Chain(documents, all(spot.is_fixed for spot in spots))

    async def everywhere(self, tenant: str, name: str) -> list[Document]:
        """Return the documents called `name` of all namespaces of a tenant, as they are active."""
        found: list[Document] = []
        for worker in self._workers:
            held = await worker.parts.sources.activation.snapshots(worker.id)
            spots = [
                _Spot(worker, namespace, snapshot.commit, is_fixed=False)
                for (owner, namespace), snapshot in held.items()
                if owner == tenant and snapshot.tree and snapshot.commit
            ]
            if spots:
                found += await asyncio.to_thread(_found, tenant, name, spots)
        return sorted(found, key=lambda each: each.namespace)

    async def _spots(self, tenant: str, namespace: str, commit: str | None) -> list[_Spot]:
        own = await self._workers.owner(tenant, namespace)
        spots: list[_Spot] = []
        for each in lineage(namespace):
            worker = await self._owner(tenant, each)
            if worker is own and commit:
                spots.append(_Spot(worker, each, commit, is_fixed=True))
            elif worker is not None and (active := await _active(worker, tenant, each)):
                spots.append(_Spot(worker, each, active, is_fixed=False))
        at = commit or await _passed(own)
        if at:
            spots.append(_Spot(own, "", at, is_fixed=bool(commit)))
        return spots

    async def _owner(self, tenant: str, namespace: str) -> SourceWorker | None:
        try:
            return await self._workers.owner(tenant, namespace)
        except NotFound:
            return None


async def _active(worker: SourceWorker, tenant: str, namespace: str) -> str | None:
    activation = worker.parts.sources.activation
    snapshot = await activation.snapshot(worker.id, tenant, namespace)
    return snapshot.commit if snapshot is not None and snapshot.tree else None


async def _passed(worker: SourceWorker) -> str | None:
    """Return the newest commit that the gate let through, else the one that is active."""
    source = await worker.parts.sources.get(worker.id)
    ref, _, commit = (source.last_passed or "").rpartition("@")
    return commit if ref == source.ref and commit else source.last_applied


async def _documents(
    tenant: str, name: str, spots: Sequence[_Spot], place: Place | None
) -> list[Document]:
    """Return the documents of one repository; those of a `place` are kept, and found again.

    Of a commit that is nowhere any more they are what is kept: there were others only if nothing
    ran there.
    """
    worker = spots[0].worker
    vault = worker.parts.vault
    try:
        found = await asyncio.to_thread(_found, tenant, name, spots)
    except (GitError, Unavailable) as error:
        kept = await vault.documents(place, name) if place is not None else None
        if kept is None and (place is None or not isinstance(error, ObjectMissing)):
            raise
        return [
            Document(tenant, each.namespace, each.path, each.oid, worker, True, each.data)
            for each in kept or ()
        ]
    if place is not None and found and not vault.has_documents(place, name):
        await vault.keep_documents(place, name, await asyncio.to_thread(_inherited, found))
    return found


def _inherited(documents: Sequence[Document]) -> list[Inherited]:
    """Read documents (blocking)."""
    return [Inherited(each.namespace, each.path, each.blob, each.read()) for each in documents]


def _found(tenant: str, name: str, spots: Sequence[_Spot]) -> list[Document]:
    """Look for the documents of one repository (blocking)."""
    worker = spots[0].worker
    origin = worker.parts.repository
    for commit in {spot.commit for spot in spots}:
        origin.check(commit)
    asked = {}
    for spot in spots:
        path = origin.layout.inherited_file(tenant, spot.namespace, name)
        if path is not None and origin.file_at(path) is not None:
            asked[f"{spot.commit}:{path}"] = (spot, path)
    return [
        Document(
            tenant,
            asked[text][0].namespace,
            asked[text][1],
            info.oid,
            worker,
            asked[text][0].is_fixed,
        )
        for text, info in origin.mirror.objects.infos(asked)
        if info is not None and info.kind == "blob"
    ]
