"""Patterns of file paths, read as Java's `glob:` does, and Kestra's rules on top of it.

`*` and `?` stop at a slash, `**` does not; `[…]` and `{a,b}` as usual. `regex:` introduces a
regular expression that the whole path must match.
"""

import re
from collections.abc import Callable, Sequence

from app.flows.patterns import check_pattern, full_match

Match = Callable[[str], bool]

_SYNTAX = ("glob:", "regex:")


def matcher(patterns: Sequence[str], *, anywhere: bool = False) -> Match:
    """Return the test whether a relative path (`a/b.txt`) matches one of the patterns.

    `anywhere`: a pattern that begins with a letter, digit or `_` matches at any depth; one with a
    leading slash never does. Without it every pattern begins at the top.

    Raises:
        ValueError: for a pattern that is none.
    """
    expressions = [_expression(pattern, anywhere=anywhere) for pattern in patterns]
    for expression in expressions:
        check_pattern(expression)
    return lambda path: any(full_match(each, path) for each in expressions)


def selection(
    include: Sequence[str], exclude: Sequence[str] = (), *, anywhere: bool = True
) -> Match:
    """Return the test whether a path is chosen: by `include` (empty: all), not by `exclude`.

    Raises:
        ValueError: as `matcher`.
    """
    wanted = matcher(include, anywhere=anywhere) if include else None
    unwanted = matcher(exclude, anywhere=anywhere)
    return lambda path: (wanted is None or wanted(path)) and not unwanted(path)


def _expression(pattern: str, *, anywhere: bool) -> str:
    if pattern.startswith("regex:"):
        return f"/?(?:{pattern.removeprefix('regex:')})"
    plain = pattern.removeprefix("glob:")
    if plain.startswith("**/"):
        return f"(?:.*/)?{_translated(plain[3:])}"
    if anywhere and not pattern.startswith(_SYNTAX) and re.match(r"\w", plain):
        return f"(?:.*/)?{_translated(plain)}"
    return _translated(plain.removeprefix("./").lstrip("/"))


def _translated(glob: str) -> str:
    """Return the regular expression of a glob."""
    parts: list[str] = []
    at = depth = 0
    while at < len(glob):
        piece = _piece(glob, at)
        at += len(piece)
        depth += {"{": 1, "}": -1}.get(piece, 0)
        parts.append(_part(piece, in_group=depth > 0))
        if depth not in (0, 1):
            message = f"the braces of the pattern {glob!r} do not match"
            raise ValueError(message)
    if depth:
        message = f"a brace of the pattern {glob!r} is not closed"
        raise ValueError(message)
    return "".join(parts)


def _piece(glob: str, at: int) -> str:
    if glob.startswith("**", at):
        return "**"
    if glob[at] == "\\" and at + 1 < len(glob):
        return glob[at : at + 2]
    if glob[at] == "[":
        end = glob.find("]", at + 2)
        if end < 0:
            message = f"a bracket of the pattern {glob!r} is not closed"
            raise ValueError(message)
        return glob[at : end + 1]
    return glob[at]


_PARTS = {"**": ".*", "*": "[^/]*", "?": "[^/]", "{": "(?:", "}": ")"}


def _part(piece: str, *, in_group: bool) -> str:
    if piece in _PARTS:
        return _PARTS[piece]
    if piece == "," and in_group:
        return "|"
    if piece[0] == "[":
        inside = piece[1:-1].replace("\\", "\\\\").replace("[", "\\[")
        return f"[^/{inside[1:]}]" if inside[0] in "!^" else f"[{inside}]"
    return re.escape(piece[1:] if piece[0] == "\\" and len(piece) > 1 else piece)
