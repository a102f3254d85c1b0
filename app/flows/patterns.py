"""Java regular expressions, matched without the risk of hanging.

RE2 runs in linear time. It knows no lookaround, back references or possessive quantifiers; a
pattern with these falls back to Python's engine, which may take exponential time, on short texts.
"""

import functools
import re
from typing import Any, Final

import re2

MAX_FALLBACK: Final = 256
"""The longest text, in characters, that is matched by Python's engine."""

_JAVA_GROUP: Final = re.compile(r"\(\?<(?=[A-Za-z])")


@functools.lru_cache(maxsize=1024)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options=options)
    except re2.error:
        return None


@functools.lru_cache(maxsize=256)
def _fallback(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(_JAVA_GROUP.sub("(?P<", pattern))
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"`{pattern}` is not a regular expression: {error}") from None


def check_pattern(pattern: str) -> None:
    """Check that a pattern can be used.

    Raises:
        ValueError: it cannot; the message says why.
    """
    if _compiled(pattern) is None:
        _fallback(pattern)


def full_match(pattern: str, text: str) -> bool:
    """Whether the whole text matches the pattern.

    Raises:
        ValueError: the pattern cannot be used.
    """
    compiled = _compiled(pattern)
    if compiled is not None:
        return compiled.fullmatch(text) is not None
    return len(text) <= MAX_FALLBACK and _fallback(pattern).fullmatch(text) is not None
