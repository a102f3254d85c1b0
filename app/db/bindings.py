"""Roles that operators wrote, and who has which role where, on SQL."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any

import orjson
from sqlalchemy import bindparam, delete, func, insert, or_, select, update

from app.access import Permission, Scope
from app.db.database import Database
from app.db.member_records import Binding, StoredRole, SubjectKind
from app.db.sql import Row
from app.db.tables import BindingRow, RoleRow
from app.errors import Conflict, Fenced

_ROLE: Any = RoleRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_BINDING: Any = BindingRow.__table__  # type: ignore[attr-defined]  # as above

_ROLE_BY_ID = select(_ROLE).where(_ROLE.c.id == bindparam("id"))
_BINDING_BY_ID = select(_BINDING).where(_BINDING.c.id == bindparam("id"))
_KNOWN = frozenset(str(each) for each in Permission)


class RoleStore:
    """Roles that are not built in: of the instance (for every tenant), or of one tenant."""

    def __init__(self, database: Database, changed: Callable[[], None]) -> None:
        """Read from and write to `database`; `changed` is called when rights may be others."""
        self._database = database
        self._changed = changed

    async def get(self, role_id: str) -> StoredRole | None:
        """Return the role with this id."""
        rows = await self._database.fetch(_ROLE_BY_ID, id=role_id)
        return _role(rows[0]) if rows else None

    async def of(self, tenant: str) -> list[StoredRole]:
        """Return the roles that a tenant may use ("": those of the instance), by name."""
        query = select(_ROLE).where(_ROLE.c.tenant.in_(("", tenant)))
        rows = await self._database.fetch(query.order_by(_ROLE.c.name, _ROLE.c.tenant))
        return [_role(row) for row in rows]

    async def by_ids(self, ids: Iterable[str]) -> dict[str, StoredRole]:
        """Return the roles with these ids, by id."""
        wanted = sorted(set(ids))
        query = select(_ROLE).where(_ROLE.c.id.in_(wanted))
        rows = await self._database.fetch(query) if wanted else []
        return {row.id: _role(row) for row in rows}

    async def add(self, role: StoredRole) -> None:
        """Store a new role.

        Raises:
            Conflict: when there is one of this name.
        """
        await self._write(role, insert(_ROLE))

    async def save(self, role: StoredRole) -> None:
        """Store what changed of a role.

        Raises:
            Conflict: when another one has its name.
        """
        await self._write(role, update(_ROLE).where(_ROLE.c.id == role.id))

    async def _write(self, role: StoredRole, statement: Any) -> None:
        permissions = orjson.dumps(sorted(role.permissions)).decode()
        values = asdict(role) | {"permissions": permissions}
        try:
            await self._database.transact(statement.values(**values))
        except Fenced:
            raise Conflict(f"there is a role called {role.name} already") from None
        self._changed()

    async def remove(self, role_id: str) -> None:
        """Delete a role and every binding of it."""
        await self._database.transact(
            delete(_BINDING).where(_BINDING.c.role_id == role_id),
            delete(_ROLE).where(_ROLE.c.id == role_id),
        )
        self._changed()


class BindingStore:
    """Who has which role where."""

    def __init__(self, database: Database, changed: Callable[[], None]) -> None:
        """Read from and write to `database`; `changed` is called when rights may be others."""
        self._database = database
        self._changed = changed

    async def get(self, binding_id: str) -> Binding | None:
        """Return the binding with this id."""
        rows = await self._database.fetch(_BINDING_BY_ID, id=binding_id)
        return _binding(rows[0]) if rows else None

    async def of(self, subjects: Iterable[tuple[SubjectKind, str]]) -> list[Binding]:
        """Return the bindings of members and groups, given as (kind, id)."""
        kinds: dict[SubjectKind, list[str]] = {}
        for kind, subject_id in subjects:
            kinds.setdefault(kind, []).append(subject_id)
        if not kinds:
            return []
        some = (
            (_BINDING.c.subject_kind == kind) & _BINDING.c.subject_id.in_(sorted(ids))
            for kind, ids in kinds.items()
        )
        query = select(_BINDING).where(or_(*some)).order_by(_BINDING.c.id)
        return [_binding(row) for row in await self._database.fetch(query)]

    async def search(
        self,
        tenant: str | None,
        *,
        namespace: str | None = None,
        subject: tuple[SubjectKind, str] | None = None,
        role_id: str | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> tuple[list[Binding], int]:
        """Return a page of the bindings of a tenant (None: of the instance), oldest first."""
        mine = _BINDING.c.tenant.is_(None) if tenant is None else _BINDING.c.tenant == tenant
        exact = [
            (_BINDING.c.namespace, namespace),
            (_BINDING.c.role_id, role_id),
            (_BINDING.c.subject_kind, subject and subject[0]),
            (_BINDING.c.subject_id, subject and subject[1]),
        ]
        checks = [mine, *(column == value for column, value in exact if value is not None)]
        count = select(func.count().label("total")).select_from(_BINDING).where(*checks)
        page = select(_BINDING).where(*checks).order_by(_BINDING.c.id)
        total = (await self._database.fetch(count))[0].total
        rows = await self._database.fetch(page.limit(limit).offset(offset))
        return [_binding(row) for row in rows], total

    async def members_of(self, tenant: str) -> list[tuple[SubjectKind, str]]:
        """Return who has any role in a tenant or below it: (kind, id)."""
        columns = (_BINDING.c.subject_kind, _BINDING.c.subject_id)
        query = select(*columns).where(_BINDING.c.tenant == tenant).distinct()
        rows = await self._database.fetch(query)
        return [(row.subject_kind, row.subject_id) for row in rows]

    async def add(self, bindings: Sequence[Binding]) -> None:
        """Store new bindings, all or none."""
        if bindings:
            await self._database.transact(
                *(insert(_BINDING).values(**_values(each)) for each in bindings)
            )
            self._changed()

    async def remove(self, binding_id: str) -> bool:
        """Delete a binding; return whether it was there."""
        gone = delete(_BINDING).where(_BINDING.c.id == binding_id)
        found = await self._database.transact(gone)
        self._changed()
        return bool(found[0])


def _values(binding: Binding) -> dict[str, Any]:
    values = asdict(binding)
    scope = values.pop("scope")
    return values | {"tenant": scope[0], "namespace": scope[1]}


def _binding(row: Row) -> Binding:
    values = row._asdict()
    scope = Scope(values.pop("tenant"), values.pop("namespace"))
    return Binding(**values, scope=scope)


def _role(row: Row) -> StoredRole:
    known = (each for each in orjson.loads(row.permissions) if each in _KNOWN)
    return StoredRole(**row._asdict() | {"permissions": frozenset(map(Permission, known))})
