"""Credentials that a pull request brings into Git: by the forms that issuers give them (blocking).

What is found is named by kind and line, and never repeated: the finding is read by more people than
the file (security case 61).
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

import orjson

from app.errors import TooLarge
from app.git.history import Change, changes_between
from app.git.mirror import Mirror
from app.git.survey import shown
from app.sync.findings import NOWHERE, Found
from app.sync.origin import Origin
from app.sync.review.merging import MergeResult

_MOST_FILES = 2_000
_MOST_BYTES = 1 << 20
_MOST_FOUND = 50
_MOST_LINE = 10_000

_KNOWN: Final = (
    ("an AWS access key", r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    ("a GitHub token", r"\b(?:gh[pousr]_[A-Za-z0-9_]{36,255}|github_pat_[A-Za-z0-9_]{22,255})\b"),
    ("a GitLab token", r"\bgl(?:pat|dt|rt|ptt)-[A-Za-z0-9_-]{20,100}"),
    ("a Slack token", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,250}"),
    ("a Stripe key", r"\b(?:sk|rk)_live_[A-Za-z0-9]{20,250}\b"),
    ("a Google API key", r"\bAIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])"),
    ("an npm token", r"\bnpm_[A-Za-z0-9]{36}\b"),
    ("a PyPI token", r"\bpypi-AgEIcHlwaS[A-Za-z0-9_-]{50,250}"),
    ("an age key", r"\bAGE-SECRET-KEY-1[A-Z0-9]{58}\b"),
    ("a private key", r"-----BEGIN (?:[A-Z]+ ){0,2}PRIVATE KEY(?: BLOCK)?-----"),
)
_TOKENS = re.compile("|".join(f"({pattern})" for _, pattern in _KNOWN))
_ASSIGNED = re.compile(
    r"(?i)(?:password|passwd|secret|token|api[_-]?key)[\"']?\s*[:=]\s*[\"']?([A-Za-z0-9+/_=.~-]{20,200})"
)
_RANDOM_BITS = 3.5
"""Bits of a character: words of a language have fewer, random base64 has more."""

HIDDEN: Final = "•" * 6

_FIX = "take it out, replace it where it was issued, and read it by secret()"


_MOST_TEXTS = 2_000
"""Texts that are looked for one by one; where there are more, whatever may be one is hidden."""
_LONG = re.compile(r"(?=[A-Za-z+/_=.~-]*[0-9])[A-Za-z0-9+/_=.~-]{20,}")
_KEY_BODY = re.compile(r"PRIVATE KEY(?: BLOCK)?-----(.{1,20000}?)-----END", re.DOTALL)
_KEY_LINE = re.compile(r"[A-Za-z0-9+/=]{16,}")


class Leaked(NamedTuple):
    """What a pull request brings in: findings, and the texts that nothing may repeat.

    The texts are also those that it takes out: they are known to whoever reads the history, and
    should not be told to more people on their way.
    """

    found: tuple[Found, ...] = ()
    texts: frozenset[str] = frozenset()

    def hidden(self, text: str) -> str:
        """Return a text without the credentials."""
        if len(self.texts) > _MOST_TEXTS:
            return _LONG.sub(HIDDEN, _TOKENS.sub(HIDDEN, text))
        for each in sorted(self.texts, key=len, reverse=True):
            text = text.replace(each, HIDDEN)
        return text

    def hidden_in(self, value: Any) -> Any:
        """Return a JSON value without the credentials."""
        return orjson.loads(self.hidden(orjson.dumps(value).decode()))


class Leak(NamedTuple):
    """A credential: its line, what it is, and whether its form leaves no doubt."""

    line: int
    kind: str
    is_sure: bool
    text: str
    """Only to compare with; never told."""


def leaks_in(text: str) -> Iterator[Leak]:
    """Yield what looks like credentials in a text; pure."""
    for number, line in enumerate(text.splitlines(), start=1):
        part = line[:_MOST_LINE]
        sure = [(_kind(found), found[0]) for found in _TOKENS.finditer(part)]
        yield from (Leak(number, kind, is_sure=True, text=value) for kind, value in sure)
        for found in _ASSIGNED.finditer(part):
            value = found[1]
            if _is_random(value) and not any(known in value or value in known for _, known in sure):
                yield Leak(number, "what looks like a password or token", is_sure=False, text=value)


def leaks(origin: Origin, result: MergeResult) -> Leaked:
    """Return the credentials in files of ours that the base does not have in them already."""
    mirror = origin.mirror
    changes = changes_between(
        mirror.disk.launcher, result.sides.base, result.tree, root=origin.layout.root
    )
    wanted = [each for each in changes if origin.layout.place(each.path)]
    sure: list[Found] = []
    suspected: list[Found] = []
    texts: set[str] = set()
    for change in wanted[:_MOST_FILES]:
        before, after = _text(mirror, change.old_blob), _text(mirror, change.new_blob)
        old = {each.text for each in leaks_in(before)}
        for leak in leaks_in(after):
            found = sure if leak.is_sure else suspected
            if leak.text not in old and len(found) < _MOST_FOUND:
                found.append(_finding(origin, change, leak))
            _collect(texts, (leak.text,))
        _collect(texts, (*old, *_key_lines(before), *_key_lines(after)))
    return Leaked((*sure, *suspected)[:_MOST_FOUND], frozenset(texts))


def _collect(texts: set[str], more: Iterable[str]) -> None:
    """Add texts; beyond those that are looked for one by one it matters only that there are."""
    if len(texts) <= _MOST_TEXTS:
        texts.update(more)


def _key_lines(text: str) -> Iterator[str]:
    """Yield the lines of private keys: the first line alone would hide nothing."""
    for body in _KEY_BODY.finditer(text):
        yield from _KEY_LINE.findall(body[1])


def _finding(origin: Origin, change: Change, leak: Leak) -> Found:
    place = origin.layout.place(change.path)
    return Found(
        (place.tenant, place.namespace) if place else NOWHERE,
        shown(change.path),
        "SECRET_LEAKED",
        "error" if leak.is_sure else "warning",
        f"This is {leak.kind}: whoever can read the repository has it",
        _FIX,
        leak.line,
    )


def _text(mirror: Mirror, blob: str | None) -> str:
    if blob is None:
        return ""
    info = mirror.objects.info(blob)
    if info is None or info.kind != "blob":
        return ""
    try:
        data = mirror.objects.read(blob, limit=_MOST_BYTES)
    except TooLarge:
        return ""
    return "" if b"\0" in data[:8_000] else data.decode("utf-8", "replace")


def _kind(found: re.Match[str]) -> str:
    return _KNOWN[(found.lastindex or 1) - 1][0]


def _is_random(value: str) -> bool:
    """Return whether a text is more like random characters than like words."""
    if value.isalpha() or not any(character.isdigit() for character in value):
        return False
    counts = Counter(value).values()
    bits = -sum(count / len(value) * math.log2(count / len(value)) for count in counts)
    return bits >= _RANDOM_BITS
