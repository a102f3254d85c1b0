"""`.headwaterignore`: paths of a repository that are nothing to us, in gitignore's language.

Patterns come from the repository, so they are matched by RE2, in linear time; like Git, byte by
byte.
"""

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from app.git.draft import parents_of


@functools.cache
def _re2() -> Any:
    """Load RE2 with the first pattern; a service without patterns saves 1.5 MB."""
    import re2  # noqa: PLC0415 - see above

    return re2


_TOO_MANY = 1_000
_CLASS = re.compile(r"\[([!^]?)((?:\\.|\[:\w+:\]|[^\]\\]|(?<=[\[!^])\])+)\]")


@dataclass(frozen=True, slots=True)
class _Rule:
    pattern: Any  # re2 has no types
    ignores: bool
    folders_only: bool


class Ignored:
    """Tells whether a path is ignored; gitignore(5), for paths relative to the file's folder."""

    def __init__(self, text: str) -> None:
        """Read the rules, at most 1,000; a line that is no pattern matches nothing."""
        lines = text.removeprefix("\ufeff").splitlines()[:_TOO_MANY]
        self._rules = [rule for line in lines if (rule := _rule(line)) is not None]

    def __call__(self, path: str) -> bool:
        """Return whether a file is ignored, by its own name or by a folder above it."""
        if not self._rules:
            return False
        # Nothing below an ignored folder can be taken in again.
        if any(self._judge(folder, is_folder=True) for folder in parents_of(path)):
            return True
        return self._judge(path, is_folder=False)

    def _judge(self, path: str, *, is_folder: bool) -> bool:
        raw = path.encode("utf-8", "surrogateescape")
        for rule in reversed(self._rules):
            if (is_folder or not rule.folders_only) and rule.pattern.fullmatch(raw):
                return rule.ignores
        return False


def _rule(line: str) -> _Rule | None:
    """Read one line."""
    text = _without_trailing_spaces(line)
    if not text or text.startswith("#"):
        return None
    ignores = not text.startswith("!")
    text = text if ignores else text[1:]
    folders_only = text.endswith("/")
    text = text.removesuffix("/")
    anchored = "/" in text
    text = text.removeprefix("/")
    if not text:
        return None
    prefix = "(?s)" if anchored else "(?s)(?:.*/)?"
    octets = text.encode("utf-8", "replace").decode("latin-1")
    expression = prefix + "".join(_translated(octets))
    try:
        pattern = _re2().compile(expression.encode("latin-1"), _quiet())
    except _re2().error:
        return None
    return _Rule(pattern, ignores, folders_only)


def _quiet() -> Any:
    options = _re2().Options()
    options.log_errors = False
    return options


def _translated(text: str) -> Iterable[str]:
    """Yield the regular expression of a pattern, piece by piece."""
    at = 0
    while at < len(text):
        rest = text[at:]
        before = text[at - 1 : at]
        if rest.startswith("**/") and before in {"", "/"}:
            yield "(?:.*/)?"
            at += 3
        elif rest == "**" and before == "/":
            yield ".+"
            at += 2
        elif rest[0] == "*":
            yield "[^/]*"
            at += len(rest) - len(rest.lstrip("*"))
        elif rest[0] == "?":
            yield "[^/]"
            at += 1
        elif found := _CLASS.match(rest):
            yield _bracket(*found.groups())
            at += found.end()
        else:
            escaped = rest[0] == "\\" and len(rest) > 1
            yield _re2().escape(rest[1] if escaped else rest[0])
            at += 2 if escaped else 1


def _bracket(negated: str, inside: str) -> str:
    """Return a bracket expression; like `*` and `?` it never matches a slash."""
    safe = inside.replace("/", "").replace("]", r"\]").replace("^", r"\^")
    safe = safe.replace("[", r"\[").replace(r"\[:", "[:").replace(r":\]", ":]")
    return f"[^/{safe}]" if negated else f"[{safe}]"


def _without_trailing_spaces(line: str) -> str:
    """Cut trailing spaces, except one that is escaped."""
    cut = line.rstrip(" ")
    slashes = len(cut) - len(cut.rstrip("\\"))
    return line[: len(cut) + 1] if slashes % 2 and len(cut) < len(line) else cut
