"""Texts for forges: what others wrote stays text, whatever Markdown it holds (security case 63)."""

import re
from collections.abc import Sequence

from app.ports.forges import MOST_TEXT

_TICKS = re.compile(r"`+")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
_MENTION = re.compile(r"([@#])(?=\w)")
_NO_SPACE = "\u200b"
_ONE_LINE = 300
_TITLE = 120


def plain(text: str) -> str:
    """Return text without control characters and without what turns the order of characters."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def code(text: str) -> str:
    """Return text as code inside a line, cut; a longer run of ticks than it has surrounds it."""
    line = " ".join(plain(text).split())
    line = line if len(line) <= _ONE_LINE else line[:_ONE_LINE] + "…"
    fence = "`" * (_longest(line) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{unmentioned(line) or ' '}{pad}{fence}"


def fenced(text: str, language: str = "") -> str:
    """Return text as a block of code whose fence is longer than any run of ticks in it."""
    fence = "`" * max(3, _longest(text) + 1)
    return f"{fence}{language}\n{unmentioned(plain(text))}\n{fence}\n"


def unmentioned(text: str) -> str:
    """Return text that calls nobody: `@name` and `#7` are broken by an invisible character."""
    return _MENTION.sub(rf"\1{_NO_SPACE}", text)


def cell(text: str) -> str:
    """Return text for a cell of a table."""
    return code(text).replace("|", "\\|")


def titled(text: str) -> str:
    """Return one line for a title, cut."""
    line = " ".join(plain(text).split())
    return line if len(line) <= _TITLE else line[: _TITLE - 1] + "…"


def cut(text: str, tail: str = "", most: int = MOST_TEXT) -> str:
    """Return text that a forge takes, cut between two lines, with `tail` where it was cut."""
    if len(text) <= most:
        return text
    kept = text[: max(0, most - len(tail) - 8)]
    whole = kept[: kept.rfind("\n") + 1] or kept
    return f"{whole}{_closing(whole)}{tail}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table whose cells are text."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(cell(each) for each in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def _closing(text: str) -> str:
    """Return the fence that a cut left open, "" for none."""
    open_fence = ""
    for line in text.splitlines():
        found = re.match(r"`{3,}", line)
        if found and not open_fence:
            open_fence = found[0]
        elif line == open_fence:
            open_fence = ""
    return f"{open_fence}\n" if open_fence and len(open_fence) < 8 else ""


def _longest(text: str) -> int:
    return max((len(each) for each in _TICKS.findall(text)), default=0)
