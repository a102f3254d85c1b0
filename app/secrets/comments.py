"""The comments of a YAML text, found between what its parser took."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

import yaml

from app.secrets.errors import Malformed

MAX_COMMENTS: Final = 5_000
_COMMENT: Final = re.compile(r"(?:(?<=[ \t\r\n])|\A)#([^\r\n]*)")


class Remark(NamedTuple):
    """A comment in a text; places count from 0, in characters."""

    start: int
    line: int
    column: int
    alone: bool
    """Whether nothing else is on its line."""
    text: str
    """Without the `#`."""


def find_comments(text: str, events: Iterable[Any]) -> list[Remark]:
    """Return the comments of a text that a parser found well-formed.

    Raises:
        Malformed: there are too many.
    """
    found = []
    line, counted = 0, 0
    for start, end in _gaps(text, events):
        for match in _COMMENT.finditer(text, start, end):
            line += text.count("\n", counted, match.start())
            counted = match.start()
            found.append(_remark(text, match, line))
            if len(found) > MAX_COMMENTS:
                raise Malformed(f"The file has more than {MAX_COMMENTS} comments")
    return found


def _remark(text: str, match: re.Match[str], line: int) -> Remark:
    begin = text.rfind("\n", 0, match.start()) + 1
    alone = not text[begin : match.start()].strip()
    return Remark(match.start(), line, match.start() - begin, alone, match[1])


def _gaps(text: str, events: Iterable[Any]) -> Iterator[tuple[int, int]]:
    """Yield what lies between the scalars; of a block scalar its first line lies between."""
    at = 0
    for event in events:
        if not isinstance(event, yaml.ScalarEvent):
            continue
        start, end = _span(event)
        if event.style in {"|", ">"}:
            start = _line_end(text, start)
        yield at, max(at, start)
        at = max(at, end)
    yield at, len(text)


def _span(event: Any) -> tuple[int, int]:
    return event.start_mark.index, event.end_mark.index


def _line_end(text: str, index: int) -> int:
    found = text.find("\n", index)
    return len(text) if found < 0 else found
