"""Identifiers: 22 characters of base 62, as Kestra's, sorted by time of creation."""

import hashlib
import os
import time

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LENGTH = 22


def execution_id() -> str:
    """Return a new id: 48 bits of milliseconds, then 80 random bits, so that ids sort by time."""
    milliseconds = time.time_ns() // 1_000_000
    return _base62((milliseconds << 80) | int.from_bytes(os.urandom(10), "big"))


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


_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_BASE = len(_PAIRS)


def _base62(number: int) -> str:
    pairs = []
    for _ in range(_LENGTH // 2):
        number, rest = divmod(number, _BASE)
        pairs.append(_PAIRS[rest])
    pairs.reverse()
    return "".join(pairs)
