"""Where the values of a YAML document stand: looked up only when a problem has to be shown."""

from typing import Any, NamedTuple

import yaml

from app.flows.problems import Path
from app.flows.yaml import YamlError, decode, events


class Place(NamedTuple):
    """Where a value stands, and a scalar as it is written. Lines and columns count from 1."""

    line: int
    column: int
    key_line: int
    key_column: int
    text: str | None
    """None for a list, a map, or an alias."""


def find_places(source: str) -> dict[Path, Place]:
    """Return the place of every value of a document that `yaml.load` accepts."""
    finder = _Finder()
    for event in events(source):
        finder.add(event)
    return finder.places


def place_of(source: str | bytes, *path: str | int) -> tuple[int, int]:
    """Return line and column, from 1, of the value at a path, or of the nearest one around it.

    Zeros where the document cannot be read.
    """
    try:
        places = find_places(source if isinstance(source, str) else decode(source))
    except YamlError:
        return 0, 0
    for length in range(len(path), -1, -1):
        place = places.get(path[:length])
        if place is not None:
            return place.line, place.column
    return 0, 0


class _Finder:
    """Follows the events of a document and notes the place of each value, duplicates not."""

    def __init__(self) -> None:
        self.places: dict[Path, Place] = {}
        self._path: Path = ()
        self._steps: list[Any] = []
        """For each open container: the next index of a list, or the event of a map's key."""
        self._maps: list[bool] = []

    def add(self, event: Any) -> None:
        """Take the next event."""
        kind = type(event)
        if kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            self._maps.pop()
            self._steps.pop()
            self._path = self._path[:-1]
        elif kind is yaml.ScalarEvent:
            if self._maps and self._maps[-1] and self._steps[-1] is None:
                self._steps[-1] = event
            else:
                self._note(event, event.value)
        elif kind is yaml.AliasEvent:
            self._note(event, None)
        elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            step = self._note(event, None)
            is_map = kind is yaml.MappingStartEvent
            if step is not None:
                self._path = (*self._path, step)
            self._maps.append(is_map)
            self._steps.append(None if is_map else 0)

    def _note(self, event: Any, text: str | None) -> str | int | None:
        """Note the place of a value; return the last step of its path, None for the root."""
        mark = key = event.start_mark
        step: str | int | None = None
        if self._maps:
            at = self._steps[-1]
            if self._maps[-1]:
                step, key = at.value, at.start_mark
                self._steps[-1] = None
            else:
                step = at
                self._steps[-1] = at + 1
        path = self._path if step is None else (*self._path, step)
        self.places.setdefault(
            path, Place(mark.line + 1, mark.column + 1, key.line + 1, key.column + 1, text)
        )
        return step
