"""Regular expressions in Java's notation, for filters and methods (see `app.regexes`).

Replacements are Java's: `$1`, `${name}`, a backslash escapes.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from app.errors import ExpressionError
from app.expressions.budget import Meter
from app.regexes import Pattern, PatternError, compiled

_LITERAL: Final = re.compile(r"[^\\.\[\](){}*+?^$|]")
_REFERENCE: Final = re.compile(r"\\(.)|\$\{(\w+)\}|\$(\d+)|([\\$])", re.DOTALL)


def find(pattern: str, text: str) -> Any:
    """Return the first match in a text, or None.

    Raises:
        ExpressionError: when the pattern cannot be read.
    """
    with _told():
        return compiled(pattern).search(text)


def matches(pattern: str, text: str) -> bool:
    """Tell whether the pattern matches the whole text."""
    with _told():
        return compiled(pattern).fullmatch(text) is not None


def replace(pattern: str, replacement: str, text: str, meter: Meter, limit: int = 0) -> str:
    """Return the text with matches replaced: all, or the first `limit`.

    Raises:
        ExpressionError: when pattern or replacement cannot be read, or the text becomes too long.
    """
    parts: list[str] = []
    position = 0
    with _told():
        regex = compiled(pattern)
        template = _replacement(replacement, regex)
        for count, match in enumerate(_found(regex, text, meter)):
            if limit and count == limit:
                break
            part = text[position : match.start()] + _expanded(template, match)
            meter.grow(len(part))
            parts.append(part)
            position = match.end()
    parts.append(text[position:])
    return "".join(parts)


def split(pattern: str, text: str, limit: int, meter: Meter) -> list[str]:
    """Return the text split as Java's `String.split(pattern, limit)`.

    With limit 0 trailing empty parts are dropped; with a positive one the last part holds the rest;
    with a negative one everything is kept.
    """
    with _told():
        parts = _parts(pattern, text, limit, meter)
    if limit == 0:
        while len(parts) > 1 and not parts[-1]:
            parts.pop()
        if len(parts) == 1 and not parts[0] and text:
            parts.pop()
    return parts


def _parts(pattern: str, text: str, limit: int, meter: Meter) -> list[str]:
    if _LITERAL.fullmatch(pattern):
        meter.spend(text.count(pattern))
        return text.split(pattern, limit - 1) if limit > 0 else text.split(pattern)
    parts: list[str] = []
    position = 0
    for match in _found(compiled(pattern), text, meter):
        if limit > 0 and len(parts) == limit - 1:
            break
        if match.end() == 0 or match.start() == match.end() == len(text):
            continue  # an empty match at either end splits nothing
        parts.append(text[position : match.start()])
        position = match.end()
    parts.append(text[position:])
    return parts


def _found(regex: Pattern, text: str, meter: Meter) -> Iterator[Any]:
    for match in regex.finditer(text):
        meter.step()
        yield match


@contextmanager
def _told() -> Iterator[None]:
    """Turn what is wrong with a pattern into an error of the expression."""
    try:
        yield
    except PatternError as error:
        raise ExpressionError(str(error)) from error


def _replacement(text: str, regex: Pattern) -> list[str | int]:
    """Return the pieces of a Java replacement: literal texts and numbers of groups."""
    pieces: list[str | int] = []
    position = 0
    for match in _REFERENCE.finditer(text):
        pieces.append(text[position : match.start()])
        position = match.end()
        escaped, name, digits, stray = match.groups()
        if stray:
            message = f"`{stray}` in a replacement must be written `\\{stray}`"
            raise ExpressionError(message)
        if escaped is not None:
            pieces.append(escaped)
        else:
            pieces.extend(_group(name, digits, regex))
    pieces.append(text[position:])
    return pieces


def _group(name: str | None, digits: str | None, regex: Pattern) -> list[str | int]:
    if name is not None:
        if name not in regex.groupindex:
            message = f"the pattern has no group named `{name}`"
            raise ExpressionError(message)
        return [int(regex.groupindex[name])]
    # Java takes as many digits as still name a group: `$10` is group 1 and a 0 if there are fewer.
    figures = digits or ""
    length = 1
    while length < len(figures) and int(figures[: length + 1]) <= regex.groups:
        length += 1
    number = int(figures[:length])
    if number > regex.groups:
        message = f"the pattern has no group {number}"
        raise ExpressionError(message)
    return [number, figures[length:]]


def _expanded(template: list[str | int], match: Any) -> str:
    return "".join(
        piece if isinstance(piece, str) else match.group(piece) or "" for piece in template
    )
