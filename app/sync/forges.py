"""Webhook deliveries of Git forges, by their headers alone: who sends it, and is it signed. Pure.

Forgejo, Gitea and Gogs also send GitHub's headers, so they are looked for first. GitHub, Gitea and
Bitbucket sign the body with HMAC-SHA256; GitLab shows the secret itself, or signs as "Standard
Webhooks" has it.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import orjson

from app.config import SourceSettings
from app.errors import BadRequest, Unauthorized
from app.sync.hints import Hint

_GITEA = ("forgejo", "gitea", "gogs")


class Call(NamedTuple):
    """A delivery as its headers describe it."""

    forge: str
    event: str
    delivery_id: str
    signatures: tuple[str, ...]
    """HMAC-SHA256 of what is signed, in hexadecimal digits (GitLab: Base64)."""
    content_type: str
    token: str = ""
    """GitLab's older way: the secret itself."""
    signed_first: str = ""
    """What is signed before the body (GitLab): id and time."""


def read_headers(headers: Mapping[str, str]) -> Call:
    """Return what the headers of a delivery say.

    Raises:
        BadRequest: when no forge that is known sends such headers.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    content_type = lower.get("content-type", "")
    for forge in _GITEA:
        if f"x-{forge}-event" in lower:
            return _like_github(lower, forge, lower.get(f"x-{forge}-signature", ""))
    if "x-gitlab-event" in lower:
        return _gitlab(lower)
    if (key := lower.get("x-event-key")) is not None:
        delivery_id = lower.get("x-request-uuid") or lower.get("x-request-id", "")
        signed = _sha256(lower.get("x-hub-signature", ""))
        event = "ping" if key == "diagnostics:ping" else key
        return Call("bitbucket", event, delivery_id, signed, content_type)
    if "x-github-event" in lower:
        return _like_github(lower, "github", "")
    message = (
        "no X-GitHub-Event header, nor that of Forgejo, Gitea, Gogs, GitLab or Bitbucket: is this"
        " a webhook?"
    )
    raise BadRequest(message)


def _like_github(headers: Mapping[str, str], forge: str, own: str) -> Call:
    signatures = (*filter(None, [own]), *_sha256(headers.get("x-hub-signature-256", "")))
    return Call(
        forge,
        headers[f"x-{forge}-event"],
        headers.get(f"x-{forge}-delivery", ""),
        signatures,
        headers.get("content-type", ""),
    )


def _gitlab(headers: Mapping[str, str]) -> Call:
    """Read GitLab's headers; a resent delivery keeps its `Idempotency-Key`."""
    signed_id, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    parts = [each.partition(",") for each in headers.get("webhook-signature", "").split()]
    delivery_id = headers.get("idempotency-key") or signed_id
    return Call(
        "gitlab",
        headers["x-gitlab-event"],
        delivery_id or headers.get("x-gitlab-event-uuid", ""),
        tuple(value for version, _, value in parts if version == "v1" and value),
        headers.get("content-type", ""),
        headers.get("x-gitlab-token", ""),
        f"{signed_id}.{at}.",
    )


def _sha256(header: str) -> tuple[str, ...]:
    """Return the digest of a signature header; SHA-1 counts as none."""
    digest = header.removeprefix("sha256=")
    return (digest,) if digest and digest != header else ()


def check_signature(call: Call, body: bytes, secrets: Sequence[str]) -> frozenset[str]:
    """Return which secrets signed a body; refuse one that none did. Nothing is parsed by then.

    Raises:
        Unauthorized: when the signature is missing or wrong. SHA-1 alone counts as missing.
    """
    if not (call.signatures or call.token):
        message = "the delivery has no SHA-256 signature: set a secret for the webhook at the forge"
        raise Unauthorized(message)
    good = set[str]()
    for secret in filter(None, secrets):
        for wanted, given in _pairs(call, body, secret):
            if hmac.compare_digest(wanted.encode(), given.encode("utf-8", "replace")):
                good.add(secret)
    if not good:
        message = "the signature of the delivery is wrong: compare the secrets on both sides"
        raise Unauthorized(message)
    return frozenset(good)


def _pairs(call: Call, body: bytes, secret: str) -> Iterator[tuple[str, str]]:
    """Yield what a secret would have made, and what was sent instead."""
    if call.token:
        yield secret, call.token
    if call.forge == "gitlab":
        signed = hmac.new(_key(secret), call.signed_first.encode() + body, hashlib.sha256)
        wanted = base64.b64encode(signed.digest()).decode()
    else:
        wanted = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    for given in call.signatures:
        yield wanted, given


def _key(secret: str) -> bytes:
    """Return the key of a GitLab signing token: `whsec_` and Base64 (Standard Webhooks)."""
    head, prefix, encoded = secret.partition("whsec_")
    try:
        key = base64.b64decode(encoded, validate=True) if prefix and not head else b""
    except ValueError:
        key = b""
    return key or secret.encode()


def read_payload(call: Call, body: bytes) -> dict[str, Any]:
    """Return the payload, which comes as JSON or as the field `payload` of a form.

    Raises:
        BadRequest: when it is neither.
    """
    text = body
    if "x-www-form-urlencoded" in call.content_type:
        text = _field(body)
    try:
        payload = orjson.loads(text)
    except orjson.JSONDecodeError:
        payload = None
    if not isinstance(payload, dict):
        message = "the payload is no JSON object"
        raise BadRequest(message)
    return payload


def _field(body: bytes) -> bytes:
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=10)
    except ValueError:  # too many
        return b""
    return fields.get("payload", [""])[0].encode()


def concern(hint: Hint, event: str, spec: SourceSettings) -> str | None:
    """Return why a delivery does not concern a source, None when it does.

    Repositories are compared by owner and name: a forge has more than one host name.
    """
    if not hint.event:
        return f"event {event[:200]}"
    if hint.repository and not _is_same(spec.repo or "", hint.repository):
        return f"repository {hint.repository[:200]}"
    refs = hint.refs or (hint.ref,)
    if hint.event == "push" and not any(_follows(spec.ref_kind, ref) for ref in refs):
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
    path = path_of(url)
    if path is None:
        return True  # a repository on this machine's disk: any forge may speak for it
    return f"/{path}".casefold().endswith(f"/{full_name}".casefold())


def path_of(url: str) -> str | None:
    """Return owner and name of an address, None for a path on disk."""
    if "://" in url:
        parts = urlsplit(url)
        path = parts.path if parts.scheme != "file" else None
    else:
        path = url.partition(":")[2] if "@" in url and ":" in url else None
    return path.strip("/").removesuffix(".git") if path else None
