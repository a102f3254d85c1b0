"""API tokens: `hw_<8 characters: the id>_<32 random characters>`, found by secret scanners.

190 random bits need no slow hash: SHA-256 is looked up, and compared in constant time.
"""

import hashlib
import hmac
import re
import secrets
import string
from typing import NamedTuple

PREFIX = "hw_"
_ALPHABET = string.ascii_letters + string.digits
_TOKEN = re.compile(r"hw_([A-Za-z0-9]{8})_([A-Za-z0-9]{32})", re.ASCII)
YEAR = 365 * 86_400_000_000
"""The longest life of a token, in µs."""


class NewToken(NamedTuple):
    """A token that was just made; its text is shown once."""

    id: str
    text: str
    hash: str


def new_token() -> NewToken:
    """Return a new token."""
    token_id, secret = _random(8), _random(32)
    text = f"{PREFIX}{token_id}_{secret}"
    return NewToken(token_id, text, hash_of(text))


def id_of(text: str) -> str | None:
    """Return the id in a token, None for what cannot be one."""
    found = _TOKEN.fullmatch(text)
    return found[1] if found else None


def hash_of(text: str) -> str:
    """Return what is kept of a token, a cookie, or another long random text."""
    return hashlib.sha256(text.encode()).hexdigest()


def is_hash_of(kept: str, text: str) -> bool:
    """Whether a hash is of this text; takes equally long whatever the answer."""
    return hmac.compare_digest(kept, hash_of(text))


def new_secret() -> str:
    """Return a random text of 190 bits: a cookie, a setup token."""
    return _random(32)


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
