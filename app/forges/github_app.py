"""Tokens of a GitHub App: it signs for itself, and is given tokens for one repository.

Installation tokens live an hour; they are kept until shortly before their end.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from joserfc import jwt
from joserfc.jwk import RSAKey

from app.errors import AuthFailed
from app.forges.calls import Api, Headers
from app.ports import Clock

_MICROSECONDS = 1_000_000
_CLOCKS_DIFFER = 60
_LIFE = 540
"""Seconds; ten minutes are the most that GitHub takes."""
_BEFORE_END = 300


class AppKey:
    """What an App signs for itself with."""

    def __init__(self, app_id: str, key_file: Path, clock: Clock) -> None:
        """Read the key when it is needed first."""
        self._app_id = app_id
        self._file = key_file
        self._clock = clock
        self._key: RSAKey | None = None

    async def headers(self) -> Headers:
        """Return the header that proves the App itself."""
        if self._key is None:
            self._key = await asyncio.to_thread(_read, self._file)
        now = self._clock.now() // _MICROSECONDS
        claims = {"iat": now - _CLOCKS_DIFFER, "exp": now + _LIFE, "iss": self._app_id}
        text = jwt.encode({"alg": "RS256"}, claims, self._key)
        return [("authorization", f"Bearer {text}")]


class AppTokens:
    """Installation tokens for one repository."""

    def __init__(
        self, api: Api, repository: str, clock: Clock, installation: int | None = None
    ) -> None:
        """Ask `api`, as the App; without an installation the repository's is asked for."""
        self._api = api
        self._repository = repository
        self._clock = clock
        self._given = installation
        self._found: int | None = None
        self._token = ""
        self._ends = 0
        self._lock = asyncio.Lock()

    async def headers(self) -> Sequence[tuple[str, str]]:
        """Return the header that proves the installation."""
        return [("authorization", f"Bearer {await self.token()}")]

    def forget(self) -> None:
        """Take no token or installation for good any longer: GitHub has refused one."""
        self._ends = 0
        self._found = None

    async def token(self) -> str:
        """Return a token that is good for some minutes at least."""
        async with self._lock:
            if self._clock.now() >= self._ends:
                await self._renew()
            return self._token

    async def _renew(self) -> None:
        number = self._given or self._found or await self._installation()
        wanted = {"repositories": [self._repository.rpartition("/")[2]]}
        path = f"/app/installations/{number}/access_tokens"
        made = await self._api.send("POST", path, wanted)
        ends = datetime.fromisoformat(made["expires_at"]).timestamp()
        self._found = number
        self._token = str(made["token"])
        self._ends = int((ends - _BEFORE_END) * _MICROSECONDS)

    async def _installation(self) -> int:
        found = await self._api.get(f"/repos/{quote(self._repository)}/installation")
        return int(found["id"])


def _read(file: Path) -> RSAKey:
    try:
        return RSAKey.import_key(file.read_bytes())
    except (OSError, ValueError) as error:
        kind = type(error).__name__
        message = f"forge_key_file {file} holds no RSA private key in PEM ({kind})"
        raise AuthFailed(message) from None
