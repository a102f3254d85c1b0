"""ID tokens and logout tokens of OpenID Connect: their signatures and claims. Blocking."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from app.config.oidc import LoginProviderSettings
from app.errors import Unauthorized

MOST_TOKEN = 65_536
_MOST_KEYS = 100
_CLOCKS_DIFFER = 60
"""Seconds."""
_LOGOUT = "http://schemas.openid.net/event/backchannel-logout"
_PUBLIC = {"RSA": ("kty", "n", "e"), "EC": ("kty", "crv", "x", "y")}
_FAMILY = {"RS": "RSA", "PS": "RSA", "ES": "EC"}


class Expected(NamedTuple):
    """What a token must be."""

    settings: LoginProviderSettings
    now: int
    """Seconds since the epoch."""
    nonce: str = ""
    access_token: Any = None


class LoggedOut(NamedTuple):
    """Whose sessions end: those of a session at the provider, else all of a person."""

    issuer: str
    subject: str
    session: str
    token: str
    """The id of the token: each counts once."""
    until: int
    """When it ends, in seconds since the epoch."""


class KeySet:
    """The public keys of a provider."""

    def __init__(self) -> None:
        """Start without any."""
        self._keys: dict[tuple[str, str], Any] = {}

    @classmethod
    def of(cls, listed: Mapping[str, Any]) -> Self:
        """Read a JSON Web Key Set; what is no public key for signatures is left out."""
        from joserfc.errors import JoseError  # noqa: PLC0415 - at login
        from joserfc.jwk import ECKey, RSAKey  # noqa: PLC0415 - at login

        found = cls()
        keys = listed.get("keys")
        for each in (keys if isinstance(keys, list) else [])[:_MOST_KEYS]:
            if not isinstance(each, dict) or each.get("use", "sig") != "sig":
                continue
            kind = each.get("kty")
            if kind not in _PUBLIC:
                continue
            try:
                public = {name: each[name] for name in _PUBLIC[kind]}
                key = (RSAKey if kind == "RSA" else ECKey).import_key(public)
            except (JoseError, ValueError, KeyError, TypeError):
                continue  # one odd key must not spoil the others
            found._keys[kind, str(each.get("kid", ""))] = key
        return found

    def key(self, header: Mapping[str, Any]) -> Any:
        """Return the key that a token's header names; raises `KeyError`.

        Where the header names none, the one key that there is for its algorithm.
        """
        kind = _FAMILY.get(str(header.get("alg"))[:2], "")
        if "kid" in header:
            return self._keys[kind, str(header["kid"])]
        fitting = [key for (each, _), key in self._keys.items() if each == kind]
        if len(fitting) != 1:
            raise KeyError(kind)
        return fitting[0]


def id_token(token: str, keys: KeySet, expected: Expected) -> dict[str, Any]:
    """Return the claims of an ID token, all of them checked.

    Raises:
        Unauthorized: when it is not good. KeyError: when its key is not known.
    """
    from authlib.oidc.core import CodeIDToken  # noqa: PLC0415 - at login
    from joserfc.errors import JoseError  # noqa: PLC0415 - at login

    read, settings = _signed(token, keys, expected), expected.settings
    claims = CodeIDToken(
        read.claims,
        read.header,
        options={
            "iss": {"essential": True, "value": settings.issuer},
            "aud": {"essential": True, "value": settings.client_id},
        },
        params={
            "nonce": expected.nonce,
            "client_id": settings.client_id,
            "access_token": expected.access_token,
        },
    )
    try:
        claims.validate(expected.now, _CLOCKS_DIFFER)
    except (JoseError, ValueError, TypeError, AttributeError) as error:
        raise Unauthorized(f"the ID token is not accepted: {_reason(error)}") from None
    if not expected.nonce or not claims["sub"]:
        raise Unauthorized("the ID token is not accepted: nonce or sub is empty")
    for name, wanted in settings.claims.items():
        if str(claims.get(name)) != wanted:
            raise Unauthorized(f"you may not log in here: your {name} is not {wanted}")
    return dict(claims)


def logout_token(token: str, keys: KeySet, expected: Expected) -> LoggedOut:
    """Return what a logout token ends (OpenID Connect Back-Channel Logout 1.0, 2.6).

    Raises:
        Unauthorized: when it is not good. KeyError: when its key is not known.
    """
    from joserfc.errors import JoseError  # noqa: PLC0415 - at login
    from joserfc.jwt import JWTClaimsRegistry  # noqa: PLC0415 - at login

    read, settings = _signed(token, keys, expected), expected.settings
    claims = read.claims
    rules = JWTClaimsRegistry(
        expected.now,
        _CLOCKS_DIFFER,
        iss={"essential": True, "value": settings.issuer},
        aud={"essential": True, "value": settings.client_id},
        iat={"essential": True},
        exp={"essential": True},
        jti={"essential": True},
    )
    try:
        rules.validate(claims)
    except (JoseError, ValueError, TypeError) as error:
        raise Unauthorized(f"the logout token is not accepted: {_reason(error)}") from None
    events = claims.get("events")
    subject, session = claims.get("sub") or "", claims.get("sid") or ""
    reasons = {
        "it is no logout": not isinstance(events, dict) or _LOGOUT not in events,
        "it is an ID token": "nonce" in claims,
        "it names nobody": not (subject or session),
        "its sub or sid is no text": not (isinstance(subject, str) and isinstance(session, str)),
    }
    for reason, holds in reasons.items():
        if holds:
            raise Unauthorized(f"the logout token is not accepted: {reason}")
    return LoggedOut(settings.issuer, subject, session, str(claims["jti"]), int(claims["exp"]))


def _signed(token: str, keys: KeySet, expected: Expected) -> Any:
    """Return a token whose signature is good; raises `KeyError` for an unknown key."""
    from joserfc import jwt  # noqa: PLC0415 - at login
    from joserfc.errors import JoseError  # noqa: PLC0415 - at login

    if len(token) > MOST_TOKEN:
        raise Unauthorized("the token is too long")
    algorithms = list(expected.settings.algorithms)

    def key_of(signed: Any) -> Any:
        header = signed.headers()
        if header.get("alg") not in algorithms:  # before the key: `none` and HS256 have none
            raise ValueError
        return keys.key(header)

    try:
        return jwt.decode(token, key_of, algorithms=algorithms)
    except (JoseError, ValueError, TypeError, AttributeError, UnicodeError):
        raise Unauthorized("the token is none, or its signature is wrong") from None


def _reason(error: Exception) -> str:
    claim = getattr(error, "claim", "") or getattr(error, "description", "") or "it is malformed"
    return f"its {claim} is missing or wrong" if claim.isidentifier() else claim
