"""Task logs: lines gathered per turn of the loop, masked, limited, written in one batch (D16)."""

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from app.engine.limits import LogLimits
from app.engine.secrecy import masked
from app.flows import names
from app.ports import Clock, Journal, LogEntry, MetricEntry

LEVELS = names.LEVELS
"""Kestra's level names and their order."""


class LogSink:
    """Where all task logs and metrics of a node go through."""

    def __init__(self, journal: Journal) -> None:
        """Write to `journal`."""
        self._journal = journal
        self._lines: list[LogEntry] = []
        self._metrics: list[MetricEntry] = []
        self._scheduled = False
        self._written: asyncio.Future[Any] | None = None
        self.listeners: dict[str, list[Callable[[LogEntry], None]]] = {}

    def line(self, entry: LogEntry) -> None:
        """Take a line."""
        self._lines.append(entry)
        for listener in self.listeners.get(entry.execution_id, ()):
            listener(entry)
        self._schedule()

    def metric(self, entry: MetricEntry) -> None:
        """Take a figure."""
        self._metrics.append(entry)
        self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self.flush)

    def flush(self) -> None:
        """Hand over what is gathered."""
        self._scheduled = False
        lines, self._lines = self._lines, []
        metrics, self._metrics = self._metrics, []
        if lines:
            self._written = self._journal.write_logs(lines)
        if metrics:
            self._written = self._journal.write_metrics(metrics)

    async def settled(self) -> None:
        """Wait until everything taken so far is where readers find it (or lost)."""
        self.flush()
        if self._written is not None:  # it is all written in the order it came in
            await asyncio.wait({self._written})


class LogOrigin(NamedTuple):
    """Where log lines come from."""

    execution_id: str
    task_run_id: str
    task_id: str
    attempt: int


class Budget:
    """What a task run may still write: lines, bytes, and a sustained rate (a token bucket)."""

    __slots__ = ("_at", "_bytes", "_limits", "_lines", "_tokens")

    def __init__(self, limits: LogLimits) -> None:
        """Start with all of it."""
        self._limits = limits
        self._bytes = limits.total_bytes
        self._lines = limits.lines
        self._tokens = limits.per_second
        self._at = 0

    def take(self, size: int, now: int) -> bool:
        """Whether a line of `size` bytes may be written `now` (µs)."""
        rate = self._limits.per_second
        self._tokens = min(rate, self._tokens + (now - self._at) * rate / 1_000_000)
        self._at = now
        if self._tokens < 1 or self._lines < 1 or self._bytes < size:
            return False
        self._tokens -= 1
        self._lines -= 1
        self._bytes -= size
        return True


class Sink(Protocol):
    """Where the lines of a log go."""

    def line(self, entry: LogEntry) -> None:
        """Take a line."""
        ...


class TaskRunLog:
    """The log of one task run."""

    __slots__ = ("_budget", "_clock", "_dropped", "_least", "_line_bytes", "_origin", "_secrets",
                 "_sink")  # fmt: skip

    def __init__(
        self,
        sink: Sink,
        clock: Clock,
        origin: LogOrigin,
        secrets: set[str],
        limits: LogLimits,
        least: str | None = None,
    ) -> None:
        """Log for the task run `origin`; `least` is the lowest level that is kept."""
        self._sink = sink
        self._clock = clock
        self._origin = origin
        self._secrets = secrets
        self._least = LEVELS.get(least or "TRACE", 0)
        self._line_bytes = limits.line_bytes
        self._budget = Budget(limits)
        self._dropped = 0

    def write(self, level: str, message: str) -> None:
        """Log at the level of this name."""
        number = LEVELS[level]
        if number < self._least:
            return
        now = self._clock.now()
        message = shortened(masked(storable(message), self._secrets), self._line_bytes)
        if not self._budget.take(len(message), now):
            self._drop(now)
            return
        self._dropped = 0
        self._put(number, now, message)

    def _drop(self, now: int) -> None:
        """Say once that lines are missing; the task goes on."""
        self._dropped += 1
        if self._dropped == 1:
            self._put(LEVELS["WARN"], now, "lines are dropped here: this log is over its limit")

    def _put(self, level: int, now: int, message: str) -> None:
        self._sink.line(LogEntry(*self._origin, level, now, message))

    def trace(self, message: str) -> None:
        """Log at TRACE."""
        self.write("TRACE", message)

    def debug(self, message: str) -> None:
        """Log at DEBUG."""
        self.write("DEBUG", message)

    def info(self, message: str) -> None:
        """Log at INFO."""
        self.write("INFO", message)

    def warn(self, message: str) -> None:
        """Log at WARN."""
        self.write("WARN", message)

    def error(self, message: str) -> None:
        """Log at ERROR."""
        self.write("ERROR", message)


def shortened(text: str, limit: int) -> str:
    """Return the text, or its beginning and how much is missing."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]} … ({len(text) - limit} characters dropped)"


def storable(text: str) -> str:
    """Return the text without what a database cannot keep: lone surrogates and NUL."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
