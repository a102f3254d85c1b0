"""What a forge's refusal means: which error of ours it is, and how long to be quiet. Pure."""

from collections.abc import Mapping
from typing import Any, Protocol

from app.errors import (
    AuthFailed,
    Forbidden,
    HeadwaterError,
    Invalid,
    NotFound,
    Unavailable,
)

_MOST_TEXT = 300
_MINUTE = 60.0
"""How long to wait after a secondary limit that names no time (GitHub, "Rate limits")."""
_LONGEST_PAUSE = 3600.0


class Refusal(Protocol):
    """An answer that is no success."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def body(self) -> Any:
        """The JSON value."""
        ...


def error_of(forge: str, what: str, reply: Refusal, pause: float | None) -> HeadwaterError:
    """Return the error that a refused call amounts to; `what` is its method and path."""
    said = message_of(reply.body)
    text = f"{forge} answered {reply.status} to {what}" + (f": {said}" if said else "")
    if pause is not None:
        return Unavailable(text, retry_after=pause)
    match reply.status:
        case 401:
            return AuthFailed(text)
        case 403:
            return Forbidden(text)
        case 404 | 410:
            return NotFound(text)
        case status if 400 <= status < 500:
            return Invalid(text)
        case _:
            return Unavailable(text)


def message_of(body: Any) -> str:
    """Return what a forge says in an error: `message`, `error`, and the first of `errors`."""
    if not isinstance(body, Mapping):
        return ""
    found = body.get("message") or body.get("error_description") or body.get("error") or ""
    if isinstance(found, Mapping):
        found = found.get("message", "")
    parts = [str(found)]
    errors = body.get("errors")
    if isinstance(errors, list) and errors:
        first = errors[0]
        text = first.get("message") or first.get("code") if isinstance(first, Mapping) else first
        parts.append(str(text or ""))
    return "; ".join(filter(None, parts))[:_MOST_TEXT]


def pause_of(status: int, headers: Mapping[str, str], body: Any, now: float) -> float | None:
    """Return how many seconds the forge wants no calls, None when it is not about that.

    `now` is seconds since the epoch.
    """
    if status not in (403, 429, 503):
        return None
    if (after := _number(headers.get("retry-after"))) is not None:
        return _bounded(after)
    if headers.get("x-ratelimit-remaining", headers.get("ratelimit-remaining")) == "0":
        reset = _number(headers.get("x-ratelimit-reset", headers.get("ratelimit-reset")))
        return _bounded(reset - now if reset is not None else _MINUTE)
    if status == 429 or "rate limit" in message_of(body).lower():
        return _MINUTE
    return None


def _number(text: str | None) -> float | None:
    return float(text) if text and text.isascii() and text.isdecimal() else None


def _bounded(seconds: float) -> float:
    return min(max(1.0, seconds), _LONGEST_PAUSE)
