"""Freeze windows: when commits may become active, as Argo CD's sync windows. Pure.

`deny` wins over `allow`; where there is any `allow`, other times are closed. A window is open from
each date of its schedule for its duration.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from fnmatch import fnmatchcase
from typing import NamedTuple, Self

from app.config.git import WindowSettings
from app.errors import BadRequest
from app.flows.cron import Cron, parse_cron
from app.flows.cron_dates import next_date, previous_date
from app.flows.zones import zone_named
from app.sync.ownership import NamespaceKey

# So many digits that the end of a window is a date that there is.
_DURATION = re.compile(
    r"P(?:(\d{1,6})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,8})S)?)?\Z", re.ASCII
)
_STEPS = 1_000
"""Openings and closings that are looked at for the next time that lets commits through."""
_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Closed(NamedTuple):
    """Why a namespace may not move now. `by_hand`: a sync by hand passes all the same."""

    why: str
    by_hand: bool


@dataclass(frozen=True, slots=True)
class Window:
    """One window, read. `name` tells it to people."""

    allows: bool
    cron: Cron
    duration: timedelta
    zone: tzinfo
    namespaces: Sequence[str]
    by_hand: bool
    name: str

    @classmethod
    def of(cls, spec: WindowSettings) -> Self:
        """Read the settings of a window.

        Raises:
            BadRequest: when its schedule, its time zone or its duration is none.
        """
        try:
            cron, zone = parse_cron(spec.schedule), zone_named(spec.timezone)
        except ValueError as error:
            message = f"window {spec.schedule!r} ({spec.timezone}): {error}"
            raise BadRequest(message) from None
        duration = _duration(spec.duration)
        if duration <= timedelta(0):
            message = f"window {spec.schedule!r}: it is open for no time at all"
            raise BadRequest(message)
        name = f"{spec.kind} {spec.schedule!r} for {spec.duration} {spec.timezone}"
        if spec.reason:
            name = f"{name}: {spec.reason}"
        return cls(spec.kind == "allow", cron, duration, zone, spec.namespaces, spec.manual, name)

    def concerns(self, key: NamespaceKey) -> bool:
        """Return whether the window is for a namespace."""
        tenant, namespace = key
        return not self.namespaces or any(
            fnmatchcase(f"{tenant}/{namespace}" if "/" in pattern else namespace, pattern)
            for pattern in self.namespaces
        )

    def is_open(self, at: datetime) -> bool:
        """Return whether a time is inside of the window; its end is outside."""
        begun = previous_date(self.cron, at + _MICROSECOND, self.zone)
        return begun is not None and at < begun.astimezone(UTC) + self.duration

    def turns(self, after: datetime) -> Iterator[datetime]:
        """Yield the next times at which it may open or close, one of each."""
        if begun := previous_date(self.cron, after + _MICROSECOND, self.zone):
            end = begun.astimezone(UTC) + self.duration
            if end > after:
                yield end
        if opens := next_date(self.cron, after, self.zone):
            yield opens.astimezone(UTC)


class Windows:
    """All windows of a source."""

    def __init__(self, windows: Sequence[Window]) -> None:
        """None at all: commits become active at any time."""
        self._windows = tuple(windows)

    @classmethod
    def of(cls, specs: Iterable[WindowSettings]) -> Self:
        """Read the windows of a source; raises `BadRequest` for what is no window."""
        return cls([Window.of(each) for each in specs])

    def __bool__(self) -> bool:
        return bool(self._windows)

    def closed(self, key: NamespaceKey, at: int) -> Closed | None:
        """Return why a namespace may not move at a time (µs), None when it may."""
        return self._closed(key, _moment(at))

    def opens(self, keys: Iterable[NamespaceKey], after: int) -> int | None:
        """Return the first time (µs) after which one of these namespaces may move."""
        wanted, at = list(keys), _moment(after)
        for _ in range(_STEPS):
            # Until one of the windows in the way turns, what the others do does not matter.
            blocking = {window for key in wanted for window in self._in_the_way(key, at)}
            turns = [turn for window in blocking for turn in window.turns(at)]
            if not turns:
                return None
            at = min(turns)
            if any(self._closed(key, at) is None for key in wanted):
                return (at - _EPOCH) // _MICROSECOND
        return None

    def _closed(self, key: NamespaceKey, at: datetime) -> Closed | None:
        blocking = self._in_the_way(key, at)
        return _because(blocking) if blocking else None

    def _in_the_way(self, key: NamespaceKey, at: datetime) -> list[Window]:
        concerned = [each for each in self._windows if each.concerns(key)]
        denying = [each for each in concerned if not each.allows and each.is_open(at)]
        allowing = [each for each in concerned if each.allows]
        if denying or any(each.is_open(at) for each in allowing):
            return denying
        return allowing


def _because(windows: Sequence[Window]) -> Closed:
    """Return what is told; every window that is in the way has to let a sync by hand pass."""
    return Closed(windows[0].name, all(each.by_hand for each in windows))


def _moment(at: int) -> datetime:
    return _EPOCH + timedelta(microseconds=at)


def _duration(text: str) -> timedelta:
    match = _DURATION.match(text)
    if match is None:
        message = f"{text!r} is no ISO 8601 duration, such as PT8H, or too long a one"
        raise BadRequest(message)
    days, hours, minutes, seconds = (int(each or 0) for each in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
