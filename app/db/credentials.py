"""API tokens and sessions on SQL. Of their secrets only hashes are kept."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import orjson
from sqlalchemy import bindparam, delete, insert, or_, select, update

from app.access import Grant, Permission, Scope
from app.db.database import Database
from app.db.member_records import Session, Token
from app.db.sql import Row
from app.db.tables import SessionRow, TokenRow

_TOKEN: Any = TokenRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_SESSION: Any = SessionRow.__table__  # type: ignore[attr-defined]  # as above

_TOKEN_BY_ID = select(_TOKEN).where(_TOKEN.c.id == bindparam("id"))
_TOKENS_OF = (
    select(_TOKEN)
    .where(_TOKEN.c.member_id == bindparam("member_id"), _TOKEN.c.revoked_at.is_(None))
    .order_by(_TOKEN.c.created_at, _TOKEN.c.id)
)
_SESSION_BY_ID = select(_SESSION).where(_SESSION.c.id == bindparam("id"))


class TokenStore:
    """API tokens of users and service accounts."""

    def __init__(self, database: Database, changed: Callable[[], None]) -> None:
        """Read from and write to `database`; `changed` is called when rights may be others."""
        self._database = database
        self._changed = changed

    async def get(self, token_id: str) -> Token | None:
        """Return the token with this id, whether or not it still works."""
        rows = await self._database.fetch(_TOKEN_BY_ID, id=token_id)
        return _token(rows[0]) if rows else None

    async def of(self, member_id: str) -> list[Token]:
        """Return somebody's tokens that are not revoked, oldest first."""
        rows = await self._database.fetch(_TOKENS_OF, member_id=member_id)
        return [_token(row) for row in rows]

    async def add(self, token: Token) -> None:
        """Store a new token."""
        await self._database.transact(insert(_TOKEN).values(**_values(token)))

    async def used(self, token_id: str, at: int, expires_at: int | None = None) -> None:
        """Note when a token was used last, and until when it works now, if that changed."""
        values = {"last_used_at": at} | ({} if expires_at is None else {"expires_at": expires_at})
        await self._database.transact(update(_TOKEN).where(_TOKEN.c.id == token_id).values(values))

    async def revoke(self, token_id: str, at: int) -> bool:
        """Refuse a token from now on; return whether it worked before."""
        same = (_TOKEN.c.id == token_id, _TOKEN.c.revoked_at.is_(None))
        found = await self._database.transact(update(_TOKEN).where(*same).values(revoked_at=at))
        self._changed()
        return bool(found[0])

    async def forget(self, before: int) -> None:
        """Delete tokens that ended before a time."""
        ended = or_(_TOKEN.c.expires_at < before, _TOKEN.c.revoked_at < before)
        await self._database.transact(delete(_TOKEN).where(ended))


class SessionStore:
    """Logins of browsers."""

    def __init__(self, database: Database, changed: Callable[[], None]) -> None:
        """Read from and write to `database`; `changed` is called when rights may be others."""
        self._database = database
        self._changed = changed

    async def get(self, session_id: str) -> Session | None:
        """Return the session with this id (the hash of the cookie)."""
        rows = await self._database.fetch(_SESSION_BY_ID, id=session_id)
        return Session(**rows[0]._asdict()) if rows else None

    async def add(self, session: Session) -> None:
        """Store a new session."""
        await self._database.transact(insert(_SESSION).values(**asdict(session)))

    async def seen(self, session_id: str, at: int) -> None:
        """Note when a session was used last."""
        same = update(_SESSION).where(_SESSION.c.id == session_id)
        await self._database.transact(same.values(seen_at=at))

    async def end(self, session_id: str) -> None:
        """End one session."""
        await self._end(_SESSION.c.id == session_id)

    async def end_of(self, member_id: str, *, but: str = "") -> None:
        """End all sessions of somebody, but one."""
        await self._end((_SESSION.c.member_id == member_id) & (_SESSION.c.id != but))

    async def end_external(self, external_id: str, member_id: str) -> None:
        """End the sessions that belong to one at an OIDC issuer, or all of a member ("" = all)."""
        if external_id:
            of_member = _SESSION.c.member_id == member_id
            await self._end((_SESSION.c.external_id == external_id) & of_member)
        else:
            await self.end_of(member_id)

    async def of_external(self, external_id: str) -> list[Session]:
        """Return the sessions that belong to one at an OIDC issuer; others may call theirs so."""
        query = select(_SESSION).where(_SESSION.c.external_id == external_id)
        rows = await self._database.fetch(query) if external_id else []
        return [Session(**row._asdict()) for row in rows]

    async def _end(self, condition: Any) -> None:
        await self._database.transact(delete(_SESSION).where(condition))
        self._changed()

    async def forget(self, now: int, idle: int) -> None:
        """Delete sessions that are over, or were not used for `idle` µs."""
        over = or_(_SESSION.c.expires_at < now, _SESSION.c.seen_at < now - idle)
        await self._database.transact(delete(_SESSION).where(over))


def _values(token: Token) -> dict[str, Any]:
    values = asdict(token)
    values["extended"] = int(token.extended)
    values["limits"] = None if token.limits is None else _limits_text(token.limits)
    return values


def _limits_text(limits: tuple[Grant, ...]) -> str:
    return orjson.dumps(
        [{"permissions": sorted(each.permissions), "place": list(each.scope)} for each in limits]
    ).decode()


_KNOWN = frozenset(str(each) for each in Permission)


def _limits(text: str | None) -> tuple[Grant, ...] | None:
    if text is None:
        return None
    return tuple(
        Grant(
            frozenset(Permission(name) for name in each["permissions"] if name in _KNOWN),
            Scope(*each["place"]),
        )
        for each in orjson.loads(text)
    )


def _token(row: Row) -> Token:
    values = row._asdict()
    values["extended"] = bool(row.extended)
    values["limits"] = _limits(row.limits)
    return Token(**values)
