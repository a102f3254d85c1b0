"""The wall clock, guarded: it never goes backwards within a process (contract D13)."""

import time


class SystemClock:
    """Microseconds since the epoch from a monotonic base; a jump of over 2 s re-anchors."""

    _JUMP = 2_000_000

    def __init__(self) -> None:
        """Anchor the monotonic clock to the wall clock of now."""
        self._offset = time.time_ns() // 1000 - time.monotonic_ns() // 1000
        self._last = 0

    def now(self) -> int:
        """Return microseconds since the epoch."""
        monotonic = time.monotonic_ns() // 1000
        offset = time.time_ns() // 1000 - monotonic
        if not -self._JUMP <= offset - self._offset <= self._JUMP:
            self._offset = offset
        now = monotonic + self._offset
        if now > self._last:  # noqa: PLR1730 - `max` costs as much as all the rest, for each event
            self._last = now
        return self._last
