"""What payloads hint at, in our words, and how payloads are walked. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_NAME = 250
MOST_COMMENT = 4_096


@dataclass(frozen=True, slots=True)
class Hint:
    """A payload in our words (see `HookEvent`); `event` is "" where nobody here acts on it."""

    event: str = ""
    action: str = ""
    number: int | None = None
    sha: str = ""
    ref: str = ""
    actor: str = ""
    comment_id: str = ""
    comment: str = ""
    identifier: str = ""
    repository: str = ""
    """`owner/name` as the payload has it, "" if it has none."""
    refs: tuple[str, ...] = ()
    """All refs of a push, where one delivery tells of several."""


class Fields:
    """A JSON value that is walked without surprises: what is missing or odd is empty."""

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        """Walk `value`."""
        self._value = value

    def __getitem__(self, name: str) -> "Fields":
        return Fields(self._value.get(name) if isinstance(self._value, Mapping) else None)

    def __bool__(self) -> bool:
        return bool(self._value)

    @property
    def items(self) -> list["Fields"]:
        """The values of a list."""
        return [Fields(each) for each in self._value] if isinstance(self._value, list) else []

    @property
    def first(self) -> "Fields":
        """The first value of a list."""
        return Fields(self._value[0] if isinstance(self._value, list) and self._value else None)

    def text(self, most: int = _NAME) -> str:
        """Return a text or number as text, cut."""
        value = self._value
        if isinstance(value, bool) or not isinstance(value, str | int):
            return ""
        return str(value)[:most].replace("\0", "")

    @property
    def number(self) -> int | None:
        """A positive number that a database holds."""
        value = self._value
        whole = isinstance(value, int) and not isinstance(value, bool)
        return value if whole and 0 < value < 1 << 63 else None
