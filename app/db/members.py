"""Users and service accounts on SQL."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import orjson
from sqlalchemy import bindparam, delete, func, insert, or_, select, update

from app.db.database import Database
from app.db.member_records import Member, MemberKind
from app.db.sql import Row
from app.db.tables import BindingRow, MemberRow, MembershipRow, SessionRow, TokenRow
from app.errors import Conflict, Fenced

_MEMBER: Any = MemberRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_MEMBERSHIP: Any = MembershipRow.__table__  # type: ignore[attr-defined]  # as above
_BINDING: Any = BindingRow.__table__  # type: ignore[attr-defined]  # as above
_TOKEN: Any = TokenRow.__table__  # type: ignore[attr-defined]  # as above
_SESSION: Any = SessionRow.__table__  # type: ignore[attr-defined]  # as above

_BY_ID = select(_MEMBER).where(_MEMBER.c.id == bindparam("id"))
_NAMED = select(_MEMBER).where(
    _MEMBER.c.tenant == bindparam("tenant"), _MEMBER.c.username == bindparam("username")
)
_AT_ISSUER = select(_MEMBER).where(
    _MEMBER.c.issuer == bindparam("issuer"), _MEMBER.c.subject == bindparam("subject")
)
_LOCAL_USER = select(_MEMBER.c.id).where(_MEMBER.c.kind == "user", _MEMBER.c.issuer == "").limit(1)


class MemberStore:
    """Users (of the instance) and service accounts (of a tenant, or of the instance)."""

    def __init__(self, database: Database, changed: Callable[[], None]) -> None:
        """Read from and write to `database`; `changed` is called when rights may be others."""
        self._database = database
        self._changed = changed

    async def get(self, member_id: str) -> Member | None:
        """Return the member with this id."""
        return _first(await self._database.fetch(_BY_ID, id=member_id))

    async def named(self, username: str, tenant: str = "") -> Member | None:
        """Return the user, or the service account of a tenant, that is called like this."""
        values = {"tenant": tenant, "username": username.lower()}
        return _first(await self._database.fetch(_NAMED, **values))

    async def at_issuer(self, issuer: str, subject: str) -> Member | None:
        """Return the user whom an OIDC issuer knows as `subject`."""
        values = {"issuer": issuer, "subject": subject}
        return _first(await self._database.fetch(_AT_ISSUER, **values)) if subject else None

    async def by_ids(self, ids: Sequence[str]) -> dict[str, Member]:
        """Return the members with these ids, by id."""
        query = select(_MEMBER).where(_MEMBER.c.id.in_(sorted(set(ids))))
        found = [_member(row) for row in await self._database.fetch(query)] if ids else []
        return {each.id: each for each in found}

    async def any_local(self) -> bool:
        """Whether there is a user who was made here, not by a login at an OIDC issuer."""
        return bool(await self._database.fetch(_LOCAL_USER))

    async def search(
        self,
        kind: MemberKind,
        *,
        tenant: str | None = None,
        text: str = "",
        ids: Sequence[str] | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> tuple[list[Member], int]:
        """Return a page of members in order of name, and how many there are.

        Args:
            kind: Which kind of members.
            tenant: Of which tenant ("" is the instance); None: of all.
            text: What their name or e-mail address must hold.
            ids: Only these; None: all.
            limit: Most members that are returned.
            offset: How many are left out before.
        """
        checks = [_MEMBER.c.kind == kind, *_holding(text)]
        if tenant is not None:
            checks.append(_MEMBER.c.tenant == tenant)
        if ids is not None:
            checks.append(_MEMBER.c.id.in_(sorted(set(ids))))
        count = select(func.count().label("total")).select_from(_MEMBER).where(*checks)
        page = select(_MEMBER).where(*checks).order_by(_MEMBER.c.username, _MEMBER.c.id)
        total = (await self._database.fetch(count))[0].total
        rows = await self._database.fetch(page.limit(limit).offset(offset))
        return [_member(row) for row in rows], total

    async def add(self, member: Member) -> None:
        """Store a new member.

        Raises:
            Conflict: when there is one of this name.
        """
        try:
            await self._database.transact(insert(_MEMBER).values(**_values(member)))
        except Fenced:
            raise Conflict(f"there is a member called {member.username} already") from None
        self._changed()

    async def save(self, member: Member) -> None:
        """Store what changed of a member.

        Raises:
            Conflict: when another one has its name.
        """
        statement = update(_MEMBER).where(_MEMBER.c.id == member.id).values(**_values(member))
        try:
            await self._database.transact(statement)
        except Fenced:
            raise Conflict(f"there is a member called {member.username} already") from None
        self._changed()

    async def logged_in(self, member_id: str, at: int) -> None:
        """Note when somebody logged in."""
        mine = update(_MEMBER).where(_MEMBER.c.id == member_id)
        await self._database.transact(mine.values(last_login_at=at))

    async def remove(self, member_id: str) -> None:
        """Delete a member with its memberships, bindings, tokens and sessions."""
        await self._database.transact(
            delete(_MEMBERSHIP).where(_MEMBERSHIP.c.member_id == member_id),
            delete(_BINDING).where(
                _BINDING.c.subject_id == member_id, _BINDING.c.subject_kind != "group"
            ),
            delete(_TOKEN).where(_TOKEN.c.member_id == member_id),
            delete(_SESSION).where(_SESSION.c.member_id == member_id),
            delete(_MEMBER).where(_MEMBER.c.id == member_id),
        )
        self._changed()


def _holding(text: str) -> list[Any]:
    if not text:
        return []
    columns = (_MEMBER.c.username, _MEMBER.c.email, _MEMBER.c.first_name, _MEMBER.c.last_name)
    return [or_(*(func.lower(each).contains(text.lower(), autoescape=True) for each in columns))]


def _values(member: Member) -> dict[str, Any]:
    return asdict(member) | {
        "username": member.username.lower(),
        "email": member.email.lower(),
        "disabled": int(member.disabled),
        "external_groups": orjson.dumps(member.external_groups).decode(),
    }


def _first(rows: Sequence[Row]) -> Member | None:
    return _member(rows[0]) if rows else None


def _member(row: Row) -> Member:
    values = row._asdict()
    values["disabled"] = bool(row.disabled)
    values["external_groups"] = tuple(orjson.loads(row.external_groups))
    return Member(**values)
