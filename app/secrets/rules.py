"""Which values of a document are encrypted: suffixes and regular expressions of SOPS."""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.regexes import PatternError, linear
from app.secrets.errors import Malformed

_DEFAULT_SUFFIX: Final = "_unencrypted"
KINDS: Final = (
    "unencrypted_suffix",
    "encrypted_suffix",
    "unencrypted_regex",
    "encrypted_regex",
    "unencrypted_comment_regex",
    "encrypted_comment_regex",
)


class Comments:
    """The comments that stand before a value in its map or list.

    Each is held against a pattern once, however many values stand below: a walk knows one rule.
    """

    __slots__ = ("_checked", "_first", "_texts")

    def __init__(self) -> None:
        """Start with none."""
        self._texts: list[str] = []
        self._checked = 0
        self._first: int | None = None

    def add(self, text: str) -> None:
        """Add the next comment."""
        self._texts.append(text)

    def clear(self) -> None:
        """Forget them: the value that they stand before is over."""
        if self._texts:
            self._texts, self._checked, self._first = [], 0, None

    def hold(self, matches: Callable[[str], bool], *, skip_last: bool = False) -> bool:
        """Whether one of them matches."""
        end = len(self._texts) - skip_last
        while self._first is None and self._checked < end:
            if matches(self._texts[self._checked]):
                self._first = self._checked
            self._checked += 1
        return self._first is not None and self._first < end


CommentStack = Sequence[Comments]
"""From the outermost map or list to that of the value."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The one rule of a document, and what its authentication code covers."""

    kind: str = "unencrypted_suffix"
    pattern: str = _DEFAULT_SUFFIX
    mac_only_encrypted: bool = False

    def encrypts(self, path: Sequence[str], comments: CommentStack, *, is_comment: bool) -> bool:
        """Whether a value (or comment) in a place is encrypted."""
        negative = self.kind.startswith("un")
        if self.kind.endswith("comment_regex"):
            found = self._in_comments(comments, skip_last=is_comment and not negative)
        else:
            found = any(self._matches(key) for key in path)
        return found is not negative

    def _matches(self, text: str) -> bool:
        if self.kind.endswith("suffix"):
            return text.endswith(self.pattern)
        return _compiled(self.pattern).search(text) is not None

    def _in_comments(self, comments: CommentStack, *, skip_last: bool) -> bool:
        """Whether a comment matches; the one that switches encryption on is not encrypted."""
        *outer, own = comments
        return own.hold(self._matches, skip_last=skip_last) or any(
            each.hold(self._matches) for each in outer
        )


def read_rules(metadata: Mapping[str, Any]) -> Rules:
    """Return the rule of a `sops` block or of a creation rule.

    Raises:
        Malformed: several rules, or a regular expression that cannot be read.
    """
    only = metadata.get("mac_only_encrypted") is True
    named = [(kind, metadata[kind]) for kind in KINDS if metadata.get(kind)]
    if not named:
        return Rules(mac_only_encrypted=only)
    if len(named) > 1:
        raise Malformed(f"Only one of {_listed(kind for kind, _ in named)} can be set")
    kind, pattern = named[0]
    if not isinstance(pattern, str):
        raise Malformed(f"`{kind}` is not a text")
    if kind.endswith("regex"):
        _check_pattern(kind, pattern)
    return Rules(kind, pattern, only)


_compiled = functools.lru_cache(maxsize=64)(linear)


def _check_pattern(kind: str, pattern: str) -> None:
    try:
        _compiled(pattern)
    except PatternError as error:
        raise Malformed(f"`{kind}` cannot be read: {error}") from None


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
