"""Which revision a part of a flow is from: told by what the parts say, not by lines. Pure.

A part is a task (however deep), a trigger, an input, an output, or another property of the flow.
What a flowable holds is not a part of it: a task that changes is not a change of the task around
it. Comments, order and the way things are written do not count.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple

from app.flows.parse import parse_document
from app.flows.places import find_places
from app.flows.problems import Path, path_text
from app.flows.yaml import YamlError

Kind = Literal["task", "trigger", "input", "output", "property"]

_TASKS: Final = ("tasks", "errors", "finally", "afterExecution")
_LISTS: Final[Mapping[str, Kind]] = {
    **dict.fromkeys(_TASKS, "task"),
    "triggers": "trigger",
    "inputs": "input",
    "outputs": "output",
}


class Part(NamedTuple):
    """A part of a flow: what it is called, by its kind."""

    kind: Kind
    id: str


class Spot(NamedTuple):
    """Where a part stands in a document, and what it says."""

    path: Path
    value: Any

    @property
    def pointer(self) -> str:
        """The path as people write it."""
        return path_text(self.path)


def parts_of(document: Mapping[str, Any]) -> dict[Part, Spot]:
    """Return the parts of a raw document, in its order; of two of one name the first."""
    found: dict[Part, Spot] = {}
    for part, spot in _parts(document):
        found.setdefault(part, spot)
    return found


def _parts(document: Mapping[str, Any]) -> Iterator[tuple[Part, Spot]]:
    for name, value in document.items():
        kind = _LISTS.get(name)
        if kind is None:
            yield Part("property", name), Spot((name,), value)
        elif isinstance(value, list):
            for index, entry in enumerate(value):
                yield from _entries(kind, entry, (name, index))


def _entries(kind: Kind, entry: Any, path: Path) -> Iterator[tuple[Part, Spot]]:
    name = entry.get("id") if isinstance(entry, dict) else None
    if not isinstance(name, str):
        return
    if kind != "task":
        yield Part(kind, name), Spot(path, entry)
        return
    yield Part(kind, name), Spot(path, _own(entry))
    yield from _below(entry, path)


def _below(value: Any, path: Path) -> Iterator[tuple[Part, Spot]]:
    """Yield the tasks inside a value of a task."""
    items: Iterator[tuple[str | int, Any]] = iter(())
    if isinstance(value, dict):
        items = iter(value.items())
    elif isinstance(value, list):
        items = iter(enumerate(value))
    for step, inner in items:
        here = (*path, step)
        if _is_task(inner):
            yield from _entries("task", inner, here)
        elif isinstance(inner, dict | list):
            yield from _below(inner, here)


def _own(value: Any) -> Any:
    """Return a value without the tasks in it."""
    if isinstance(value, dict):
        return {key: _own(each) for key, each in value.items() if not _is_task(each)}
    if isinstance(value, list):
        return [_own(each) for each in value if not _is_task(each)]
    return value


def _is_task(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    return isinstance(value.get("id"), str) and isinstance(value.get("type"), str)


class Attribution:
    """Tells where parts are from, from a history that is read backwards."""

    def __init__(self, source: str, revision: int) -> None:
        """Ask about the parts of a document, the newest.

        Raises:
            YamlError: when it cannot be read.
        """
        document = parse_document(source)
        self.parts = parts_of(document)
        self.origins = dict.fromkeys(self.parts, revision)
        """Part -> the revision since which it says what it says, as far as is known.

        Revisions are named by any numbers that are their own.
        """
        self._open = set(self.parts)
        self._places = find_places(source)

    @property
    def is_complete(self) -> bool:
        """Whether older revisions can tell nothing more."""
        return not self._open

    def older(self, source: str | None, revision: int) -> None:
        """Hear what the revision before said, None: there was none.

        One that cannot be read as YAML tells nothing.
        """
        if source is None:
            self._open.clear()
            return
        try:
            before = parts_of(parse_document(source))
        except YamlError:
            return
        for part in list(self._open):
            spot = before.get(part)
            if spot is not None and _same(spot.value, self.parts[part].value):
                self.origins[part] = revision
            else:
                self._open.discard(part)

    def line(self, part: Part) -> int:
        """Return the line (from 1) on which a part begins."""
        place = self._places.get(self.parts[part].path)
        return place.key_line or place.line if place else 0


def _same(left: Any, right: Any) -> bool:
    """Whether two values are the same: `1`, `1.0` and `true` are not."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return bool(left == right)
