"""Calls to a login provider: to safe addresses only, answered by one JSON object, in time."""

from typing import Any, NamedTuple
from urllib.parse import urlsplit

import orjson

from app.errors import Unauthorized, Unavailable
from app.plugins.http import HttpFailure
from app.ports import HttpCall, HttpClient

_MOST_BYTES = 1 << 20
_TIMEOUT = 15.0
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Attempt(NamedTuple):
    """A login that was begun: what only the browser that began it can show again."""

    provider: str
    state: str
    nonce: str
    verifier: str
    redirect: str
    """Where the provider sends the browser back to."""
    target: str
    """The page that is wanted after the login."""
    at: int
    """µs since the epoch."""


class Calls:
    """Asks one provider."""

    def __init__(self, issuer: str, http: HttpClient) -> None:
        """Ask `issuer` through `http`."""
        self._issuer = issuer
        self._http = http

    def safe(self, url: Any) -> str:
        """Return an address of the provider; it is one of https, or of this machine.

        Raises:
            Unavailable: for any other.
        """
        own = urlsplit(self._issuer).hostname in _LOOPBACK
        if isinstance(url, str) and _is_safe(url, own=own):
            return url
        message = f"{self._issuer} names an address that is none, or not of https"
        raise Unavailable(message)

    async def ask(self, call: HttpCall, refused: str = "") -> dict[str, Any]:
        """Return the JSON object that is answered; nothing is followed elsewhere.

        Raises:
            Unauthorized: `refused`, when the provider says that the request is wrong.
            Unavailable: when it does not answer, or otherwise.
        """
        asked = HttpCall(
            call.method,
            self.safe(call.url),
            call.headers,
            call.body,
            total_timeout=_TIMEOUT,
            follow_redirects=False,
        )
        try:
            async with self._http.send(asked) as answer:
                status, data = answer.status, await answer.read(_MOST_BYTES)
        except HttpFailure as error:
            message = f"{self._issuer} does not answer: {error.message}"
            raise Unavailable(message) from None
        if refused and 400 <= status < 500:
            raise Unauthorized(refused)
        try:
            value = orjson.loads(data) if status == 200 else None
        except orjson.JSONDecodeError:
            value = None
        if not isinstance(value, dict):
            message = f"{self._issuer} answered {status} and no JSON object"
            raise Unavailable(message)
        return value


def _is_safe(url: str, *, own: bool) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    secured = parts.scheme == "https" or (parts.scheme == "http" and own)
    return secured and bool(parts.hostname) and parts.username is None
