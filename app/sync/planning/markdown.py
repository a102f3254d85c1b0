"""Text of others in Markdown: shown as it is, meaning nothing. Pure."""

import re
from typing import Any

import orjson

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|~>$])")
_REFERENCE = re.compile(r"([@#]|\bGH-|://|\bwww\.)(?=\S)", re.IGNORECASE)
_LONGEST = 300
_TICKS = re.compile(r"`+")


def plain(text: Any) -> str:
    """Return a text without any meaning in Markdown or HTML: no mention, link, heading, image."""
    line = " ".join(_shown(text).split())
    escaped = _SPECIAL.sub(r"\\\1", line.replace("&", "&amp;").replace("<", "&lt;"))
    # Forges look for mentions and references in what is rendered, where backslashes are gone.
    return _broken(escaped)


def code(text: Any) -> str:
    """Return a text as a span of code, fit for a cell of a table."""
    line = " ".join(_shown(text).split())
    if not line:
        return ""
    ticks = _fence(line, 1)
    space = " " if line[0] in "` " or line[-1] in "` " else ""
    # In a table a bar ends the cell even inside of code.
    return f"{ticks}{space}{line}{space}{ticks}".replace("|", "\\|")


def fenced(text: str, language: str = "") -> str:
    """Return lines as a block of code; the fence is longer than any inside."""
    body = "\n".join(_visible(line) for line in text.split("\n")).rstrip("\n")
    ticks = _fence(body, 3)
    return f"{ticks}{language}\n{body}\n{ticks}"


def value(item: Any, most: int = _LONGEST) -> str:
    """Return a value of a document on one line, as JSON, cut to `most` characters."""
    options = orjson.OPT_NON_STR_KEYS
    try:
        text = orjson.dumps(item, option=options, default=str).decode()
    except TypeError:
        text = str(item)
    return text if len(text) <= most else f"{text[:most]}…"


def _shown(text: Any) -> str:
    line = _visible(str(text))
    return line if len(line) <= _LONGEST * 4 else f"{line[: _LONGEST * 4]}…"


def _visible(text: str) -> str:
    """Escape what is not seen: control characters, and those that turn the direction around."""
    if text.isprintable():
        return text
    kept = "\t\n"
    return "".join(
        c if c.isprintable() or c in kept else c.encode("unicode_escape").decode() for c in text
    )


def _broken(text: str) -> str:
    return _REFERENCE.sub("\\1\u200b", text)


def _fence(text: str, least: int) -> str:
    longest = max((len(each) for each in _TICKS.findall(text)), default=0)
    return "`" * max(least, longest + 1)
