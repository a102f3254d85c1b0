"""Suggestions for names that are almost right."""

import difflib
from collections.abc import Collection, Iterable
from typing import Final

_MAX_LENGTH: Final = 100
"""Comparing is quadratic; a longer name is no typing error."""

_MAX_NAMES: Final = 150
"""More names than any type has properties are not compared: a hostile document could have many."""


def did_you_mean(written: str, names: Collection[str]) -> str:
    """Return `did you mean "…"?` for the name most like the one written, empty if none is."""
    if len(written) > _MAX_LENGTH or len(names) > _MAX_NAMES:
        return ""
    lowered = {name.lower(): name for name in names}
    close = difflib.get_close_matches(written.lower(), lowered, n=1, cutoff=0.6)
    return f'did you mean "{lowered[close[0]]}"?' if close else ""


def did_you_mean_type(written: str, names: Iterable[str]) -> str:
    """Return a suggestion for a type: the last part of its name counts most."""
    if len(written) > _MAX_LENGTH:
        return ""
    by_end: dict[str, list[str]] = {}
    for name in names:
        by_end.setdefault(name.rpartition(".")[2].lower(), []).append(name)
    ends = difflib.get_close_matches(written.rpartition(".")[2].lower(), by_end, n=3, cutoff=0.6)
    candidates = [name for end in ends for name in by_end[end]]
    close = difflib.get_close_matches(written, candidates, n=1, cutoff=0.0)
    return f'did you mean "{close[0]}"?' if close else ""
