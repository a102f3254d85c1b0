"""Groups and who is in them, on SQL."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, Literal

from sqlalchemy import bindparam, delete, func, insert, or_, select, update

from app.db.database import Database
from app.db.member_records import Group, Membership
from app.db.tables import BindingRow, GroupRow, MembershipRow
from app.errors import Conflict, Fenced

_GROUP: Any = GroupRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_MEMBERSHIP: Any = MembershipRow.__table__  # type: ignore[attr-defined]  # as above
_BINDING: Any = BindingRow.__table__  # type: ignore[attr-defined]  # as above

_BY_ID = select(_GROUP).where(_GROUP.c.id == bindparam("id"))
_NAMED = select(_GROUP).where(
    _GROUP.c.tenant == bindparam("tenant"), _GROUP.c.name == bindparam("name")
)
_OF = (
    select(_GROUP)
    .join(_MEMBERSHIP, _MEMBERSHIP.c.group_id == _GROUP.c.id)
    .where(_MEMBERSHIP.c.member_id == bindparam("member_id"))
    .order_by(_GROUP.c.name)
)
_MEMBERS = select(_MEMBERSHIP).where(_MEMBERSHIP.c.group_id == bindparam("group_id"))
_MEMBERSHIPS = select(_MEMBERSHIP).where(_MEMBERSHIP.c.member_id == bindparam("member_id"))


class GroupStore:
    """Groups of the instance and of tenants."""

    def __init__(self, database: Database, changed: Callable[[], None]) -> None:
        """Read from and write to `database`; `changed` is called when rights may be others."""
        self._database = database
        self._changed = changed

    async def get(self, group_id: str) -> Group | None:
        """Return the group with this id."""
        rows = await self._database.fetch(_BY_ID, id=group_id)
        return Group(**rows[0]._asdict()) if rows else None

    async def named(self, name: str, tenant: str = "") -> Group | None:
        """Return the group of the instance (or of a tenant) that is called like this."""
        rows = await self._database.fetch(_NAMED, tenant=tenant, name=name)
        return Group(**rows[0]._asdict()) if rows else None

    async def all_named(self, names: Sequence[str]) -> list[Group]:
        """Return the groups of the instance that are called like these."""
        wanted = _GROUP.c.name.in_(sorted(set(names)))
        query = select(_GROUP).where(_GROUP.c.tenant == "", wanted)
        rows = await self._database.fetch(query) if names else []
        return [Group(**row._asdict()) for row in rows]

    async def by_ids(self, ids: Sequence[str]) -> dict[str, Group]:
        """Return the groups with these ids, by id."""
        query = select(_GROUP).where(_GROUP.c.id.in_(sorted(set(ids))))
        rows = await self._database.fetch(query) if ids else []
        return {row.id: Group(**row._asdict()) for row in rows}

    async def search(
        self, tenant: str | None = None, *, text: str = "", limit: int = 100, offset: int = 0
    ) -> tuple[list[Group], int]:
        """Return a page of groups in order of name, and how many there are.

        `tenant` is "" for those of the instance, None for all.
        """
        checks: list[Any] = [] if tenant is None else [_GROUP.c.tenant == tenant]
        if text:
            checks.append(func.lower(_GROUP.c.name).contains(text.lower(), autoescape=True))
        count = select(func.count().label("total")).select_from(_GROUP).where(*checks)
        page = select(_GROUP).where(*checks).order_by(_GROUP.c.name, _GROUP.c.id)
        total = (await self._database.fetch(count))[0].total
        rows = await self._database.fetch(page.limit(limit).offset(offset))
        return [Group(**row._asdict()) for row in rows], total

    async def of(self, member_id: str) -> list[Group]:
        """Return the groups somebody is in."""
        rows = await self._database.fetch(_OF, member_id=member_id)
        return [Group(**row._asdict()) for row in rows]

    async def memberships(self, member_id: str) -> list[Membership]:
        """Return somebody's memberships."""
        rows = await self._database.fetch(_MEMBERSHIPS, member_id=member_id)
        return [Membership(**row._asdict()) for row in rows]

    async def members(self, group_id: str) -> list[Membership]:
        """Return who is in a group."""
        rows = await self._database.fetch(_MEMBERS, group_id=group_id)
        return [Membership(**row._asdict()) for row in rows]

    async def members_within(self, tenant: str, others: Sequence[str] = ()) -> set[str]:
        """Return the ids of everybody in a group of a tenant, or in one of some others (ids)."""
        meant = or_(_GROUP.c.tenant == tenant, _GROUP.c.id.in_(sorted(set(others))))
        joined = select(_MEMBERSHIP.c.member_id).join(_GROUP, _MEMBERSHIP.c.group_id == _GROUP.c.id)
        rows = await self._database.fetch(joined.where(meant).distinct())
        return {row.member_id for row in rows}

    async def add(self, group: Group) -> None:
        """Store a new group.

        Raises:
            Conflict: when there is one of this name.
        """
        await self._write(group, insert(_GROUP))

    async def save(self, group: Group) -> None:
        """Store what changed of a group.

        Raises:
            Conflict: when another one has its name.
        """
        await self._write(group, update(_GROUP).where(_GROUP.c.id == group.id))

    async def _write(self, group: Group, statement: Any) -> None:
        try:
            await self._database.transact(statement.values(**asdict(group)))
        except Fenced:
            raise Conflict(f"there is a group called {group.name} already") from None
        self._changed()

    async def remove(self, group_id: str) -> None:
        """Delete a group with its memberships and bindings."""
        await self._database.transact(
            delete(_MEMBERSHIP).where(_MEMBERSHIP.c.group_id == group_id),
            delete(_BINDING).where(
                _BINDING.c.subject_id == group_id, _BINDING.c.subject_kind == "group"
            ),
            delete(_GROUP).where(_GROUP.c.id == group_id),
        )
        self._changed()

    async def join(
        self, group_id: str, member_id: str, kind: Literal["MEMBER", "OWNER"] = "MEMBER"
    ) -> None:
        """Put somebody into a group, or change as what."""
        joined = Membership(group_id, member_id, kind)
        await self._database.transact(
            _leaving(group_id, member_id), insert(_MEMBERSHIP).values(**asdict(joined))
        )
        self._changed()

    async def leave(self, group_id: str, member_id: str) -> bool:
        """Take somebody out of a group; return whether they were in it."""
        found = await self._database.transact(_leaving(group_id, member_id))
        self._changed()
        return bool(found[0])


def _leaving(group_id: str, member_id: str) -> Any:
    same = (_MEMBERSHIP.c.group_id == group_id, _MEMBERSHIP.c.member_id == member_id)
    return delete(_MEMBERSHIP).where(*same)
