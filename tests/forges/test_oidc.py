"""Tokens of an OpenID Connect issuer on loopback: which are good, and what it costs to know."""

import base64
import contextlib
import hashlib
import hmac
import time
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

import orjson
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from app.config import OidcSettings
from app.engine.clock import SystemClock
from app.errors import Unauthorized, Unavailable
from app.forges import Forges
from tests.forges.fake_github import serving

AUDIENCE = "https://headwater.example"


class Issuer:
    """Publishes keys, and signs with them."""

    def __init__(self) -> None:
        self.port = 0
        self.keys = {"k1": RSAKey.generate_key(2048)}
        self.more: list[dict[str, Any]] = []
        self.jwks_uri = ""
        self.status = 200
        self.requests: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def settings(self, **more: Any) -> OidcSettings:
        return OidcSettings(**({"issuer": self.url, "audience": AUDIENCE} | more))

    def token(self, *, kid: str = "k1", key: Any = None, alg: str = "RS256", **claims: Any) -> str:
        now = int(time.time())
        every = {"iss": self.url, "aud": AUDIENCE, "exp": now + 300, "iat": now, "nbf": now}
        every |= {"repository": "acme/flows"} | claims
        wanted = {name: value for name, value in every.items() if value is not None}
        header = {"alg": alg, "kid": kid}
        return jwt.encode(header, wanted, key or self.keys.get(kid, self.keys["k1"]), [alg])

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
        self.requests.append(scope["path"])
        if scope["path"] == "/.well-known/openid-configuration":
            body: Any = {"jwks_uri": self.jwks_uri or f"{self.url}/keys"}
        else:
            listed = [each.as_dict(private=False) | {"kid": k} for k, each in self.keys.items()]
            body = {"keys": [*self.more, *listed]}
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": orjson.dumps(body)})


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    with serving(Issuer()) as made:
        yield made


async def test_a_good_token(forges: Forges, issuer: Issuer) -> None:
    settings = issuer.settings(claims={"environment": "production"})
    for _ in range(3):
        claims = await forges.claims(settings, issuer.token(environment="production"))
        assert claims["repository"] == "acme/flows"
    assert len(issuer.requests) == 2, "keys are kept"
    several = issuer.token(aud=["other", AUDIENCE], environment="production")
    assert (await forges.claims(settings, several))["aud"] == ["other", AUDIENCE]


@pytest.mark.parametrize(
    ("claims", "text"),
    [
        ({"iss": "https://evil.example"}, "another issuer"),
        ({"iss": None}, "another issuer"),
        ({"aud": "https://other.example"}, "not for"),
        ({"aud": ["a", "b"]}, "not for"),
        ({"aud": None}, "not for"),
        ({"exp": int(time.time()) - 90}, "ended"),
        ({"exp": None}, "ended"),
        ({"exp": "soon"}, "ended"),
        ({"nbf": int(time.time()) + 3_600}, "later"),
        ({"iat": int(time.time()) + 3_600}, "later"),
        ({"environment": "staging"}, "environment is not production"),
    ],
)
async def test_claims_that_are_not_accepted(
    forges: Forges, issuer: Issuer, claims: dict[str, Any], text: str
) -> None:
    settings = issuer.settings(claims={"environment": "production"})
    token = issuer.token(**({"environment": "production"} | claims))
    with pytest.raises(Unauthorized, match=text):
        await forges.claims(settings, token)


async def test_other_ways_to_sign(forges: Forges, issuer: Issuer) -> None:
    """`none`, the public key as an HMAC secret, another RSA key, another algorithm of the key."""
    good = issuer.token()
    head, body, _ = good.split(".")
    none = "eyJhbGciOiJub25lIiwia2lkIjoiazEifQ"
    hs256 = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsxIn0"
    public = issuer.keys["k1"].as_pem(private=False)
    digest = hmac.new(public, f"{hs256}.{body}".encode(), hashlib.sha256).digest()
    signature = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    tokens = {
        "none": f"{none}.{body}.",
        "hmac": f"{hs256}.{body}.{signature}",
        "other key": issuer.token(key=RSAKey.generate_key(2048)),
        "other algorithm": issuer.token(alg="RS512"),
        "cut": good[:-3],
        "changed": f"{head}.{body[:-2]}AA.{good.split('.')[2]}",
        "empty": "",
        "no token": "a.b.c",
        "odd": "é.é.é",
        "long": "x" * 20_000,
    }
    taken = []
    for name, token in tokens.items():
        with contextlib.suppress(Unauthorized):
            await forges.claims(issuer.settings(), token)
            taken.append(name)
    assert taken == []


async def test_a_key_that_is_new(issuer: Issuer) -> None:
    clock: Any = type("Clock", (), {"at": SystemClock().now(), "now": lambda self: self.at})()
    forges = Forges(clock)
    await forges.claims(issuer.settings(), issuer.token())
    issuer.keys["k2"] = RSAKey.generate_key(2048)
    for _ in range(5):
        with pytest.raises(Unauthorized, match="no such key"):
            await forges.claims(issuer.settings(), issuer.token(kid="k2"))
    assert len(issuer.requests) == 2, "no token makes us ask again and again"
    clock.at += 61_000_000
    assert await forges.claims(issuer.settings(), issuer.token(kid="k2", exp=int(1e10)))
    assert len(issuer.requests) == 4
    await forges.close()


async def test_odd_keys_spoil_nothing(forges: Forges, issuer: Issuer) -> None:
    issuer.more = [
        {"kty": "EC", "kid": "e"},
        {"kty": "RSA", "kid": "x", "n": "!", "e": "AQAB"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
        {"kty": "RSA", "kid": "y", "use": "enc", "n": "AQAB", "e": "AQAB"},
        {"kty": "oct", "kid": "k1", "k": "AAAA"},
    ]
    assert await forges.claims(issuer.settings(), issuer.token())


async def test_keys_of_another_host_are_not_asked(forges: Forges, issuer: Issuer) -> None:
    with serving(Issuer()) as other:
        issuer.jwks_uri = f"{other.url}/keys"
        with pytest.raises(Unauthorized, match="another host"):
            await forges.claims(issuer.settings(), issuer.token())
        assert other.requests == []


async def test_an_issuer_by_plain_http(forges: Forges) -> None:
    settings = OidcSettings(issuer="http://issuer.example", audience=AUDIENCE)
    with pytest.raises(Unauthorized, match="https"):
        await forges.claims(settings, "a.b.c")


async def test_an_issuer_that_does_not_answer(forges: Forges, issuer: Issuer) -> None:
    issuer.status = 500
    with pytest.raises(Unavailable, match="500"):
        await forges.claims(issuer.settings(), issuer.token())
    gone = OidcSettings(issuer="http://127.0.0.1:9", audience=AUDIENCE)
    with pytest.raises(Unavailable, match="does not answer"):
        await forges.claims(gone, issuer.token())
