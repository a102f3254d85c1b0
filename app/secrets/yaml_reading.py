"""SOPS documents written in YAML, with their comments where SOPS sees them.

A comment belongs to the map or list that it stands in by its indentation, before what follows it;
a comment at the end of a line stands before what is on that line.
"""

import base64
import binascii
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from app.flows.yaml import YamlError, events
from app.secrets.comments import Remark, find_comments
from app.secrets.errors import Malformed
from app.secrets.scalars import plain_scalar
from app.secrets.tree import Branch, Comment, Entry, Leaf, Value

MAX_DEPTH: Final = 64
MAX_NODES: Final = 20_000
"""Scalars, lists and maps, with what aliases repeat counted again."""
MAX_ALIASES: Final = 100

_TAG = "tag:yaml.org,2002:"
_KNOWN_TAGS: Final = frozenset(
    _TAG + name
    for name in (
        "str",
        "int",
        "float",
        "bool",
        "null",
        "timestamp",
        "map",
        "seq",
        "binary",
        "merge",
    )
)


def read_yaml(text: str) -> list[Branch]:
    """Return the documents of a YAML text.

    Raises:
        Malformed: it is not well-formed, hostile, beyond a limit, or not made of maps.
    """
    found = _limited(text)
    builder = _Builder(text, find_comments(text, found))
    for event in found:
        builder.take(event)
    return builder.documents


def _limited(text: str) -> list[Any]:
    """Return the events of a text, of which there are at most three for each value."""
    found = []
    try:
        for event in events(text):
            found.append(event)
            if len(found) > 3 * MAX_NODES:
                raise _too_many()
    except YamlError as error:
        place = f" (line {error.line})" if error.line else ""
        raise Malformed(f"The file is not valid YAML{place}") from None
    return found


def _too_many() -> Malformed:
    return Malformed(f"The file has more than {MAX_NODES} values")


@dataclass(slots=True)
class _Frame:
    """A map or list that is open."""

    is_map: bool
    column: int
    """-1 inside brackets, where indentation says nothing."""
    anchor: str | None
    first: int
    """How many nodes there were before it."""
    entries: list[Any] = field(default_factory=list)
    key: str | None = None
    keys: set[str] = field(default_factory=set)

    def remark(self, text: str) -> None:
        comment = Comment(text)
        if not self.is_map:
            self.entries.append(comment)
        else:
            self.entries.append(Entry(comment, None))

    def made(self) -> Value:
        return Branch(tuple(self.entries)) if self.is_map else tuple(self.entries)


