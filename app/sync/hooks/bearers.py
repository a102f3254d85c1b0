"""Deliveries that a token proves, in place of a signature: of GitHub Actions, for example."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from app.config import OidcSettings
from app.errors import Unauthorized, Unavailable
from app.sync.forges import Call, path_of
from app.sync.hints import Hint
from app.sync.worker import SourceWorker

ClaimsOf = Callable[[OidcSettings, str], Awaitable[Mapping[str, Any]]]
"""Reads a token; raises `Unauthorized` when it is not good for the settings."""

PROVIDER = "oidc"
_MOST_TEXT = 250


async def no_claims(_oidc: OidcSettings, _token: str) -> Mapping[str, Any]:
    """Refuse: nothing here reads tokens."""
    raise Unavailable("this service does not read tokens")


def bearer_of(headers: Mapping[str, str]) -> str | None:
    """Return the token of a request that has one and is no delivery of a forge."""
    lower = {name.lower(): value for name, value in headers.items()}
    scheme, _, token = lower.get("authorization", "").partition(" ")
    is_event = any(name.startswith("x-") and name.endswith("-event") for name in lower)
    if scheme.lower() != "bearer" or is_event or "x-event-key" in lower:
        return None
    return token.strip()


async def read_bearer(
    workers: Sequence[SourceWorker], token: str, claims_of: ClaimsOf
) -> tuple[list[SourceWorker], Call, Hint]:
    """Return the sources that a token is good for, and what it hints at: a push.

    Raises:
        Unauthorized: when it is good for none of them.
    """
    refused: Unauthorized | None = None
    good: list[SourceWorker] = []
    claims: Mapping[str, Any] = {}
    for worker in workers:
        oidc = worker.spec.hook_oidc
        if oidc is None:
            continue
        try:
            claims = await claims_of(oidc, token)
            _check_repository(worker, oidc, claims)
        except Unauthorized as error:
            refused = error
        else:
            good.append(worker)
    if not good:
        raise refused or Unauthorized("this webhook takes no tokens: deliveries must be signed")
    ref, sha, actor, number = (_text(claims, name) for name in ("ref", "sha", "actor", "jti"))
    call = Call(PROVIDER, "push", number or _digest(token), (), "")
    hint = Hint("push", sha=sha, ref=ref, actor=actor, repository=_repository(claims))
    return good, call, hint


def _check_repository(worker: SourceWorker, oidc: OidcSettings, claims: Mapping[str, Any]) -> None:
    """Refuse a token of another repository: every repository of a forge has the same issuer."""
    if "repository" in oidc.claims or "project_path" in oidc.claims:
        return  # it was compared with the settings
    path = path_of(worker.spec.repo or "")
    if path is None or path.casefold() != _repository(claims).casefold():
        message = f"the token is of another repository than source {worker.id}"
        raise Unauthorized(message)


def _repository(claims: Mapping[str, Any]) -> str:
    return _text(claims, "repository") or _text(claims, "project_path")


def _text(claims: Mapping[str, Any], name: str) -> str:
    return str(claims.get(name) or "")[:_MOST_TEXT]


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
