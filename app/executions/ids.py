"""Identifiers: 22 characters of base 62, as Kestra's, sorted by time of creation."""

import hashlib
import os
import time
from functools import lru_cache

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def execution_id() -> str:
    """Return a new id: 48 bits of milliseconds, then 80 random bits, so that ids sort by time."""
    milliseconds = time.time_ns() // 1_000_000
    return _base62((milliseconds << 80) | int.from_bytes(os.urandom(10), "big"))


@lru_cache(maxsize=2048)  # asked for where a task run begins, and again by its first event
def task_run_id(execution: str, path: str, restarts: int = 0) -> str:
    """Return the id of a task run: always the same one for the same execution and path.

    One that is made after a restart gets another id than the one that was taken out, and with it
    other idempotency keys: `restarts` counts those before it.
    """
    name = f"{execution}{path}~{restarts}" if restarts else f"{execution}{path}"
    digest = hashlib.blake2b(name.encode(), digest_size=16).digest()
    return _base62(int.from_bytes(digest, "big"))


def following_id(execution: str, at: int) -> str:
    """Return the id of what follows an execution at a time (µs): always the same, sorted by it."""
    digest = hashlib.blake2b(execution.encode(), digest_size=10).digest()
    return _base62((at // 1000 << 80) | int.from_bytes(digest, "big"))


def first_id(at: int) -> str:
    """Return what sorts before every id that was made since a time (µs)."""
    return _base62(at // 1000 << 80)


_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_BASE = len(_PAIRS)
_FOUR = _BASE**2


def _base62(number: int) -> str:
    """Write a number of 128 bits: each task run has one, so it is written in few steps.

    Four digits at a time are taken off the large number, and read as two pairs.
    """
    number, e = divmod(number, _FOUR)
    number, d = divmod(number, _FOUR)
    number, c = divmod(number, _FOUR)
    number, b = divmod(number, _FOUR)
    first, a = divmod(number, _FOUR)
    pairs = _PAIRS
    return (
        f"{pairs[first]}{pairs[a // _BASE]}{pairs[a % _BASE]}{pairs[b // _BASE]}{pairs[b % _BASE]}"
        f"{pairs[c // _BASE]}{pairs[c % _BASE]}{pairs[d // _BASE]}{pairs[d % _BASE]}"
        f"{pairs[e // _BASE]}{pairs[e % _BASE]}"
    )
