"""Who sends a request: tokens, passwords and cookies become callers, remembered for seconds.

What was remembered is forgotten at once when this process changes rights, and after five seconds
in any case: that is how long a revoked token or a disabled user lasts elsewhere.
"""

import asyncio
import base64
import binascii
import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import NamedTuple
from weakref import WeakValueDictionary

from starlette.types import Scope

from app.access import Caller
from app.access.tokens import hash_of, id_of, is_hash_of
from app.api.attempts import Attempts
from app.api.cookies import CSRF_HEADER, is_csrf
from app.api.entitlements import Entitlements
from app.api.passwords import Passwords
from app.config import AccessSettings
from app.db.access import AccessStore
from app.db.member_records import Member, Session, Token
from app.errors import Forbidden, Unauthorized
from app.ports import Clock

_SECOND = 1_000_000
REMEMBERED = 5 * _SECOND
_NOTED = 60 * _SECOND
"""How old the time of the last use may be before it is written again."""
_MOST = 4096
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_LONGEST = 2048
"""Bytes of an `Authorization` header that are looked at."""


class _Known(NamedTuple):
    caller: Caller
    until: int


class Identities:
    """Finds out who callers are."""

    def __init__(self, store: AccessStore, clock: Clock, settings: AccessSettings) -> None:
        """Read from `store`, by `clock`."""
        self.store = store
        self.entitlements = Entitlements(store, settings.source)
        self.attempts = Attempts(settings.attempts_per_minute)
        self.passwords = Passwords(store.members, self.attempts)
        self._clock = clock
        self._idle = int(settings.session_idle_hours * 3600) * _SECOND
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._locks: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()
        self._salt = secrets.token_bytes(32)
        self._changes = 0
        """How often rights changed: what was read before does not count after."""
        store.heard.append(self._forget)

    async def by_header(self, given: bytes, address: str) -> Caller:
        """Return who sends an `Authorization` header.

        Raises:
            Unauthorized: when it names nobody. TooMany: after too many wrong passwords.
        """
        if len(given) > _LONGEST:
            raise Unauthorized("the Authorization header is too long")
        scheme, _, rest = given.decode("latin-1").partition(" ")
        if scheme.lower() == "bearer":
            return await self._by_token(rest.strip())
        if scheme.lower() == "basic":
            return await self._by_basic(rest.strip(), address)
        raise Unauthorized("send Authorization: Bearer hw_…, or Basic")

    async def by_session(self, secret: str, method: str, headers: dict[bytes, bytes]) -> Caller:
        """Return whose session a cookie is of.

        Raises:
            Unauthorized: when the session is over.
            Forbidden: when a change does not prove that it comes from our own pages.
        """
        caller = await self._remembered(secret, lambda: self._session(secret))
        if method not in _SAFE and not is_csrf(secret, headers.get(CSRF_HEADER, b"")):
            message = "send the value of the cookie headwater_csrf as the header X-CSRF-Token"
            raise Forbidden(message)
        return caller

    async def of_member(self, member: Member) -> Caller:
        """Return a member as a caller: what it may do now."""
        return await self.entitlements.caller(member, self._clock.now())

    # -- tokens and passwords -----------------------------------------------------------------

    async def _by_token(self, text: str) -> Caller:
        if id_of(text) is None:
            raise Unauthorized("this is no token of Headwater: they begin with hw_")
        return await self._remembered(text, lambda: self._token(text))

    async def _by_basic(self, encoded: str, address: str) -> Caller:
        try:
            user, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise Unauthorized("the Basic credentials are malformed") from None
        if not colon:
            raise Unauthorized("the Basic credentials are malformed")
        if id_of(password) is not None:
            return await self._by_token(password)  # for clients that know no other way

        self.attempts.check(user, address)  # also where it is remembered: many guesses are refused

        async def find() -> _Known:
            member = await self.passwords.check(user, password, address)
            return self._for_a_while(await self.of_member(member))

        # By address: elsewhere a guess is an attempt, also when the right one was just used here.
        return await self._remembered(f"{address} {user}:{password}", find)

    async def _token(self, text: str) -> _Known:
        now = self._clock.now()
        token = await self.store.tokens.get(id_of(text) or "")
        fits = is_hash_of(token.hash if token else "", text)
        if token is None or not fits or not token.works(now):
            raise Unauthorized("the token is unknown, revoked or expired")
        caller = await self._of(token.member_id)
        await self._note(token, now)
        found = replace(caller, token_id=token.id, limit=token.limits)
        return _Known(found, min(now + REMEMBERED, token.expires_at))

    async def _note(self, token: Token, now: int) -> None:
        if token.last_used_at is not None and now - token.last_used_at < _NOTED:
            return
        later = now + token.max_age if token.extended else None
        await self.store.tokens.used(token.id, now, later)

    # -- sessions -----------------------------------------------------------------------------

    async def _session(self, secret: str) -> _Known:
        now = self._clock.now()
        session = await self.store.sessions.get(hash_of(secret))
        if session is None or not self._lasts(session, now):
            raise Unauthorized("the session is over; log in again")
        caller = await self._of(session.member_id)
        if now - session.seen_at >= _NOTED:
            await self.store.sessions.seen(session.id, now)
        found = replace(caller, session_id=session.id)
        return _Known(found, min(now + REMEMBERED, session.expires_at))

    def _lasts(self, session: Session, now: int) -> bool:
        return now < min(session.expires_at, session.seen_at + self._idle)

    async def _of(self, member_id: str) -> Caller:
        member = await self.store.members.get(member_id)
        if member is None or member.disabled:
            raise Unauthorized("the account is disabled")
        return await self.of_member(member)

    # -- what is remembered -------------------------------------------------------------------

    def _for_a_while(self, caller: Caller) -> _Known:
        return _Known(caller, self._clock.now() + REMEMBERED)

    async def _remembered(self, credential: str, find: Callable[[], Awaitable[_Known]]) -> Caller:
        """Return who a credential is of; many requests that ask at once cause one search."""
        key = hashlib.blake2b(credential.encode(), key=self._salt, digest_size=16).digest()
        known = self._fresh(key)
        if known is None:
            async with self._locks.setdefault(key, asyncio.Lock()):
                known = self._fresh(key) or await self._found(key, find)
        return known.caller

    async def _found(self, key: bytes, find: Callable[[], Awaitable[_Known]]) -> _Known:
        changes = self._changes
        known = await find()
        if changes == self._changes:
            self._known[key] = known
            while len(self._known) > _MOST:
                self._known.popitem(last=False)
        return known

    def _forget(self) -> None:
        self._changes += 1
        self._known.clear()

    def _fresh(self, key: bytes) -> _Known | None:
        known = self._known.get(key)
        return known if known is not None and self._clock.now() < known.until else None


def address_of(scope: Scope) -> str:
    """Return where a request comes from, as trusted proxies have it."""
    client = scope.get("client")
    return client[0] if client else ""
