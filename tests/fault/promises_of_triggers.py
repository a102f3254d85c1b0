"""Promises of triggers: one execution for each reason, and none is missed (T1, T2; contract D7)."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise

from tests.fault.history import Row
from tests.fault.landscape import History, ends

_SECOND = 1_000_000


def scheduled(history: History) -> Iterator[str]:
    """T1, T2: every date between the first and the last has exactly one execution."""
    for flow in ("ticks", "crowd"):
        dates = sorted(_date(rows[0]) for _, rows in history.of(flow))
        for date, count in Counter(dates).items():
            if count > 1:
                yield f"T1 {flow} fired {count} times for {date}"
        last = max(dates[-1:], [history.until // _SECOND])[0]
        wanted = range(dates[0], last + 1) if dates else [last]
        yield from (f"T2 {flow} has not fired for {date}" for date in sorted({*wanted} - {*dates}))


def _date(row: Row) -> int:
    text = row.data["trigger"]["variables"]["date"]
    return int(datetime.fromisoformat(text).timestamp())


def patient(history: History) -> Iterator[str]:
    """D7: without `allowConcurrent` a schedule waits for the end of its execution."""
    spans = sorted(
        (rows[0].at, max((end.at for end in ends(rows)), default=rows[0].at), each)
        for each, rows in history.of("ticks")
    )
    for (_, end, one), (start, _, other) in pairwise(spans):
        if start < end:
            yield f"D7 {other} was started while {one} ran"


def heard(history: History) -> Iterator[str]:
    """T1, T2: exactly one execution of a listener for each end of what it listens to."""
    started = Counter(
        (rows[0].data["trigger"]["id"], rows[0].data["trigger"]["variables"]["executionId"])
        for _, rows in history.of("heard")
    )
    for flow in ("ticks", "flaky", "renewing", "limited"):
        for execution, rows in history.of(flow):
            count, told = len(ends(history.own(rows))), started.pop((flow, execution), 0)
            if told != count:
                yield f"T1 {execution} of {flow} ended {count} times, {told} listeners started"
    yield from (f"T1 a listener heard of {each}, which nobody knows" for each in started)
    if history.unheard:
        yield f"T2 {history.unheard} states wait to be told"


def joined(history: History) -> Iterator[str]:
    """T1, T2: exactly one execution for each pair that preconditions waited for."""
    by = Counter(
        rows[0].data["trigger"]["variables"]["executionId"] for _, rows in history.of("joined")
    )
    for number, pair in enumerate(history.rounds):
        if (count := sum(by.pop(execution, 0) for execution in pair)) != 1:
            yield f"T1 pair {number} {pair} started {count} executions"
    yield from (f"T1 {each} is of no pair and started an execution" for each in by)
