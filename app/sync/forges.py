"""Webhook deliveries of Git forges, by their headers alone: who sends it, and is it signed. Pure.

Forgejo, Gitea and Gogs also send GitHub's headers, so they are looked for first.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import orjson

from app.config import SourceSettings
from app.errors import BadRequest, Unauthorized
from app.sync.hints import Hint

_FORGES = ("forgejo", "gitea", "gogs", "github")


class Call(NamedTuple):
    """A delivery as its headers describe it."""

    forge: str
    event: str
    delivery_id: str
    signatures: tuple[str, ...]
    """HMAC-SHA256 of the body in hexadecimal digits, by the forge's own header and GitHub's."""
    content_type: str


def read_headers(headers: Mapping[str, str]) -> Call:
    """Return what the headers of a delivery say.

    Raises:
        BadRequest: when no forge that is known sends such headers.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    for forge in _FORGES:
        event = lower.get(f"x-{forge}-event")
        if event is None:
            continue
        own = lower.get(f"x-{forge}-signature", "")
        hub = lower.get("x-hub-signature-256", "")
        signatures = (own, hub.removeprefix("sha256=") if hub.startswith("sha256=") else "")
        return Call(
            forge,
            event,
            lower.get(f"x-{forge}-delivery", ""),
            tuple(each for each in signatures if each),
            lower.get("content-type", ""),
        )
    message = "no X-GitHub-Event header, nor that of Forgejo, Gitea or Gogs: is this a webhook?"
    raise BadRequest(message)


def check_signature(call: Call, body: bytes, secrets: Sequence[str]) -> None:
    """Refuse a body that none of the secrets signed; nothing of it has been parsed by then.

    Raises:
        Unauthorized: when the signature is missing or wrong. SHA-1 alone counts as missing.
    """
    if not call.signatures:
        message = "the delivery has no SHA-256 signature: set a secret for the webhook at the forge"
        raise Unauthorized(message)
    good = False
    for secret in secrets:
        wanted = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest().encode()
        for given in call.signatures:
            good |= hmac.compare_digest(wanted, given.encode("utf-8", "replace"))
    if not good:
        message = "the signature of the delivery is wrong: compare the secrets on both sides"
        raise Unauthorized(message)


def read_payload(call: Call, body: bytes) -> dict[str, Any]:
    """Return the payload, which comes as JSON or as the field `payload` of a form.

    Raises:
        BadRequest: when it is neither.
    """
    text = body
    if "x-www-form-urlencoded" in call.content_type:
        fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=10)
        text = fields.get("payload", [""])[0].encode()
    try:
        payload = orjson.loads(text)
    except orjson.JSONDecodeError:
        payload = None
    if not isinstance(payload, dict):
        message = "the payload is no JSON object"
        raise BadRequest(message)
    return payload


def concern(hint: Hint, event: str, spec: SourceSettings) -> str | None:
    """Return why a delivery does not concern a source, None when it does.

    Repositories are compared by owner and name: a forge has more than one host name.
    """
    if not hint.event:
        return f"event {event[:200]}"
    if hint.repository and not _is_same(spec.repo or "", hint.repository):
        return f"repository {hint.repository[:200]}"
    if hint.event == "push" and not _follows(spec.ref_kind, hint.ref):
        return f"ref {hint.ref[:200]}"
    return None


def _follows(followed: tuple[str, str], ref: str) -> bool:
    """Return whether a push of a ref may move what is followed."""
    kind, name = followed
    if kind == "semver":
        return ref.startswith("refs/tags/")
    if kind == "commit":
        return ref.startswith("refs/")
    kinds = {"branch": ("heads",), "tag": ("tags",)}.get(kind, ("heads", "tags"))
    return ref in {*(f"refs/{each}/{name}" for each in kinds), name}


def _is_same(url: str, full_name: str) -> bool:
    path = _path(url)
    if path is None:
        return True  # a repository on this machine's disk: any forge may speak for it
    return f"/{path}".casefold().endswith(f"/{full_name}".casefold())


def _path(url: str) -> str | None:
    """Return owner and name of an address, None for a path on disk."""
    if "://" in url:
        parts = urlsplit(url)
        path = parts.path if parts.scheme != "file" else None
    else:
        path = url.partition(":")[2] if "@" in url and ":" in url else None
    return path.strip("/").removesuffix(".git") if path else None
