"""An OpenID Connect provider in memory: what it publishes, and the tokens it makes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from app.api.login_attempts import begun
from app.api.login_providers import Provider
from app.config.oidc import LoginProviderSettings
from app.plugins.http import HttpFailure
from app.ports import HttpAnswer, HttpCall

ISSUER, CLIENT = "https://id.example", "headwater"
NOW = 1_800_000_000
RSA, EC = RSAKey.generate_key(2048), ECKey.generate_key("P-256")


class FixedClock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.seconds = NOW

    def now(self) -> int:
        return self.seconds * 1_000_000


class Answer:
    """An answer that is there at once."""

    def __init__(self, status: int, body: bytes) -> None:
        self.status, self.headers, self._body = status, (), body

    async def read(self, limit: int) -> bytes:
        return self._body[:limit]

    async def stream(self) -> AsyncIterator[bytes]:
        yield self._body


class FakeHttp:
    """The pages of a provider."""

    inline_bytes = 1

    def __init__(self) -> None:
        self.pages: dict[str, Any] = {}
        self.calls: list[HttpCall] = []
        self.down = False

    @asynccontextmanager
    async def send(self, call: HttpCall) -> AsyncIterator[HttpAnswer]:
        self.calls.append(call)
        if self.down:
            raise HttpFailure("no connection", host="id.example", sent=False)
        status, value = self.pages.get(call.url, (404, {}))
        yield Answer(status, orjson.dumps(value))

    async def close(self) -> None:
        pass


def public(key: Any, kid: str, **more: Any) -> dict[str, Any]:
    return {**key.as_dict(private=False), "kid": kid, **more}


class World:
    """A provider, and what it answers."""

    def __init__(self, **settings: Any) -> None:
        self.http, self.clock = FakeHttp(), FixedClock()
        wanted = {"issuer": ISSUER, "client_id": CLIENT, "client_secret": "s3cret"} | settings
        self.settings = LoginProviderSettings(**wanted)
        self.provider = Provider("company", self.settings, self.http, self.clock)
        self.told = {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/auth",
            "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": f"{ISSUER}/jwks",
        }
        self.keys = [public(RSA, "r"), public(EC, "e")]
        self.attempt = begun("company", "https://hw.example/callback", "/", self.clock.now())
        self.publish()

    def publish(self) -> None:
        self.http.pages[f"{ISSUER}/.well-known/openid-configuration"] = (200, self.told)
        self.http.pages[f"{ISSUER}/jwks"] = (200, {"keys": self.keys})

    def claims(self, **more: Any) -> dict[str, Any]:
        every = {
            "iss": ISSUER, "aud": CLIENT, "sub": "42", "iat": NOW, "exp": NOW + 300,
            "nonce": self.attempt.nonce, "email": "ann@example.org", "email_verified": True,
            "groups": ["ops"],
        } | more  # fmt: skip
        return {name: value for name, value in every.items() if value is not None}

    def token(self, alg: str = "RS256", kid: str | None = "r", key: Any = RSA, **more: Any) -> str:
        header = {"alg": alg, **({} if kid is None else {"kid": kid}), **more.pop("head", {})}
        return jwt.encode(header, self.claims(**more), key, [alg])

    async def log_in(self, token: Any, issuer: str | None = None, **more: Any) -> Any:
        tokens = {"id_token": token, "access_token": "at", "token_type": "Bearer"} | more
        self.http.pages[f"{ISSUER}/token"] = (200, tokens)
        return await self.provider.identity(self.attempt, "a-code", issuer)
