"""Tokens of OpenID Connect issuers, such as GitHub Actions': read, and all of it checked.

Signed with RS256 and a key that the issuer publishes; nothing else is taken, whatever a token says
of itself (`alg`, `jku`, an unknown `kid`).
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from app.config import OidcSettings
from app.errors import Unauthorized, Unavailable
from app.plugins.http import HttpFailure
from app.ports import Clock, HttpCall, HttpClient

_MOST_TOKEN = 16_384
_MOST_BYTES = 1 << 20
_KEPT_SECONDS = 3600
_AGAIN_SECONDS = 60
"""How often keys are asked for because of a token whose key is not known."""
_CLOCKS_DIFFER = 60
_MICROSECONDS = 1_000_000
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Headed(Protocol):
    """A token whose header was read and whose signature was not checked yet."""

    def headers(self) -> dict[str, Any]:
        """Return what the token says of itself."""
        ...


class _Keys:
    """The keys of one issuer."""

    def __init__(self) -> None:
        self.by_id: dict[str, RSAKey] = {}
        self.read_at = -_KEPT_SECONDS
        self.lock = asyncio.Lock()


class Issuers:
    """Reads tokens; keeps the keys of their issuers for an hour."""

    def __init__(self, http: HttpClient, clock: Clock) -> None:
        """Ask issuers through `http`."""
        self._http = http
        self._clock = clock
        self._keys: dict[str, _Keys] = {}

    async def claims(self, oidc: OidcSettings, token: str) -> Mapping[str, Any]:
        """Return what a token claims, all of it good for these settings.

        Raises:
            Unauthorized: when the token is not good. Unavailable: when the issuer does not answer.
        """
        if len(token) > _MOST_TOKEN:
            raise Unauthorized("the token is too long")
        keys = self._keys.setdefault(oidc.issuer, _Keys())
        await self._renew(oidc.issuer, keys, _KEPT_SECONDS)
        try:
            claims = _read(token, keys)
        except KeyError:
            await self._renew(oidc.issuer, keys, _AGAIN_SECONDS)
            try:
                claims = _read(token, keys)
            except KeyError:
                message = f"{oidc.issuer} has no such key as the token was signed with"
                raise Unauthorized(message) from None
        _check(oidc, claims, self._now())
        return claims

    async def _renew(self, issuer: str, keys: _Keys, oldest: int) -> None:
        async with keys.lock:
            if self._now() - keys.read_at < oldest:
                return
            found = await self._get(f"{issuer}/.well-known/openid-configuration", issuer)
            listed = await self._get(str(found.get("jwks_uri", "")), issuer)
            keys.by_id = _rsa_keys(listed)
            keys.read_at = self._now()

    async def _get(self, url: str, issuer: str) -> Mapping[str, Any]:
        """Return a JSON object of the issuer: from its own host, and by https."""
        parts, own = urlsplit(url), urlsplit(issuer)
        safe = parts.scheme == "https" or parts.hostname in _LOOPBACK
        if parts[:2] != own[:2] or not safe:
            message = f"{issuer} has its keys at another host, or not by https: {url[:200]}"
            raise Unauthorized(message)
        try:
            async with self._http.send(HttpCall("GET", url, follow_redirects=False)) as answer:
                data = await answer.read(_MOST_BYTES)
        except HttpFailure as error:
            raise Unavailable(f"{issuer} does not answer: {error.message}") from None
        try:
            value = orjson.loads(data) if answer.status == 200 else None
        except orjson.JSONDecodeError:
            value = None
        if not isinstance(value, dict):
            raise Unavailable(f"{issuer} answered {answer.status} and no JSON object to {url}")
        return value

    def _now(self) -> int:
        return self._clock.now() // _MICROSECONDS


def _rsa_keys(listed: Mapping[str, Any]) -> dict[str, RSAKey]:
    found: dict[str, RSAKey] = {}
    for each in listed.get("keys", ()):
        if each.get("kty") != "RSA" or each.get("use", "sig") != "sig" or not each.get("kid"):
            continue
        try:
            found[str(each["kid"])] = RSAKey.import_key(
                {name: each[name] for name in ("kty", "n", "e")}
            )
        except (JoseError, ValueError, KeyError):
            continue  # one odd key must not spoil the others
    return found


def _read(token: str, keys: _Keys) -> Mapping[str, Any]:
    """Return the claims of a token whose signature is good; raises `KeyError` for its key."""

    def key_of(head: Headed) -> RSAKey:
        return keys.by_id[str(head.headers().get("kid"))]

    try:
        return jwt.decode(token, key_of, algorithms=["RS256"]).claims
    except (JoseError, ValueError, TypeError, UnicodeError):
        raise Unauthorized("the token is none, or its signature is wrong") from None


def _check(oidc: OidcSettings, claims: Mapping[str, Any], now: int) -> None:
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    reasons = {
        "it is of another issuer": claims.get("iss") != oidc.issuer,
        f"it is not for {oidc.audience}": oidc.audience not in audiences,
        "it has ended": _seconds(claims, "exp", 0) <= now - _CLOCKS_DIFFER,
        "it is for later": _seconds(claims, "nbf", now) > now + _CLOCKS_DIFFER,
        "it was made later than now": _seconds(claims, "iat", now) > now + _CLOCKS_DIFFER,
    }
    for name, wanted in oidc.claims.items():
        reasons[f"its {name} is not {wanted}"] = str(claims.get(name)) != wanted
    for reason, holds in reasons.items():
        if holds:
            raise Unauthorized(f"the token is not accepted: {reason}")


def _seconds(claims: Mapping[str, Any], name: str, otherwise: int) -> float:
    value = claims.get(name, otherwise)
    return float(value) if isinstance(value, int | float) else 0.0
