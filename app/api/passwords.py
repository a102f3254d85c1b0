"""Logging in by a password: equally long for everybody, never too many at once."""

import asyncio

from app.access.passwords import MAX_LENGTH, is_password
from app.api.attempts import Attempts
from app.db.member_records import Member
from app.db.members import MemberStore
from app.errors import TooMany, Unauthorized

_AT_ONCE = 2
"""Each computation takes 19 MiB and a core for some 30 ms."""
_WAITING = 64


class Passwords:
    """Checks passwords."""

    def __init__(self, members: MemberStore, attempts: Attempts) -> None:
        """Look for users in `members`; count in `attempts`."""
        self._members = members
        self._attempts = attempts
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0

    async def check(self, username: str, password: str, address: str) -> Member:
        """Return the user whose name and password these are.

        Raises:
            Unauthorized: in the same words, after the same time, whatever is wrong.
            TooMany: after too many attempts, or while too many wait.
        """
        username = username.replace("\0", "\ufffd")  # PostgreSQL knows no NUL
        with self._attempts.one(username, address):
            member = await self._members.named(username)
            right = await self._verify(password, member.password if member else None)
            if member is None or not right or member.disabled or member.kind != "user":
                raise Unauthorized("user name or password is wrong")
        return member

    async def _verify(self, password: str, kept: str | None) -> bool:
        if self._waiting >= _WAITING:
            raise TooMany("too many log in at the moment; try again", retry_after=1)
        self._waiting += 1
        try:
            async with self._turns:
                return await asyncio.to_thread(is_password, password[: MAX_LENGTH + 1], kept)
        finally:
            self._waiting -= 1
