"""Java regular expressions, matched without the risk of hanging (see `app.regexes`).

Lookaheads at the start, as patterns for passwords have them, are matched one by one in linear time.
"""

import functools
from typing import Any, Final, NamedTuple

from app.regexes import PatternTooSlow, compiled, linear

_LOOKAHEAD: Final = ("(?=", "(?!")


class _Linear(NamedTuple):
    """A pattern that RE2 can match: what must or must not follow the start, and the whole."""

    ahead: tuple[tuple[Any, bool], ...]
    whole: Any


def check_pattern(pattern: str) -> None:
    """Check that a pattern can be used.

    Raises:
        ValueError: it cannot; the message says why.
    """
    if _linear(pattern) is None:
        compiled(pattern)


def full_match(pattern: str, text: str) -> bool:
    """Whether the whole text matches the pattern; False when nobody can tell in time.

    Raises:
        ValueError: the pattern cannot be used.
    """
    parts = _linear(pattern)
    if parts is None:
        try:
            return compiled(pattern).fullmatch(text) is not None
        except PatternTooSlow:
            return False
    return parts.whole.fullmatch(text) is not None and all(
        (each.match(text) is not None) is wanted for each, wanted in parts.ahead
    )


@functools.lru_cache(maxsize=1024)
def _linear(pattern: str) -> _Linear | None:
    """Return the pattern for RE2, None if it does not know it."""
    ahead: list[tuple[Any, bool]] = []
    rest = pattern.removeprefix("^")
    try:
        while rest.startswith(_LOOKAHEAD):
            end = _group_end(rest)
            ahead.append((linear(rest[3:end]), rest.startswith("(?=")))
            rest = rest[end + 1 :]
        return _Linear(tuple(ahead), linear(rest if ahead else pattern))
    except ValueError:
        return None


def _group_end(pattern: str) -> int:
    """Return where the group that a pattern starts with is closed; raises ValueError if nowhere."""
    depth = 0
    in_class = escaped = False
    for index, character in enumerate(pattern):
        if escaped or character == "\\":
            escaped = not escaped
        elif character in "[]":
            in_class = character == "["
        elif character in "()" and not in_class:
            depth += 1 if character == "(" else -1
            if depth == 0:
                return index
    raise ValueError("the group is not closed")
