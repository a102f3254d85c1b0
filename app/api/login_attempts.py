"""A login by OpenID Connect on its way: sealed in a cookie, so that any node can go on with it.

Only the browser that began a login can end it: state, nonce and PKCE's verifier never leave the
cookie in the clear (security case 86).
"""

import secrets
from binascii import Error
from hmac import compare_digest

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from app.api.login_calls import Attempt
from app.config.sections import LOOPBACK
from app.errors import Unauthorized, Unavailable
from app.flows.encryption import Cipher, NotSealed

NAME = "headwater_login"
SECURE_NAME = f"__Host-{NAME}"
SECONDS = 600
_MICROSECONDS = 1_000_000
_PURPOSE = "login by OpenID Connect"


def begun(provider: str, redirect: str, target: str, now: int) -> Attempt:
    """Return a new attempt; everything in it that must not be guessed has 256 bits."""
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    return Attempt(provider, state, nonce, verifier, redirect, target, now)


def keep(response: Response, scope: Scope, cipher: Cipher, attempt: Attempt) -> None:
    """Put an attempt into the browser's cookie."""
    secure = scope["scheme"] == "https"
    text = cipher.derived(_PURPOSE).encrypt(orjson.dumps(list(attempt)).decode())
    response.set_cookie(
        SECURE_NAME if secure else NAME,
        text.translate(_TO_URL).rstrip("="),
        max_age=SECONDS, path="/", secure=secure, httponly=True, samesite="lax",
    )  # fmt: skip


def forget(response: Response) -> None:
    """Have the browser forget its attempt: each ends once."""
    response.delete_cookie(SECURE_NAME, path="/", secure=True, httponly=True, samesite="lax")
    response.delete_cookie(NAME, path="/", httponly=True, samesite="lax")


def taken(scope: Scope, cipher: Cipher, provider: str, state: str, now: int) -> Attempt:
    """Return the attempt that this browser began at a provider.

    Raises:
        Unauthorized: when it began none, another one, or too long ago.
    """
    name = SECURE_NAME if scope["scheme"] == "https" else NAME
    text = Request(scope).cookies.get(name)
    attempt = None if text is None else _opened(cipher, text)
    if attempt is None or attempt.provider != provider:
        raise Unauthorized("this browser began no login here; begin again")
    if not compare_digest(attempt.state.encode(), state.encode()):
        raise Unauthorized("this is the answer to another login; begin again")
    if not 0 <= now - attempt.at <= SECONDS * _MICROSECONDS:
        raise Unauthorized("the login took too long; begin again")
    return attempt


def redirect_address(scope: Scope, url: str | None, provider: str) -> str:
    """Return where a provider sends browsers back to: never what a header says, but on loopback.

    Raises:
        Unavailable: when nobody has said under which address people reach the service.
    """
    path = f"/api/v1/login/oidc/{provider}/callback"
    if url:
        return url.rstrip("/") + path
    host = Request(scope).headers.get("host", "")
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    if name.strip("[]") not in LOOPBACK:
        raise Unavailable("logins by OpenID Connect need server.url: the address people use")
    return f"{scope['scheme']}://{host}{path}"


def _opened(cipher: Cipher, text: str) -> Attempt | None:
    padded = text.translate(_FROM_URL) + "=" * (-len(text) % 4)
    try:
        return Attempt(*orjson.loads(cipher.derived(_PURPOSE).decrypt(padded)))
    except (NotSealed, Error, ValueError, TypeError):
        return None


_TO_URL = str.maketrans("+/", "-_")
_FROM_URL = str.maketrans("-_", "+/")
