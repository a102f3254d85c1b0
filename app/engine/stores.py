"""What tasks see of the stores: bound to one tenant and one namespace."""

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import orjson

from app.engine.failing import failing
from app.engine.identity import Identity
from app.engine.json import as_bytes, as_json
from app.engine.live import Live
from app.engine.policies import microseconds
from app.errors import HeadwaterError, NotFound
from app.executions import ROOT, Kind
from app.expressions import slug
from app.flows.keyvalues import is_key, kind_of, lineage, stored_value
from app.plugins.api import TaskFailed
from app.ports import (
    Clock,
    KeptKey,
    KeyValue,
    KeyValues,
    NamespaceFile,
    NamespaceFiles,
    Storage,
    TenantRules,
)

LARGEST_VALUE = 1024 * 1024
"""Bytes of the value of one key."""


class BoundKeyValues:
    """Implements `KeyValueStore`; whose pairs they are is asked before anything is done."""

    def __init__(self, store: KeyValues, clock: Clock, who: Identity, namespace: str) -> None:
        """Bind `store` to a namespace; `who` uses it."""
        self._store = store
        self._clock = clock
        self._who = who
        self._place = (who.tenant, namespace)

    async def _ask(self) -> None:
        with failing():
            await self._who.ask(self._place[1], "kv")

    async def get(self, key: str) -> KeyValue | None:
        """Return the pair, None if there is none."""
        await self._ask()
        return await self._store.get(*self._place, checked_key(key))

    async def inherited(self, key: str) -> KeyValue | None:
        """Return the pair of the namespace or of the nearest one above that has it."""
        await self._ask()
        return await inherited(self._store, *self._place, checked_key(key))

    async def put(
        self,
        key: str,
        value: Any,
        *,
        kind: str | None = None,
        ttl: timedelta | None = None,
        overwrite: bool = True,
        description: str | None = None,
    ) -> None:
        """Store a value; without `kind` its type decides."""
        await self._ask()
        now = self._clock.now()
        expires = None if ttl is None else now + microseconds(ttl)
        try:
            kept = as_json(stored_value(value, kind))
            if (size := len(as_bytes(kept))) > LARGEST_VALUE:
                message = (
                    f"the value of {key[:100]} has {size} bytes, the limit is {LARGEST_VALUE}: keep"
                    " large data in a file"
                )
                raise TaskFailed(message)
            pair = KeyValue(
                checked_key(key), kind or kind_of(value), kept, description, now, now, expires
            )
            await self._store.put(*self._place, pair, overwrite=overwrite)
        except (ValueError, HeadwaterError) as error:
            raise TaskFailed(str(error)) from error

    async def delete(self, key: str) -> bool:
        """Remove the pair; return whether it was there."""
        await self._ask()
        return await self._store.delete(*self._place, checked_key(key))

    async def pairs(self, prefix: str = "") -> Sequence[KeyValue]:
        """Return the pairs whose keys begin with `prefix`, in order."""
        await self._ask()
        return await self._store.pairs(*self._place, prefix)

    async def kept(self) -> Sequence[KeptKey]:
        """Return the keys of all namespaces that may be used, also expired ones."""
        kept = await self._store.kept(self._place[0])
        open_ = {
            each for each in {key.namespace for key in kept} if await self._who.may(each, "kv")
        }
        return [key for key in kept if key.namespace in open_]

    async def remove(self, keys: Sequence[KeptKey]) -> int:
        """Remove pairs of any namespace; return how many were there."""
        with failing():
            await self._who.ask_all((key.namespace for key in keys), "kv")
        return await self._store.remove(self._place[0], keys)


async def inherited(store: KeyValues, tenant: str, namespace: str, key: str) -> KeyValue | None:
    """Return the pair of a namespace or of the nearest one above that has it."""
    for place in lineage(namespace):
        pair = await store.get(tenant, place, key)
        if pair is not None:
            return pair
    return None


def checked_key(key: str) -> str:
    """Return the key; raises `TaskFailed` for one that is not possible."""
    if not is_key(key):
        message = (
            f"the key {key[:100]!r} must begin with a letter or a digit and may hold letters,"
            " digits, `.`, `_` and `-` only"
        )
        raise TaskFailed(message)
    return key


class BoundFiles:
    """Implements `Files`. After a write of its own the execution reads what it wrote."""

    def __init__(
        self, store: NamespaceFiles, live: Live, rules: TenantRules, namespace: str
    ) -> None:
        """Bind `store` to a namespace of the tenant of `live`, which `rules` may keep closed."""
        self._store = store
        self._who = Identity(rules, *live.place[:2])
        self._live = live
        self._namespace = namespace

    @property
    def _commit(self) -> str | None:
        execution = self._live.execution
        if self._namespace in execution.wrote:
            return execution.wrote[self._namespace]
        _, own, commit = self._live.place
        return commit if self._namespace == own else None

    async def _ask(self) -> None:
        with failing():
            await self._who.ask(self._namespace, "files")

    async def entries(self) -> Sequence[NamespaceFile]:
        """Return all of them, in order of path."""
        await self._ask()
        tenant = self._live.execution.tenant
        return await self._store.entries(tenant, self._namespace, self._commit)

    async def read(self, path: str) -> bytes:
        """Return a file's bytes."""
        await self._ask()
        tenant = self._live.execution.tenant
        try:
            return await self._store.read(tenant, self._namespace, path, self._commit)
        except NotFound as error:
            raise TaskFailed(error.message) from error

    async def write(self, changes: Mapping[str, bytes | None]) -> None:
        """Write files (None: delete) in one commit."""
        await self._ask()
        execution = self._live.execution
        reason = f"{execution.namespace}.{execution.flow_id}, execution {execution.id}"
        try:
            commit = await self._store.write(
                execution.tenant, self._namespace, changes, reason=reason
            )
        except HeadwaterError as error:
            raise TaskFailed(error.message) from error
        event = self._live.event(Kind.WROTE, ROOT, namespace=self._namespace, commit=commit)
        await self._live.record(event)


class StoredStates:
    """Implements `States`: one JSON file a document, in the internal storage."""

    def __init__(self, storage: Storage, tenant: str, namespace: str, flow_id: str | None) -> None:
        """Keep documents of a flow, or (None) of a whole namespace."""
        self._storage = storage
        flow = f"/{slug(flow_id)}" if flow_id else ""
        self._root = f"kestra:///{namespace.replace('.', '/')}{flow}/states/{tenant}"

    def _uri(self, name: str, key: str) -> str:
        return f"{self._root}/{_file_name(name)}/{_file_name(key) or 'state'}.json"

    async def get(self, name: str, key: str) -> Mapping[str, Any] | None:
        """Return the document, None if there is none."""
        try:
            data = b"".join([chunk async for chunk in self._storage.get(self._uri(name, key))])
        except NotFound:
            return None
        return dict(orjson.loads(data))

    async def put(self, name: str, key: str, data: Mapping[str, Any]) -> None:
        """Store the document."""
        await self._storage.put(self._uri(name, key), _once(as_bytes(as_json(dict(data)))))

    async def delete(self, name: str, key: str) -> bool:
        """Remove the document; return whether it was there."""
        return await self._storage.delete(self._uri(name, key))


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


def _file_name(text: str) -> str:
    """Return a part of a URI for any text; different texts have different ones."""
    plain = slug(text)
    if plain == text:
        return plain
    return f"{plain[:100]}-{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:16]}"
