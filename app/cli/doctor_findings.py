"""What `headwater doctor` finds: one thing, how bad it is, and the way out."""

from typing import Literal, NamedTuple

Level = Literal["broken", "unsafe", "warning", "note", "ok"]

ORDER: tuple[Level, ...] = ("broken", "unsafe", "warning", "note", "ok")
FAILING = frozenset[Level](("broken", "unsafe"))


class Finding(NamedTuple):
    """One thing that was looked at."""

    level: Level
    check: str
    """What was looked at: a setting, a file, a program."""
    message: str
    fix: str = ""
    """What to do about it."""
