"""Stores that are gone with the case they belong to: files, key-value pairs, outputs, slots."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

from app.errors import Conflict, Invalid, NotFound, TooLarge
from app.executions import Execution
from app.ports import Clock, FlowKey, KeptKey, KeyValue, NamespaceFile

MOST_BYTES = 64 * 1024 * 1024
"""Bytes of all files that one case may store."""


class MemoryStorage:
    """The `Storage` port in memory."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._files: dict[str, bytes] = {}

    async def put(self, uri: str, chunks: AsyncIterator[bytes]) -> int:
        """Keep a file."""
        parts: list[bytes] = []
        room = MOST_BYTES - sum(map(len, self._files.values()))
        async for chunk in chunks:
            parts.append(chunk)
            room -= len(chunk)
            if room < 0:
                message = f"the files of a case have at most {MOST_BYTES} bytes"
                raise TooLarge(message)
        self._files[uri] = b"".join(parts)
        return len(self._files[uri])

    async def get(
        self, uri: str, *, offset: int = 0, length: int | None = None
    ) -> AsyncIterator[bytes]:
        """Yield the bytes of a file."""
        yield self._there(uri)[offset : None if length is None else offset + length]

    async def size(self, uri: str) -> int:
        """Return the size of a file."""
        return len(self._there(uri))

    async def delete(self, uri: str) -> bool:
        """Remove a file."""
        return self._files.pop(uri, None) is not None

    async def delete_prefix(self, uri: str) -> int:
        """Remove all files below a URI."""
        found = await self.below(uri)
        for each in found:
            del self._files[each]
        return len(found)

    async def below(self, uri: str) -> list[str]:
        """Return the URIs of all files below a URI."""
        return sorted(each for each in self._files if each.startswith(f"{uri.rstrip('/')}/"))

    def _there(self, uri: str) -> bytes:
        if uri not in self._files:
            message = f"there is no file {uri}"
            raise NotFound(message)
        return self._files[uri]


class MemoryKeyValues:
    """The `KeyValues` port in memory."""

    def __init__(self, clock: Clock) -> None:
        """Begin with nothing; pairs expire by `clock`."""
        self._clock = clock
        self._pairs: dict[tuple[str, str, str], KeyValue] = {}

    def _there(self, place: tuple[str, str, str]) -> KeyValue | None:
        pair = self._pairs.get(place)
        expires = None if pair is None else pair.expires_at
        return None if expires is not None and expires <= self._clock.now() else pair

    async def get(self, tenant: str, namespace: str, key: str) -> KeyValue | None:
        """Return the pair, None if there is none."""
        return self._there((tenant, namespace, key))

    async def put(
        self, tenant: str, namespace: str, pair: KeyValue, *, overwrite: bool = True
    ) -> None:
        """Store the pair."""
        place = (tenant, namespace, pair.key)
        present = self._there(place)
        if present is not None and not overwrite:
            message = f"the key {pair.key} exists already in the namespace {namespace}"
            raise Conflict(message)
        if present is not None:
            pair = pair._replace(created_at=present.created_at)
        self._pairs[place] = pair

    async def delete(self, tenant: str, namespace: str, key: str) -> bool:
        """Remove the pair."""
        there = self._there((tenant, namespace, key)) is not None
        self._pairs.pop((tenant, namespace, key), None)
        return there

    async def pairs(self, tenant: str, namespace: str, prefix: str = "") -> list[KeyValue]:
        """Return the pairs of one namespace."""
        places = [place for place in sorted(self._pairs) if place[:2] == (tenant, namespace)]
        found = [self._there(place) for place in places if place[2].startswith(prefix)]
        return [pair for pair in found if pair is not None]

    async def kept(self, tenant: str) -> list[KeptKey]:
        """Return the keys of all namespaces, also expired ones."""
        return [
            KeptKey(place[1], pair.key, pair.expires_at)
            for place, pair in sorted(self._pairs.items())
            if place[0] == tenant
        ]

    async def remove(self, tenant: str, keys: Sequence[KeptKey]) -> int:
        """Remove pairs, each unless it was renewed meanwhile."""
        there = [each for each in await self.kept(tenant) if each in keys]
        for each in there:
            del self._pairs[tenant, each.namespace, each.key]
        return len(there)


