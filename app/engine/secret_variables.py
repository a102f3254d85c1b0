"""Secrets from the server's environment: `SECRET_<KEY>`, Base64 (reference §3.12)."""

import base64
import binascii
import os

import orjson

from app.errors import BadRequest, NotFound

_PREFIX = "SECRET_"


def secret_of(key: str, subkey: str | None = None) -> tuple[str, ...]:
    """Return a secret: the last text is what was asked for, those before it hold it.

    Raises:
        NotFound: when there is none, or it has no such entry.
        BadRequest: when it is not Base64, or an entry is asked of what is no JSON object.
    """
    encoded = os.environ.get(f"{_PREFIX}{key.upper()}")
    if encoded is None:
        message = f"Cannot find secret for key '{key}'."
        raise NotFound(message)
    try:
        value = base64.b64decode(encoded, validate=True).decode().strip()
    except (binascii.Error, UnicodeDecodeError):
        message = f"the secret '{key}' is not base64 text"
        raise BadRequest(message) from None
    return (value,) if subkey is None else (value, entry_of(key, value, subkey))


def entry_of(key: str, value: str, subkey: str) -> str:
    """Return an entry of a secret that is a JSON object.

    Raises:
        NotFound: when it has none of that name. BadRequest: when it is no JSON object.
    """
    try:
        entries = orjson.loads(value)
    except orjson.JSONDecodeError:
        entries = None
    if not isinstance(entries, dict):
        message = f"the secret '{key}' is no JSON object, so that it has no entry '{subkey}'"
        raise BadRequest(message)
    if subkey not in entries:
        message = f"Cannot find secret sub-key '{subkey}' for key '{key}'."
        raise NotFound(message)
    entry = entries[subkey]
    return entry if isinstance(entry, str) else orjson.dumps(entry).decode()
