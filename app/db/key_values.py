"""Key-value pairs on SQL: the `KeyValues` port.

A pair whose time has come is treated as absent at once; the hourly job removes its row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, or_, select

from app.access import Reach
from app.db.database import Database
from app.db.journal import decoded, encoded
from app.db.reaching import within_reach
from app.db.sql import Row, Write
from app.db.tables import KeyValueRow
from app.errors import Conflict
from app.ports import Clock, KeptKey, KeyValue

_TABLE: Any = KeyValueRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_C = _TABLE.c

SORTABLE = {
    "key": _C.key,
    "namespace": _C.namespace,
    "creationDate": _C.created_at,
    "updateDate": _C.updated_at,
    "expirationDate": _C.expires_at,
}
"""Kestra's sort keys and our columns."""

# As text: expressions ask for keys, and building a statement takes longer than running it.
_GET = (
    "SELECT key, kind, value, description, created_at, updated_at, expires_at FROM key_value"
    " WHERE tenant = ? AND namespace = ? AND key = ? AND (expires_at IS NULL OR expires_at > ?)"
)
_PUT = (
    "INSERT INTO key_value (tenant, namespace, key, kind, value, description, created_at,"
    " updated_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (tenant, namespace, key) DO UPDATE SET kind = excluded.kind,"
    " value = excluded.value, description = excluded.description,"
    " created_at = CASE WHEN key_value.expires_at <= excluded.updated_at"
    " THEN excluded.created_at ELSE key_value.created_at END,"
    " updated_at = excluded.updated_at, expires_at = excluded.expires_at"
)
# One statement decides, so that of two writers at once exactly one finds the key free.
_PUT_NEW = f"{_PUT} WHERE key_value.expires_at <= excluded.updated_at"
_FORGET = 200


@dataclass(frozen=True, slots=True)
class KeyFilter:
    """Which pairs to list; empty fields do not matter."""

    tenant: str
    namespace: str | None = None
    below: bool = True
    """Whether namespaces below the named one count too."""
    key: str | None = None
    text: str | None = None
    """Part of a key or of a namespace."""
    reach: Reach | None = None
    """Only in namespaces that it holds."""


class SqlKeyValues:
    """Implements `KeyValues`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """Keep pairs in `database`; `clock` says which have expired."""
        self._database = database
        self._clock = clock

    async def get(self, tenant: str, namespace: str, key: str) -> KeyValue | None:
        """Return the pair, None if there is none."""
        now = self._clock.now()
        rows = await self._database.fetch_sql(_GET, tenant, namespace, key, now)
        return _pair(rows[0]) if rows else None

    async def put(
        self, tenant: str, namespace: str, pair: KeyValue, *, overwrite: bool = True
    ) -> None:
        """Store the pair; an existing one keeps its `created_at`."""
        row = (
            tenant,
            namespace,
            pair.key,
            pair.kind,
            encoded(pair.value),
            pair.description,
            pair.created_at,
            pair.updated_at,
            pair.expires_at,
        )
        written = await self._database.submit([Write(_PUT if overwrite else _PUT_NEW, [row])])
        if not written[0]:
            message = f"the key {pair.key} exists already in the namespace {namespace}"
            raise Conflict(message)

    async def delete(self, tenant: str, namespace: str, key: str) -> bool:
        """Remove the pair; return whether it was there."""
        same = (*_place(tenant, namespace), _C.key == key)
        expired = delete(_TABLE).where(*same, _C.expires_at <= self._clock.now())
        return bool((await self._database.transact(expired, delete(_TABLE).where(*same)))[1])

    async def pairs(self, tenant: str, namespace: str, prefix: str = "") -> list[KeyValue]:
        """Return the pairs of one namespace whose keys begin with `prefix`, in order of key."""
        where = [*_place(tenant, namespace), self._present()]
        if prefix:  # no LIKE: SQLite's knows no case
            where.append(func.substr(_C.key, 1, len(prefix)) == prefix)
        rows = await self._database.fetch(select(_TABLE).where(*where))
        return sorted(map(_pair, rows), key=lambda pair: pair.key)

    async def kept(self, tenant: str) -> list[KeptKey]:
        """Return the keys of all namespaces, also expired ones, in order."""
        query = select(_C.namespace, _C.key, _C.expires_at).where(_C.tenant == tenant)
        return sorted(KeptKey(*row) for row in await self._database.fetch(query))

    async def remove(self, tenant: str, keys: Sequence[KeptKey]) -> int:
        """Remove pairs, each unless it was renewed meanwhile; return how many were there."""
        count = 0
        for start in range(0, len(keys), _FORGET):
            chosen = or_(*(_same(each) for each in keys[start : start + _FORGET]))
            statement = delete(_TABLE).where(_C.tenant == tenant, chosen)
            count += (await self._database.transact(statement))[0]
        return count

    async def search(
        self, wanted: "KeyFilter", *, page: int = 1, size: int = 10, sort: Sequence[str] = ()
    ) -> tuple[list[tuple[str, KeyValue]], int]:
        """Return one page of pairs, each after its namespace, and how many there are."""
        where = [_C.tenant == wanted.tenant, self._present(), *_chosen(wanted)]
        count = await self._database.fetch(select(func.count()).select_from(_TABLE).where(*where))
        query = select(_TABLE).where(*where).order_by(*_order(sort))
        rows = await self._database.fetch(query.limit(size).offset((page - 1) * size))
        return [(row.namespace, _pair(row)) for row in rows], count[0][0]

    def _present(self) -> ColumnElement[bool]:
        return or_(_C.expires_at.is_(None), _C.expires_at > self._clock.now())


async def forget_expired(database: Database, now: int) -> int:
    """Delete the pairs that have expired at `now` (µs); return how many."""
    return (await database.transact(delete(_TABLE).where(_C.expires_at <= now)))[0]


def _chosen(wanted: KeyFilter) -> list[ColumnElement[bool]]:
    checks = within_reach(_C.namespace, wanted.reach)
    if wanted.namespace is not None:
        same = _C.namespace == wanted.namespace
        below = _C.namespace.startswith(f"{wanted.namespace}.", autoescape=True)
        checks.append(same | below if wanted.below else same)
    if wanted.key is not None:
        checks.append(_C.key == wanted.key)
    if wanted.text:
        columns = (_C.key, _C.namespace)
        checks.append(or_(*(each.icontains(wanted.text, autoescape=True) for each in columns)))
    return checks


def _order(sort: Sequence[str]) -> list[Any]:
    order = []
    for each in sort:
        name, _, direction = each.partition(":")
        column = SORTABLE.get(name)
        if column is not None:
            order.append(column.desc() if direction == "desc" else column.asc())
    return [*order, _C.namespace, _C.key]


def _place(tenant: str, namespace: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return _C.tenant == tenant, _C.namespace == namespace


def _same(kept: KeptKey) -> ColumnElement[bool]:
    expiry = _C.expires_at.is_(None)
    if kept.expires_at is not None:
        expiry = _C.expires_at == kept.expires_at
    return and_(_C.namespace == kept.namespace, _C.key == kept.key, expiry)


def _pair(row: Row) -> KeyValue:
    return KeyValue(
        row.key,
        row.kind,
        decoded(row.value),
        row.description,
        row.created_at,
        row.updated_at,
        row.expires_at,
    )
