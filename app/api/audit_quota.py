"""How many denials are noted: a few of each kind in a minute, and the number of the rest."""

from collections.abc import Hashable

_MINUTE = 60_000_000
"""µs"""
_KINDS = 10_000
"""Kinds that are told apart at once; of further ones nothing is noted until the minute is over."""
_ALL = 100
"""How many times what is noted of one kind is noted of all together."""


class Quota:
    """Counts denials by kind: who, where, how."""

    def __init__(self, most: int) -> None:
        """Note at most `most` of one kind in a minute."""
        self._most = most
        self._minute = 0
        self._seen: dict[Hashable, int] = {}
        self._noted = 0
        self._missed = 0

    def ask(self, kind: Hashable, now: int) -> tuple[bool, int]:
        """Return whether a denial is to be noted, and how many were not since the last one."""
        minute = now // _MINUTE
        if minute != self._minute:
            self._minute = minute
            self._seen.clear()
            self._noted = 0
        seen = self._seen.get(kind, 0)
        room = kind in self._seen or len(self._seen) < _KINDS
        if not room or seen >= self._most or self._noted >= self._most * _ALL:
            self._missed += 1
            return False, 0
        self._seen[kind] = seen + 1
        self._noted += 1
        missed, self._missed = self._missed, 0
        return True, missed