class _Builder:
    """Builds the documents from events."""

    def __init__(self, text: str, remarks: list[Remark]) -> None:
        self.documents: list[Branch] = []
        self._text = text
        self._remarks = deque(remarks)
        self._stack: list[_Frame] = []
        self._anchors: dict[str, tuple[Value, int] | None] = {}
        self._nodes = 0
        self._aliases = 0
        self._root: Value = None
        self._before: list[str] = []
        self._handlers: dict[type, Callable[[Any], None]] = {
            yaml.ScalarEvent: self._scalar,
            yaml.MappingStartEvent: self._open,
            yaml.SequenceStartEvent: self._open,
            yaml.MappingEndEvent: self._close,
            yaml.SequenceEndEvent: self._close,
            yaml.AliasEvent: self._alias,
            yaml.DocumentStartEvent: self._begin,
            yaml.DocumentEndEvent: self._end,
        }

    def take(self, event: Any) -> None:
        """Take the next event."""
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    def _begin(self, _: Any) -> None:
        self._root, self._before = None, []
        self._anchors.clear()

    def _end(self, event: Any) -> None:
        after = self._due(event.start_mark.index)
        root = Branch() if self._root is None else self._root
        if not isinstance(root, Branch):
            raise Malformed("A document of the file is not a map")
        comments = [Entry(Comment(each.text), None) for each in after]
        before = [Entry(Comment(text), None) for text in self._before]
        self.documents.append(Branch((*before, *root.entries, *comments)))

    def _due(self, index: int) -> list[Remark]:
        """Take the comments that stand before a place."""
        due = []
        while self._remarks and self._remarks[0].start < index:
            due.append(self._remarks.popleft())
        return due

    def _scalar(self, event: Any) -> None:
        self._count(event, 1)
        frame = self._stack[-1] if self._stack else None
        self._note(event)
        if frame is not None and frame.is_map and frame.key is None:
            self._begin_entry(frame, event)
            return
        self._trail(frame, event)
        value = _leaf(event)
        self._remember(event.anchor, value, 1)
        self._put(value)

    def _note(self, event: Any) -> None:
        """Put the comments before an event into the map or list that is open."""
        for remark in self._due(event.start_mark.index):
            self._add(remark.text)

    def _add(self, text: str) -> None:
        if self._stack:
            self._stack[-1].remark(text)
        else:
            self._before.append(text)

    def _trail(self, frame: _Frame | None, event: Any) -> None:
        """Put the comment at the end of a value's line before the value."""
        if frame is None or frame.column < 0:
            return
        line = (event.start_mark if event.style in {"|", ">"} else event.end_mark).line
        while self._remarks and not self._remarks[0].alone and self._remarks[0].line == line:
            self._add(self._remarks.popleft().text)

    def _begin_entry(self, frame: _Frame, event: Any) -> None:
        key = _leaf(event)
        if not isinstance(key, str):
            raise Malformed(f"A key in line {event.start_mark.line + 1} is not a text")
        if key in frame.keys:
            raise Malformed(f"A key in line {event.start_mark.line + 1} is there twice")
        frame.keys.add(key)
        frame.key = key
        self._remember(event.anchor, key, 1)

    def _open(self, event: Any) -> None:
        if len(self._stack) >= MAX_DEPTH:
            raise Malformed(f"The file is nested deeper than {MAX_DEPTH} levels")
        self._count(event, 1)
        parent = self._stack[-1] if self._stack else None
        if parent is not None and parent.is_map and parent.key is None:
            raise Malformed(f"A key in line {event.start_mark.line + 1} is not a text")
        inside = self._outside(parent, event)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        column = -1 if event.flow_style else event.start_mark.column
        frame = _Frame(
            isinstance(event, yaml.MappingStartEvent), column, event.anchor, self._nodes - 1
        )
        self._stack.append(frame)
        for remark in inside:
            frame.remark(remark.text)

    def _outside(self, parent: _Frame | None, event: Any) -> list[Remark]:
        """Place the comments before a map or list; return those that belong into it."""
        due = self._due(event.start_mark.index)
        if parent is None:
            self._before.extend(remark.text for remark in due)
            return []
        if parent.is_map:
            for remark in due:
                if not remark.alone:
                    parent.remark(remark.text)
            return [remark for remark in due if remark.alone]
        if not due:
            return []
        dash = self._dash(event.start_mark)
        for remark in due:
            if remark.start < dash:
                parent.remark(remark.text)
        return [remark for remark in due if remark.start >= dash]

    def _dash(self, mark: Any) -> int:
        """Return where the line of an item of a list begins."""
        return int(self._text.rfind("\n", 0, mark.index) + 1)

    def _close(self, event: Any) -> None:
        frame = self._stack[-1]
        for remark in self._inner(frame, event):
            frame.remark(remark.text)
        self._stack.pop()
        self._behind_brackets(frame, event)
        value = frame.made()
        self._remember(frame.anchor, value, self._nodes - frame.first)
        self._put(value)

    def _behind_brackets(self, frame: _Frame, event: Any) -> None:
        """Put the comment behind brackets inside them at the start, or before the item."""
        parent = self._stack[-1] if self._stack else None
        if frame.column >= 0 or parent is None or parent.column < 0:
            return
        while self._remarks and self._is_behind(self._remarks[0], event):
            text = self._remarks.popleft().text
            if parent.is_map:
                frame.entries.insert(
                    0, Entry(Comment(text), None) if frame.is_map else Comment(text)
                )
            else:
                parent.remark(text)

    @staticmethod
    def _is_behind(remark: Remark, event: Any) -> bool:
        return not remark.alone and remark.line == event.end_mark.line

    def _inner(self, frame: _Frame, event: Any) -> list[Remark]:
        """Take the comments that belong to the end of a map or list by their indentation."""
        outer = self._stack[-2].column if len(self._stack) > 1 else -1
        least = max(frame.column, outer + 1)
        inner = []
        while self._remarks and self._remarks[0].start < event.start_mark.index:
            if frame.column >= 0 and self._remarks[0].alone and self._remarks[0].column < least:
                break
            inner.append(self._remarks.popleft())
        return inner

    def _alias(self, event: Any) -> None:
        self._aliases += 1
        frame = self._stack[-1] if self._stack else None
        if frame is not None and frame.is_map and frame.key is None:
            raise Malformed("An alias cannot be a key")
        anchored = self._anchors.get(event.anchor)
        if anchored is None or self._aliases > MAX_ALIASES:
            raise Malformed("The file has an alias too many, or one that is unknown")
        value, size = anchored
        self._count(event, size)
        self._note(event)
        self._put(value)

    def _count(self, event: Any, size: int) -> None:
        self._nodes += size
        if self._nodes > MAX_NODES:
            raise _too_many()
        tag = getattr(event, "tag", None)
        if tag not in {None, "!"} and tag not in _KNOWN_TAGS:
            raise Malformed(f"A tag in line {event.start_mark.line + 1} is not allowed")

    def _remember(self, anchor: str | None, value: Value, size: int) -> None:
        if anchor is not None:
            self._anchors[anchor] = (value, size)

    def _put(self, value: Value) -> None:
        if not self._stack:
            self._root = value
            return
        frame = self._stack[-1]
        if not frame.is_map:
            frame.entries.append(value)
            return
        assert frame.key is not None  # noqa: S101 - a value follows its key
        frame.entries.append(Entry(frame.key, value))
        frame.key = None


def _leaf(event: Any) -> Leaf:
    """Return the value of a scalar by its tag, its quotes or its form."""
    tag = (event.tag or "").removeprefix(_TAG)
    if tag == "binary":
        return _binary(event.value)
    if tag in {"str", "merge", "!"} or (not tag and event.style):
        return str(event.value)
    value = plain_scalar(event.value)
    if tag == "float" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value


def _binary(text: str) -> str:
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise Malformed("A binary value of the file is not a text in base64") from None
