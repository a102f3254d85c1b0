"""Passwords: argon2id, with the parameters that OWASP recommends (19 MiB, 2 passes)."""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pwdlib.hashers.argon2 import Argon2Hasher

MIN_LENGTH, MAX_LENGTH = 8, 256
_MEMORY_KIB, _PASSES, _LANES = 19_456, 2, 1


def hash_password(password: str) -> str:
    """Return what is kept of a password (blocking: some 20 ms)."""
    return _hasher().hash(password)


def is_password(password: str, kept: str | None) -> bool:
    """Whether this is the password; takes equally long where there is none (blocking)."""
    return _hasher().verify(password, kept or _nobodys()) and kept is not None


def weakness(password: str) -> str | None:
    """Return why a new password is not accepted, None if it is."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        return f"a password has {MIN_LENGTH} to {MAX_LENGTH} characters"
    if len(set(password)) < 4:
        return "a password has at least four different characters"
    return None


@cache
def _hasher() -> "Argon2Hasher":
    from pwdlib.hashers.argon2 import Argon2Hasher  # noqa: PLC0415 - rarely needed at start

    return Argon2Hasher(memory_cost=_MEMORY_KIB, time_cost=_PASSES, parallelism=_LANES)


@cache
def _nobodys() -> str:
    return hash_password("a password that nobody has")
