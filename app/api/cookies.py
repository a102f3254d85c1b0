"""The cookie of a session, and the token that proves that a change comes from our own pages.

The cookie is `__Host-…` and Secure wherever there is TLS: no other site, and no page of a
neighbouring name, can set it. The second cookie can be read by our pages, which send it back as
`X-CSRF-Token`; it is computed from the session's, so that a planted pair is worth nothing.
"""

import hmac
from collections.abc import Mapping
from hashlib import sha256

from starlette.responses import Response
from starlette.types import Scope

from app.config.sections import LOOPBACK

SESSION = "headwater_session"
SECURE_SESSION = f"__Host-{SESSION}"
CSRF = "headwater_csrf"
CSRF_HEADER = b"x-csrf-token"


def secret_of(cookies: bytes, *, secure: bool) -> str | None:
    """Return the secret of the session in a `Cookie` header, if there is one.

    With TLS only the cookie counts that nobody else can set: pages of neighbouring names, and
    whoever answers without TLS in our name, can set the other.
    """
    if b"headwater_session=" not in cookies:
        return None
    return _parsed(cookies).get(SECURE_SESSION if secure else SESSION)


def _parsed(cookies: bytes) -> dict[str, str]:
    pairs = (each.partition("=") for each in cookies.decode("latin-1").split(";"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def csrf_of(secret: str) -> str:
    """Return what a page has to send with changes in a session."""
    return hmac.new(secret.encode(), b"headwater csrf", sha256).hexdigest()


def is_csrf(secret: str, sent: bytes) -> bool:
    """Whether a page sent what it has to."""
    return hmac.compare_digest(csrf_of(secret).encode(), sent)


def is_safe_place(scope: Scope, *, plain: bool) -> bool:
    """Whether a session's cookie may be given: by TLS, on this machine, or where it is allowed."""
    return plain or scope["scheme"] == "https" or is_loopback(scope)


def is_loopback(scope: Scope) -> bool:
    """Whether the address that the browser has is this machine's own."""
    return host_of(dict(scope["headers"])) in LOOPBACK


def host_of(headers: Mapping[bytes, bytes]) -> str:
    """Return the name or address in the `Host` header, without its port."""
    host = headers.get(b"host", b"").decode("latin-1").lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def give(response: Response, scope: Scope, secret: str, seconds: int) -> None:
    """Put the cookies of a session into an answer."""
    secure = scope["scheme"] == "https"
    response.set_cookie(
        SECURE_SESSION if secure else SESSION, secret, max_age=seconds, path="/",
        secure=secure, httponly=True, samesite="lax",
    )  # fmt: skip
    response.set_cookie(
        CSRF, csrf_of(secret), max_age=seconds, path="/", secure=secure, samesite="strict"
    )


def take(response: Response) -> None:
    """Have the browser forget the cookies."""
    response.delete_cookie(SECURE_SESSION, path="/", secure=True, httponly=True, samesite="lax")
    response.delete_cookie(SESSION, path="/", httponly=True, samesite="lax")
    response.delete_cookie(CSRF, path="/", samesite="strict")
