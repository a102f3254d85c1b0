"""Reading YAML: a guard against hostile documents, and YAML 1.2 values.

PyYAML builds documents recursively, in C without a limit, so deep nesting kills the process. Only
its event parser is used here, which needs no stack; one linear pass over the events checks the
limits and builds the document. Scalars are resolved by the core schema of YAML 1.2.2 (chapter
10.3): `yes`, `on`, `1:30` and dates stay texts, `012` is twelve. Map keys are always texts.
"""

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import yaml

from app.flows.problems import printable
from app.flows.scalars import plain_scalar

MAX_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 64
MAX_NODES: Final = 100_000
"""Scalars, lists and maps, with what aliases repeat counted again."""
MAX_ALIASES: Final = 1_000

_TOO_DEEP: Final = f"The document is nested deeper than {MAX_DEPTH} levels"
_LOADER: Final = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


class YamlError(Exception):
    """A document that cannot be read. `line` and `column` count from 1, 0 if unknown."""

    def __init__(self, code: str, message: str, *, line: int = 0, column: int = 0) -> None:
        """Make the error with the code of the problem that it becomes."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.line = line
        self.column = column


def decode(source: bytes) -> str:
    """Return the text of a document's bytes.

    Raises:
        YamlError: too large, or not UTF-8.
    """
    if len(source) > MAX_BYTES:
        raise _too_large()
    try:
        return source.decode("utf-8")
    except UnicodeDecodeError as error:
        line = source.count(b"\n", 0, error.start) + 1
        message = "The document is not UTF-8; save it as UTF-8"
        raise YamlError("YAML_SYNTAX", message, line=line, column=1) from None


class Document(NamedTuple):
    """A document that was read."""

    value: Any
    """Maps with text keys, lists, scalars; None for an empty document."""
    duplicates: list[YamlError]
    """Keys that are there twice; the value holds the first."""


def load(source: str) -> Document:
    """Return the value of a document.

    Raises:
        YamlError: the document is not well-formed, hostile, or beyond a limit.
    """
    _check_text(source)
    builder = Builder()
    handlers = {
        yaml.ScalarEvent: builder.scalar,
        yaml.MappingStartEvent: builder.open_map,
        yaml.SequenceStartEvent: builder.open_list,
        yaml.MappingEndEvent: builder.close,
        yaml.SequenceEndEvent: builder.close,
        yaml.AliasEvent: builder.alias,
        yaml.DocumentStartEvent: builder.start_document,
    }
    for event in events(source):
        handler = handlers.get(type(event))
        if handler is not None:
            handler(event)
    return Document(builder.value, builder.duplicates)


_SEPARATOR: Final = re.compile(r"^---[ \t]*(?:#.*)?$", re.MULTILINE)


class Part(NamedTuple):
    """One document of several in one text."""

    source: str
    line: int
    """The line of the whole text before the first of this document."""


def split_documents(source: str) -> list[Part]:
    """Split a text at its `---` lines; documents of blank lines and comments are left out."""
    starts = [0, *(match.end() + 1 for match in _SEPARATOR.finditer(source))]
    ends = [*(match.start() for match in _SEPARATOR.finditer(source)), len(source)]
    parts = [
        Part(source[start:end], source.count("\n", 0, start))
        for start, end in zip(starts, ends, strict=True)
    ]
    return [part for part in parts if _has_content(part.source)]


def _has_content(source: str) -> bool:
    return any(line.strip() and not line.lstrip().startswith("#") for line in source.splitlines())


def _too_large() -> YamlError:
    return YamlError("TOO_LARGE", f"The document is larger than {MAX_BYTES // 1024} KiB")


def _check_text(source: str) -> None:
    # a character has at least one byte, so the encoded size is only counted when it matters
    if len(source) > MAX_BYTES or (
        len(source) * 4 > MAX_BYTES and len(source.encode("utf-8", "replace")) > MAX_BYTES
    ):
        raise _too_large()
    if source.startswith("\ufeff"):
        message = "The document starts with a byte order mark; save it as UTF-8 without one"
        raise YamlError("YAML_SYNTAX", message, line=1, column=1)
    if "\0" in source:
        line = source.count("\n", 0, source.index("\0")) + 1
        raise YamlError("YAML_SYNTAX", "The document holds a NUL character", line=line, column=1)


def events(source: str) -> Iterator[Any]:
    """Yield the events of a document, errors as `YamlError`."""
    try:
        loader = _LOADER(source)
    except (yaml.YAMLError, UnicodeError) as error:
        raise _syntax_error(error) from None
    try:
        while (event := loader.get_event()) is not None:
            yield event
    except (yaml.YAMLError, UnicodeError) as error:
        raise _syntax_error(error) from None
    finally:
        loader.dispose()


def _syntax_error(error: Exception) -> YamlError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    reason = getattr(error, "problem", None) or getattr(error, "reason", None) or "unreadable text"
    code, message = "YAML_SYNTAX", f"Invalid YAML: {printable(str(reason))}"
    if "nesting" in str(reason):  # the scanner looks ahead and has a limit of its own
        code, message = "TOO_LARGE", _TOO_DEEP
    if mark is None:
        return YamlError(code, message)
    return YamlError(code, message, line=mark.line + 1, column=mark.column + 1)


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
            raise _at(event, "TOO_LARGE", _TOO_DEEP)
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
