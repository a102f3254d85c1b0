"""Regular expressions of flows, matched without the risk of hanging the process.

RE2 matches in linear time, but knows no lookaround, back references or possessive quantifiers,
which Java does. Patterns with these are matched by a backtracking engine that gives up after a
fraction of a second, and are limited in what they may ask for: that engine unrolls repetitions, so
that nested ones could take all memory.
"""

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, Protocol

MAX_PATTERN: Final = 4_096
"""The longest pattern, in characters."""
MAX_TEXT: Final = 65_536
"""The longest text, in characters, that is matched by the backtracking engine."""
MAX_SECONDS: Final = 0.2
"""How long the backtracking engine may take for one text."""

_MAX_MEMORY_BYTES = 8 * 1024 * 1024
_MAX_BACKTRACKING = 1_024
_MAX_REPEATED = 1_024
_SKIPPED: Final = re.compile(r"\\[pPxNgk]\{[^{}]*\}|\\.|\[\^?\]?[^\[\]]*\]", re.DOTALL)
_REPEATED: Final = re.compile(r"\{(\d{1,9})(?:,(\d{0,9}))?\}")
_NAMED: Final = re.compile(r"\\k<(\w+)>")
_RECURSIVE: Final = re.compile(r"\(\?(?:R|&|P>|[+-]?\d)")


class PatternError(ValueError):
    """A pattern cannot be read."""


class PatternTooSlow(PatternError):
    """A pattern takes too long on a text, or the text is too long for it."""


class Pattern(Protocol):
    """A compiled pattern: Python's methods, of whichever engine."""

    groups: int
    groupindex: Mapping[str, int]

    def search(self, text: str) -> Any:
        """Return the first match, or None."""
        ...

    def match(self, text: str) -> Any:
        """Return the match at the start, or None."""
        ...

    def fullmatch(self, text: str) -> Any:
        """Return the match of the whole text, or None."""
        ...

    def finditer(self, text: str) -> Iterator[Any]:
        """Yield all matches."""
        ...


@functools.lru_cache(maxsize=512)
def compiled(pattern: str) -> Pattern:
    """Return a compiled pattern in Java's notation; its methods may raise
    `PatternTooSlow`.

    Raises:
        PatternError: when no engine can read it.
    """
    if len(pattern) > MAX_PATTERN:
        raise _unreadable(pattern, f"it is longer than {MAX_PATTERN} characters")
    try:
        return linear(pattern)
    except PatternError as error:
        if len(pattern) > _MAX_BACKTRACKING:
            raise
        return _backtracking(pattern, error)


def linear(pattern: str) -> Pattern:
    """Return a pattern compiled by RE2; raises `PatternError` as `compiled`."""
    engine = _re2()
    options = engine.Options()
    options.log_errors = False
    options.max_mem = _MAX_MEMORY_BYTES
    try:
        made: Pattern = engine.compile(pattern, options=options)
    except (engine.error, UnicodeError) as error:
        first = error.args[0] if error.args else ""
        reason = first.decode("utf-8", "replace") if isinstance(first, bytes) else str(first)
        raise _unreadable(pattern, reason) from None
    return made


class _Backtracking:
    """A pattern of the backtracking engine, with its limits."""

    def __init__(self, pattern: Any) -> None:
        self._pattern = pattern
        self.groups: int = pattern.groups
        self.groupindex: Mapping[str, int] = pattern.groupindex

    def search(self, text: str) -> Any:
        return self._limited("search", text)

    def match(self, text: str) -> Any:
        return self._limited("match", text)

    def fullmatch(self, text: str) -> Any:
        return self._limited("fullmatch", text)

    def finditer(self, text: str) -> Iterator[Any]:
        matches = self._limited("finditer", text)
        while True:
            try:
                found = next(matches, None)
            except TimeoutError:
                raise _too_slow() from None
            if found is None:
                return
            yield found

    def _limited(self, method: str, text: str) -> Any:
        if len(text) > MAX_TEXT:
            message = f"the text is longer than the {MAX_TEXT} letters that lookaround can take"
            raise PatternTooSlow(message)
        try:
            return getattr(self._pattern, method)(text, timeout=MAX_SECONDS)
        except TimeoutError:
            raise _too_slow() from None


def _backtracking(pattern: str, refusal: PatternError) -> Pattern:
    """Return the pattern for the backtracking engine, unless it asks for too much."""
    import regex  # noqa: PLC0415 - 2 MB that few flows need

    rest = _SKIPPED.sub("", pattern)
    repeated = 1
    for least, most in _REPEATED.findall(rest):
        repeated *= max(1, int(least), int(most or 0))
    rest = _REPEATED.sub("", rest)
    # Braces that are left mean something else to this engine than to Java, as does recursion.
    if repeated > _MAX_REPEATED or "{" in rest or _RECURSIVE.search(rest):
        raise refusal
    try:
        return _Backtracking(regex.compile(_NAMED.sub(r"(?P=\1)", pattern)))
    except (regex.error, RecursionError, OverflowError):
        raise refusal from None


def _unreadable(pattern: str, reason: str) -> PatternError:
    return PatternError(f"`{pattern[:100]}` is not a regular expression: {reason}")


def _too_slow() -> PatternTooSlow:
    return PatternTooSlow(f"the regular expression takes longer than {MAX_SECONDS:g} seconds")


@functools.cache
def _re2() -> Any:
    """Load RE2 with the first pattern; a service without patterns saves 1.5 MB."""
    import re2  # noqa: PLC0415 - see above

    return re2
