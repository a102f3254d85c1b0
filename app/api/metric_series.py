"""Metrics over time: stretches of a period, each with what the figures in it come to.

As in Kestra, the longer the period, the longer its stretches; those without figures are 0.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

from app.api.log_json import metric_value
from app.api.times import instant
from app.db.metrics import Totals

Aggregation = Literal["sum", "avg", "min", "max"]

_MINUTE = 60 * 1_000_000
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR


class Stretch(NamedTuple):
    """How a period is cut: by `name`; `width` (µs) is what the database groups by."""

    name: str
    width: int


def stretch_of(length: int) -> Stretch:
    """Return how a period of `length` µs is cut."""
    if length > 365 * _DAY:
        return Stretch("month", _DAY)
    if length > 180 * _DAY:
        return Stretch("week", _DAY)
    if length > _DAY:
        return Stretch("day", _DAY)
    if length > 6 * _HOUR:
        return Stretch("hour", _HOUR)
    return Stretch("minute", _MINUTE)


def series(
    name: str,
    totals: Sequence[Totals],
    stretch: Stretch,
    since: int,
    until: int,
    aggregation: Aggregation,
) -> list[dict[str, Any]]:
    """Return one entry for each stretch of the period, in order."""
    found: dict[int, list[Totals]] = {start: [] for start in _starts(stretch, since, until)}
    for each in totals:
        found.setdefault(_start(stretch, each.start * stretch.width), []).append(each)
    return [
        {"name": name, "date": instant(start), "value": _value(within, aggregation)}
        for start, within in sorted(found.items())
    ]


def _starts(stretch: Stretch, since: int, until: int) -> Iterator[int]:
    at = since // stretch.width * stretch.width
    while at <= until:
        yield _start(stretch, at)
        at += stretch.width


def _start(stretch: Stretch, at: int) -> int:
    """Return when the stretch began that `at` lies in (UTC)."""
    if stretch.name == "month":
        moment = instant(at)
        return at // _DAY * _DAY - (moment.day - 1) * _DAY
    if stretch.name == "week":
        return at // _DAY * _DAY - instant(at).weekday() * _DAY
    return at // stretch.width * stretch.width


def _value(within: Sequence[Totals], aggregation: Aggregation) -> float:
    if not within:
        return 0.0
    total = sum(each.total for each in within)
    value = {
        "sum": total,
        "avg": total / sum(each.number for each in within),
        "min": min(each.least for each in within),
        "max": max(each.most for each in within),
    }[aggregation]
    return metric_value(within[0].kind, value)
