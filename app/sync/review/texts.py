"""Texts for forges: one line for a title, tables, and pages cut to what a forge takes. Pure.

What others wrote stays text, whatever Markdown it holds (security case 63).
"""

import re
from collections.abc import Sequence

from app.ports.forges import MOST_TEXT
from app.sync.planning.markdown import code

_FENCE = re.compile(r"`{3,}")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
_TITLE = 120
_ROOM = 64


def clean(text: str) -> str:
    """Return text without control characters and without what turns the order of characters."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def titled(text: str) -> str:
    """Return one line for a title, cut."""
    line = " ".join(clean(text).split())
    return line if len(line) <= _TITLE else line[: _TITLE - 1] + "…"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table whose cells are text."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(map(code, row))} |" for row in rows]
    return "\n".join(lines) + "\n"


def cut(text: str, tail: str = "", most: int = MOST_TEXT) -> str:
    """Return text that a forge takes, cut between two lines, with `tail` where it was cut."""
    if len(text) <= most:
        return text
    kept = text[: max(0, most - len(tail) - _ROOM)]
    whole = kept[: kept.rfind("\n") + 1] or kept
    return f"{whole}{_closing(whole)}{tail}"


def _closing(text: str) -> str:
    """Return the fence that a cut left open, "" for none."""
    fence = ""
    for line in text.splitlines():
        found = _FENCE.match(line)
        if found and not fence:
            fence = found[0]
        elif fence and line == fence:
            fence = ""
    return f"{fence}\n" if 0 < len(fence) < _ROOM else ""