FilesOf = Callable[[str, str], Awaitable[Mapping[str, bytes]]]
"""Finds the files of a namespace of a tenant."""


class MemoryFiles:
    """The `NamespaceFiles` port: what a tree holds, and over it what was written since."""

    def __init__(self, files: FilesOf) -> None:
        """Begin with the files that `files` finds for a namespace."""
        self._files = files
        self._found: dict[tuple[str, str], dict[str, bytes]] = {}
        self._writes = 0

    async def _of(self, tenant: str, namespace: str) -> dict[str, bytes]:
        place = (tenant, namespace)
        if place not in self._found:
            self._found[place] = dict(await self._files(tenant, namespace))
        return self._found[place]

    async def entries(
        self,
        tenant: str,
        namespace: str,
        commit: str | None = None,  # noqa: ARG002 - there is one state of the files
    ) -> list[NamespaceFile]:
        """Return all files of a namespace."""
        found = sorted((await self._of(tenant, namespace)).items())
        return [NamespaceFile(path, len(data)) for path, data in found]

    async def read(
        self,
        tenant: str,
        namespace: str,
        path: str,
        commit: str | None = None,  # noqa: ARG002 - there is one state of the files
    ) -> bytes:
        """Return a file's bytes."""
        try:
            return (await self._of(tenant, namespace))[path]
        except KeyError:
            message = f"there is no file {path} in {namespace}"
            raise NotFound(message) from None

    async def write(
        self,
        tenant: str,
        namespace: str,
        changes: Mapping[str, bytes | None],
        *,
        reason: str,  # noqa: ARG002 - nobody reads the message of this commit
    ) -> str:
        """Write files."""
        for path in changes:
            if not path or not {"", ".", ".."}.isdisjoint(path.split("/")):
                message = f"{path!r} is no path of a namespace file"
                raise Invalid(message)
        files = await self._of(tenant, namespace)
        for path, data in changes.items():
            if data is None:
                files.pop(path, None)
            else:
                files[path] = data
        self._writes += 1
        return f"{self._writes:040x}"


class MemoryCache:
    """The `TaskCache` port in memory."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._kept: dict[tuple[str, str], tuple[Mapping[str, Any], int | None]] = {}

    async def find(self, tenant: str, key: str, now: int) -> Mapping[str, Any] | None:
        """Return the outputs kept under a key."""
        outputs, expires = self._kept.get((tenant, key), (None, None))
        return None if expires is not None and expires <= now else outputs

    async def keep(
        self,
        tenant: str,
        key: str,
        outputs: Mapping[str, Any],
        now: int,  # noqa: ARG002 - nothing is kept for longer than a case
        expires_at: int | None,
    ) -> None:
        """Keep outputs."""
        self._kept[tenant, key] = (outputs, expires_at)


class FreeSlots:
    """The `Slots` port where everybody is let in: a case has its flow to itself."""

    async def enter(
        self,
        execution: Execution,  # noqa: ARG002
        limit: int,  # noqa: ARG002
        at: int,  # noqa: ARG002
        *,
        queue: bool,  # noqa: ARG002
    ) -> bool:
        """Let it in."""
        return True

    async def force(self, execution: Execution, limit: int, at: int) -> None:
        """Let it in."""

    async def holds(self, execution_id: str) -> bool:  # noqa: ARG002
        """Say that it is in."""
        return True

    async def released(self, flow: FlowKey | None = None) -> list[str]:  # noqa: ARG002
        """Return nobody: nobody waits."""
        return []

    async def waiting(self) -> list[FlowKey]:
        """Return nobody."""
        return []

    async def release(self, flow: FlowKey, limit: int) -> None:
        """Do nothing: nobody waits."""

    async def sweep(self) -> int:
        """Find nothing to free."""
        return 0
