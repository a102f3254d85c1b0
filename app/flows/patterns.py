"""Java regular expressions, matched without the risk of hanging.

RE2 runs in linear time. It knows no lookaround, back references or possessive quantifiers.
Lookaheads at the start, as patterns for passwords have them, are matched one by one; any other
pattern that RE2 does not know falls back to Python's engine, which may take exponential time, on
short texts only.
"""

import functools
import re
from typing import Any, Final, NamedTuple


@functools.cache
def _re2() -> Any:
    """Load RE2 with the first pattern; a service without patterns saves 1.5 MB."""
    import re2  # noqa: PLC0415 - see above

    return re2


MAX_FALLBACK: Final = 256
"""The longest text, in characters, that is matched by Python's engine."""

_JAVA_GROUP: Final = re.compile(r"\(\?<(?=[A-Za-z])")
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
        _fallback(pattern)


def full_match(pattern: str, text: str) -> bool:
    """Whether the whole text matches the pattern.

    Raises:
        ValueError: the pattern cannot be used.
    """
    linear = _linear(pattern)
    if linear is None:
        return len(text) <= MAX_FALLBACK and _fallback(pattern).fullmatch(text) is not None
    return linear.whole.fullmatch(text) is not None and all(
        (each.match(text) is not None) is wanted for each, wanted in linear.ahead
    )


@functools.lru_cache(maxsize=1024)
def _linear(pattern: str) -> _Linear | None:
    """Return the pattern for RE2, None if it does not know it."""
    ahead: list[tuple[Any, bool]] = []
    rest = pattern.removeprefix("^")
    try:
        while rest.startswith(_LOOKAHEAD):
            end = _group_end(rest)
            ahead.append((_compiled(rest[3:end]), rest.startswith("(?=")))
            rest = rest[end + 1 :]
        return _Linear(tuple(ahead), _compiled(rest if ahead else pattern))
    except (_re2().error, ValueError):
        return None


def _compiled(pattern: str) -> Any:
    options = _re2().Options()
    options.log_errors = False
    return _re2().compile(pattern, options=options)


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


@functools.lru_cache(maxsize=256)
def _fallback(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(_JAVA_GROUP.sub("(?P<", pattern))
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"`{pattern}` is not a regular expression: {error}") from None
