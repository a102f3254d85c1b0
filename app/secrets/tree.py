"""What a SOPS document holds, in order and with its comments."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment, without its `#`."""

    text: str


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A point in time, written as Go writes RFC 3339 with as many digits as there are."""

    text: str


Leaf: TypeAlias = str | int | float | bool | Timestamp | None


class Entry(NamedTuple):
    """A key with its value, or a comment between two of them (then without a value)."""

    key: str | Comment
    value: "Value"


@dataclass(frozen=True, slots=True)
class Branch:
    """A map with comments."""

    entries: tuple[Entry, ...] = ()

    def items(self) -> Iterator[tuple[str, "Value"]]:
        """Yield the keys and values without the comments."""
        for key, value in self.entries:
            if isinstance(key, str):
                yield key, value

    def get(self, name: str) -> "Value":
        """Return the value of a key, None if it is not there."""
        return next((value for key, value in self.items() if key == name), None)

    def with_value(self, name: str, value: "Value") -> "Branch":
        """Return the map with a value replaced in its place, or added at the end."""
        if not any(key == name for key, _ in self.items()):
            return Branch((*self.entries, Entry(name, value)))
        return Branch(
            tuple(Entry(each, value if each == name else old) for each, old in self.entries)
        )

    def without(self, name: str) -> "Branch":
        """Return the map without a key."""
        return Branch(tuple(entry for entry in self.entries if entry.key != name))


Value: TypeAlias = Leaf | Comment | Branch | tuple[Any, ...]
"""A tuple is a list; its items are values."""


def plain(value: Value) -> Any:
    """Return a value as dicts, lists and scalars; comments are dropped, times become texts."""
    if isinstance(value, Branch):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [plain(item) for item in value if not isinstance(item, Comment)]
    return value.text if isinstance(value, Timestamp) else value
