"""Building a document from the events of a YAML parser, within limits."""

from typing import Any, Final, NamedTuple

from app.errors import Invalid
from app.flows.problems import printable
from app.flows.scalars import plain_scalar

MAX_DEPTH: Final = 200
MAX_NODES: Final = 100_000
"""Scalars, lists and maps, with what aliases repeat counted again."""
MAX_ALIASES: Final = 1_000

TOO_DEEP: Final = f"The document is nested deeper than {MAX_DEPTH} levels"


class YamlError(Invalid):
    """The document cannot be read."""

    code = "YAML"

    def __init__(self, problem: str, message: str, *, line: int = 0, column: int = 0) -> None:
        """Make the error; `problem` is the code of the problem that it becomes.

        Line and column count from 1; 0 means that the place is not known.
        """
        super().__init__(message, line=line, column=column)
        self.problem = problem
        self.line = line
        self.column = column


class Builder:
    """Builds the value of a document from events and refuses what is beyond the limits."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.value: Any = None
        self.duplicates: list[YamlError] = []
        self._stack: list[_Frame] = []
        self._container: Any = None
        self._key: str | None = None
        self._nodes = 0
        self._aliases = 0
        self._documents = 0
        self._anchors: dict[str, tuple[Any, int] | None] = {}

    def start_document(self, _: Any) -> None:
        """Note that a document begins."""
        self._documents += 1

    def scalar(self, event: Any) -> None:
        """Add a scalar, as a key if one is due."""
        if self._documents > 1 and not event.value:
            return  # what is left of a text that ends with `---`
        self._count(event, 1)
        plain = event.implicit[0]
        if self._key is None and type(self._container) is dict:
            self._begin_entry(event)
            return
        value = plain_scalar(event.value) if plain else event.value
        self._put(value)
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, 1)

    def open_map(self, event: Any) -> None:
        """Begin a map."""
        self._open(event, {})

    def open_list(self, event: Any) -> None:
        """Begin a list."""
        self._open(event, [])

    def close(self, _: Any) -> None:
        """End the map or list that is open."""
        anchor, start = self._stack[-1].anchor, self._stack[-1].nodes
        if anchor is not None:
            self._anchors[anchor] = (self._container, self._nodes - start)
        self._container, self._key, _, _ = self._stack.pop()

    def alias(self, event: Any) -> None:
        """Add what an anchor stands for once more."""
        self._aliases += 1
        if self._aliases > MAX_ALIASES:
            raise _at(event, "TOO_LARGE", f"More than {MAX_ALIASES} aliases")
        if self._key is None and type(self._container) is dict:
            raise _at(event, "YAML_SYNTAX", "An alias cannot be a key")
        anchored = self._anchors.get(event.anchor)
        if anchored is None:
            reason = (
                "stands inside its own anchor" if event.anchor in self._anchors else "is unknown"
            )
            raise _at(event, "YAML_SYNTAX", f"The alias *{printable(event.anchor)} {reason}")
        value, size = anchored
        self._count(event, size)
        self._put(value)

    def _count(self, event: Any, size: int) -> None:
        self._nodes += size
        if self._nodes > MAX_NODES:
            raise _at(event, "TOO_LARGE", f"The document has more than {MAX_NODES} values")
        if self._documents > 1:
            message = "The text holds more than one document; put each flow into a file of its own"
            raise _at(event, "MULTIPLE_DOCUMENTS", message)
        if getattr(event, "tag", None) is not None:
            raise _at(event, "YAML_SYNTAX", f"The tag {printable(event.tag)} is not allowed")

    def _open(self, event: Any, container: Any) -> None:
        if len(self._stack) >= MAX_DEPTH:
            raise _at(event, "TOO_LARGE", TOO_DEEP)
        self._count(event, 1)
        if self._key is None and type(self._container) is dict:
            message = 'A key must be a text; put an expression into quotes: "{{ … }}"'
            raise _at(event, "YAML_SYNTAX", message)
        self._put(container)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        # what was put is done: the frame below waits for its next key
        self._stack.append(_Frame(self._container, None, event.anchor, self._nodes - 1))
        self._container, self._key = container, None

    def _begin_entry(self, event: Any) -> None:
        self._key = event.value
        if event.anchor is not None:
            self._anchors[event.anchor] = (event.value, 1)
        if event.value in self._container:
            message = f'Duplicate key "{printable(event.value)}"'
            self.duplicates.append(_at(event, "DUPLICATE_KEY", message))

    def _put(self, value: Any) -> None:
        container = self._container
        if type(container) is dict:
            container.setdefault(self._key, value)
            self._key = None
        elif container is None:
            self.value = value
        else:
            container.append(value)


class _Frame(NamedTuple):
    container: Any
    key: str | None
    anchor: str | None
    nodes: int


def _at(event: Any, code: str, message: str) -> YamlError:
    mark = event.start_mark
    return YamlError(code, message, line=mark.line + 1, column=mark.column + 1)
