"""`{% raw %}…{% endraw %}`: text that stays as it is, on one line only (reference §5.2).

Found in linear time: what has been looked for once is not looked for again.
"""

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

_START: Final = re.compile(r"\{%[-\s]*raw[-\s]*%\}")
_END: Final = re.compile(r"\{%[-\s]*endraw[-\s]*%\}")


class RawEnds:
    """The ends of raw texts in a source; positions are asked for from left to right."""

    __slots__ = ("_line_end", "_next", "_searched", "_source")

    def __init__(self, source: str) -> None:
        """Look in `source`."""
        self._source = source
        self._searched = False
        self._next: Any = None
        self._line_end = -1

    def on_line(self, position: int) -> Any:
        """Return the match of the first end after a position if it begins on the same line."""
        if not self._searched or (self._next is not None and self._next.start() < position):
            self._next = _END.search(self._source, position)
            self._searched = True
        if position > self._line_end:
            found = self._source.find("\n", position)
            self._line_end = found if found >= 0 else len(self._source)
        if self._next is None or self._next.start() > self._line_end:
            return None
        return self._next


class RawText(NamedTuple):
    """Where a raw text stands, with and without its tags."""

    start: int
    end: int
    text: str


def raw_texts(source: str) -> Iterator[RawText]:
    """Yield the raw texts of a source from left to right."""
    ends = RawEnds(source)
    position = 0
    while (start := _START.search(source, position)) is not None:
        position = start.end()
        end = ends.on_line(position)
        if end is not None:
            yield RawText(start.start(), end.end(), source[position : end.start()])
            position = end.end()
