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
from app.flows.yaml_builder import MAX_ALIASES, MAX_DEPTH, MAX_NODES, TOO_DEEP, Builder, YamlError

__all__ = [
    "MAX_ALIASES",
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_NODES",
    "Document",
    "Part",
    "YamlError",
    "decode",
    "events",
    "load",
    "split_documents",
]

MAX_BYTES: Final = 1024 * 1024

_LOADER: Final = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


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
        code, message = "TOO_LARGE", TOO_DEEP
    if mark is None:
        return YamlError(code, message)
    return YamlError(code, message, line=mark.line + 1, column=mark.column + 1)
