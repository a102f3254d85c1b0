"""Windows of time in which results of executions count, and what is remembered in them.

Pure arithmetic: the time is given, in the zone of the server.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from typing import Any, Final

from app.flows.preconditions import TimeWindow
from app.flows.upstream import Window

_DAY: Final = timedelta(days=1)
_HOUR: Final = timedelta(hours=1)
_MINUTE: Final = timedelta(minutes=1)
_MILLISECOND: Final = timedelta(milliseconds=1)
ALWAYS: Final = timedelta(days=36525)
"""The length of a window that does not end."""


@dataclass(frozen=True, slots=True)
class Frame:
    """How the windows lie in time.

    `kind`: aligned (cut at multiples of `length`, shifted by `shift`), sliding (from the first
    result on), daily (from `start` to `end`), lookback (each result counts for `length`), always.
    """

    kind: str
    length: timedelta = _DAY
    shift: timedelta = timedelta(0)
    start: time = time.min
    end: time = time.max

    @property
    def ends(self) -> bool:
        """Whether every window ends at a time that is known before anything happens in it."""
        return self.kind in ("aligned", "daily")

    def span(self, now: datetime) -> tuple[datetime, datetime]:
        """Return the first and the last instant of the window that a result of now belongs to."""
        match self.kind:
            case "aligned":
                return self._aligned(now)
            case "daily":
                return self._daily(now)
            case "always":
                return now, now + ALWAYS
            case _:
                return now, now + self.length

    def _aligned(self, now: datetime) -> tuple[datetime, datetime]:
        start = now.replace(microsecond=0)
        if self.length >= _DAY:
            start = start.replace(hour=0)
        if self.length >= _HOUR:
            start = start.replace(minute=0)
        if self.length >= _MINUTE:
            minutes = self.length // _MINUTE
            start = start.replace(minute=start.minute // minutes * minutes, second=0)
        start += self.shift
        return start, start + self.length - _MILLISECOND

    def _daily(self, now: datetime) -> tuple[datetime, datetime]:
        today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        start, end = _at(today, self.start), _at(today, self.end)
        if self.end < self.start:  # over midnight
            if now.time() > self.end:
                end = _at(today + _DAY, self.end)
            else:
                start = _at(today - _DAY, self.start)
        return start, end


def _at(day: datetime, clock: time) -> datetime:
    return datetime.combine(day.date(), clock, day.tzinfo)


def frame_of(window: TimeWindow) -> Frame:
    """Return the frame of a window of preconditions."""
    match window.type:
        case "SLIDING_WINDOW":
            return Frame("sliding", window.window or _DAY)
        case "DAILY_TIME_WINDOW":
            return Frame(
                "daily", start=window.start_time or time.min, end=window.end_time or time.max
            )
        case "DAILY_TIME_DEADLINE":
            return Frame("daily", end=window.deadline or time.max)
        case _:
            return Frame("aligned", window.window or _DAY, window.window_advance or timedelta(0))


def frame_of_second(window: Window | None) -> Frame:
    """Return the frame of a `window` in the form of Kestra 2; without one results stay for ever."""
    if window is None:
        return Frame("always")
    if window.deadline is not None:
        return Frame("daily", end=window.deadline)
    if window.from_ is not None or window.to is not None:
        return Frame("daily", start=window.from_ or time.min, end=window.to or time.max)
    if window.every is not None:
        return Frame("aligned", window.every, window.offset or timedelta(0))
    if window.lookback is not None:
        return Frame("lookback", window.lookback)
    return Frame("always")


@dataclass(frozen=True, slots=True)
class Memory:
    """What is remembered in one window: results by the name of their condition."""

    start: datetime
    end: datetime
    results: Mapping[str, str] = field(default_factory=dict)
    """Name of the condition → id of the execution for which it held."""
    outputs: Mapping[str, Any] = field(default_factory=dict)
    times: Mapping[str, datetime] = field(default_factory=dict)
    fired: bool = False

    def expired(self, now: datetime) -> bool:
        """Whether the window is over."""
        return self.end < now

    def holds_at(self, now: datetime) -> bool:
        """Whether a result of now counts in this window."""
        return self.start <= now <= self.end


def current(frame: Frame, memory: Memory | None, now: datetime) -> Memory:
    """Return what is remembered now: that of the window so far, or nothing in a new one."""
    if frame.kind == "lookback" and memory is not None:
        return _fresh(frame, memory, now)
    if memory is not None and memory.holds_at(now):
        return memory
    return Memory(*frame.span(now))


def _fresh(frame: Frame, memory: Memory, now: datetime) -> Memory:
    """Return a memory without the results that are too old."""
    kept = {name for name, at in memory.times.items() if now - at <= frame.length}
    return Memory(
        now,
        now + frame.length,
        {name: each for name, each in memory.results.items() if name in kept},
        {name: each for name, each in memory.outputs.items() if name in kept},
        {name: each for name, each in memory.times.items() if name in kept},
        memory.fired and bool(kept),
    )


def remembering(
    memory: Memory, names: Mapping[str, str], outputs: Mapping[str, Any], now: datetime
) -> Memory:
    """Return a memory with more results; outside of its window nothing is kept."""
    if not names or not memory.holds_at(now):
        return memory
    return replace(
        memory,
        results={**memory.results, **names},
        outputs={**memory.outputs, **outputs},
        times={**memory.times, **dict.fromkeys(names, now)},
    )
